"""No entry of a cpio archive leaves the folder it is extracted to."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.archives import cpio_paths
from hardboot.formats.archives.cpio import Archive, Entry


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("init", ("init",)),
        ("./a/b", ("a", "b")),
        ("/etc//rc/", ("etc", "rc")),
        (".", ()),
        ("...", ("...",)),
        ("a..b", ("a..b",)),
        ("init.usb:rc", ("init.usb:rc",)),
    ],
)
def test_a_harmless_name_stays_below_the_folder(name: str, parts: tuple[str, ...]) -> None:
    assert cpio_paths.relative_parts(name) == parts


@pytest.mark.parametrize(
    "name", ["..", "../x", "a/../../x", "/..", "a\0b", "a\\..\\b", "C:", "a/C:x", "C:/x"]
)
def test_a_name_that_leaves_the_folder_is_refused(name: str) -> None:
    with pytest.raises(InputError, match="would leave the folder"):
        cpio_paths.relative_parts(name)


@settings(deadline=None)
@given(st.text(alphabet="ab./\\:\0é", max_size=12))
def test_no_name_leaves_the_folder(name: str) -> None:
    with suppress(InputError):
        path = Path("/folder", *cpio_paths.relative_parts(name))
        assert Path("/folder") in [path, *path.parents]
        assert ".." not in path.parts


def link(name: str, target: str) -> Entry:
    return Entry(name, 0o120777, target.encode())


def test_an_entry_behind_a_link_is_refused() -> None:
    first = Archive("newc", (link("etc", "/etc"), Entry("b", 0o040755)))
    second = Archive("newc", (Entry("./etc/passwd", 0o100644),))
    assert [parts for parts, _ in cpio_paths.to_extract([first])] == [("etc",), ("b",)]
    with pytest.raises(InputError, match="behind the link 'etc'"):
        list(cpio_paths.to_extract([first, second]))
    replaced = Archive("newc", (Entry("etc", 0o040755), Entry("etc/passwd", 0o100644)))
    assert len(list(cpio_paths.to_extract([first, replaced]))) == 4
