"""Changed cpio archives, read by GNU cpio."""

from pathlib import Path

import pytest
from cpio_archives import END, newc, packed, parsed, unpacked, written

from hardboot.base.errors import InputError
from hardboot.formats.archives import cpio_changes
from hardboot.formats.archives.cpio import Entry

KINDS = pytest.mark.parametrize("kind", ["newc", "crc", "odc"])


@KINDS
def test_gnu_cpio_reads_an_archive_with_a_changed_file(folder: Path, kind: str, tmp_path: Path) -> None:
    (archive,) = parsed(packed(folder, kind))
    for content in (b"", b"other", bytes(9999)):
        changed = cpio_changes.replaced(archive, "/init", content)
        target = tmp_path / str(len(content))
        unpacked(written((changed,)), target)
        assert (target / "init").read_bytes() == content
        assert (target / "init").stat().st_mode == (folder / "init").stat().st_mode
        assert (target / "sbin/xxxx").read_bytes() == b"abc"
        assert (target / "link").readlink() == Path("sbin/xx")


@pytest.mark.parametrize("kind", ["newc", "crc", "odc"])
@pytest.mark.parametrize("name", ["a", "b"])
def test_a_changed_file_is_changed_under_all_its_names(tmp_path: Path, kind: str, name: str) -> None:
    """GNU cpio writes the content of hard links to the last one (newc, crc) or to all (odc)."""
    folder = tmp_path / "in"
    folder.mkdir()
    (folder / "a").write_bytes(b"old content")
    (folder / "b").hardlink_to(folder / "a")
    (folder / "c").write_bytes(b"another file")
    (archive,) = parsed(packed(folder, kind))
    changed = cpio_changes.replaced(archive, name, b"new")
    data = {entry.name: bytes(entry.data) for entry in changed.entries}
    first = b"new" if kind == "odc" else b""
    assert [data["a"], data["b"], data["c"]] == [first, b"new", b"another file"]
    unpacked(written((changed,)), tmp_path / "out")
    assert [(tmp_path / "out" / one).read_bytes() for one in "ab"] == [b"new", b"new"]


def test_an_appended_archive_leaves_the_others_as_they_were(folder: Path, tmp_path: Path) -> None:
    data = packed(folder, "newc") + packed(folder, "odc")[:-3]
    archives = parsed(data + bytes(2))
    more = cpio_changes.appended(archives, [Entry("hook", 0o100755, b"#!/bin/sh\n")])
    out = written(more)
    assert out.startswith(data)
    assert parsed(out)[-1].offset % 4 == 0
    found = parsed(out)
    assert [archive.kind for archive in found] == ["newc", "odc", "newc"]
    assert found[-1].entries == more[-1].entries
    assert found[:1] == archives[:1]
    unpacked(out[found[-1].offset :], tmp_path / "x")
    assert (tmp_path / "x/hook").read_bytes() == b"#!/bin/sh\n"


def test_the_last_entry_of_a_name_wins() -> None:
    (archive,) = parsed(newc(b"./etc/rc", b"1") + newc(b"/etc/rc", b"2") + END)
    found = archive.find("etc/rc")
    assert found is not None
    assert found.data == b"2"
    changed = cpio_changes.replaced(archive, "etc/rc", b"3")
    assert [bytes(entry.data) for entry in changed.entries] == [b"1", b"3"]
    assert archive.find("etc") is None
    with pytest.raises(InputError, match="not a file"):
        cpio_changes.replaced(archive, "etc", b"")


def test_a_crc_archive_gets_the_sum_of_new_content(folder: Path) -> None:
    (archive,) = parsed(packed(folder, "crc"))
    changed = cpio_changes.replaced(archive, "init", b"\xff" * 1000)
    found = changed.find("init")
    assert found is not None
    assert found.check == 255_000
