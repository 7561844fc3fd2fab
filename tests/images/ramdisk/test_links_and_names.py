"""hardboot ramdisk extract: links that lead elsewhere, and names that a computer cannot hold."""

import json
import os
import re
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import hardboot
from ramdisk_command import FILE, FOLDER, LINK, build, listed, refused, tree

from hardboot.base.errors import InputError
from hardboot.formats.archives import cpio, rootfs
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.images import ramdisk
from hardboot.images.ramdisk import extracting


def test_names_that_only_windows_cannot_hold_are_extracted_appended_and_replaced(tmp_path: Path) -> None:
    names = [r"lib/systemd/a\x2db.slice", "dev/C:", "init.usb:rc", "CON", "trailing. ", r"..\x", "a\nb", "*?"]
    packed = build(tmp_path / "rd", tuple(Entry(name, FILE, name.encode()) for name in names))
    done = hardboot("ramdisk", "extract", packed, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert {name: (tmp_path / "out" / name).read_text() for name in names} == {name: name for name in names}
    (tmp_path / "out" / names[0]).write_bytes(b"changed")
    (tmp_path / "out" / r"new\:").write_bytes(b"added")
    done = hardboot("--json", "ramdisk", "append", packed, tmp_path / "out")
    assert json.loads(done.stdout)["names"] == [names[0], r"new\:"]
    assert hardboot("ramdisk", "replace", packed, names[1], tmp_path / "rd").returncode == 0


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        (r"a\x2db", r"Windows allows no '\\' in names"),
        ("C:x", "Windows allows no ':' in names"),
        ("a\tb", r"Windows allows no '\t' in names"),
        ("a.", "Windows allows no name that ends with '.'"),
        ("nul.txt", "Windows keeps this name for a device"),
        ("COM1 .txt", "Windows keeps this name for a device"),
    ],
)
def test_windows_refuses_a_name_only_if_its_file_is_extracted(
    name: str, reason: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardboot.images.ramdisk.host_names.WINDOWS", True)
    entries = (Entry("init", FILE), Entry(f"d/{name}/x", FILE), Entry("null.txt", FILE))
    packed = build(tmp_path / "rd", (*entries, Entry("dev:", 0o020600)))
    with pytest.raises(InputError, match=re.escape(reason)):
        ramdisk.extract(packed, tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert ramdisk.extract(packed, tmp_path / "out", ["init", "null.txt"]).written == 2
    left_out = build(tmp_path / "device", (Entry("init", FILE), Entry("dev:", 0o020600)))
    assert ramdisk.extract(left_out, tmp_path / "out2").left_out == ("dev:",)
    (tmp_path / "more").mkdir()
    (tmp_path / "more/y").write_bytes(b"y")
    assert ramdisk.append(packed, tmp_path / "more", tmp_path / "rd2").names == ("y",)


USRMERGE = (Entry("usr", FOLDER), Entry("usr/lib", FOLDER), Entry("lib", LINK, b"usr/lib"))


def test_files_behind_a_link_are_where_gnu_cpio_puts_them_also_across_archives(tmp_path: Path) -> None:
    archives = (
        (*USRMERGE, Entry("lib/a", FILE, b"1"), Entry("./lib/d", FOLDER), Entry("bin", LINK, b"lib/d")),
        (Entry("lib/a", FILE, b"2"), Entry("bin/sh", 0o100755, b"sh"), Entry("usr/lib/../x", FILE, b"x")),
    )
    packed = build(tmp_path / "rd", *archives)
    done = hardboot("ramdisk", "extract", packed, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    (tmp_path / "gnu").mkdir()
    for entries in archives:
        content = b"".join(cpio.build([Archive("newc", entries)]))
        command = ["cpio", "-iu", "--quiet"]
        subprocess.run(command, input=content, cwd=tmp_path / "gnu", check=True, timeout=60)
    assert tree(tmp_path / "out") == tree(tmp_path / "gnu")
    assert (tmp_path / "out/usr/lib/a").read_bytes() == b"2"


def test_links_lead_nowhere_but_into_the_folder(tmp_path: Path) -> None:
    """GNU cpio would write to /etc here; Linux and chroot would not."""
    (tmp_path / "etc").mkdir()
    links = (Entry("up", LINK, b"../.."), Entry("etc", LINK, bytes(tmp_path / "etc")))
    entries = (Entry("up/x", FILE), Entry("etc/passwd", FILE), Entry("../../y", FILE))
    done = hardboot("ramdisk", "extract", build(tmp_path / "rd", (*links, *entries)), tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert list((tmp_path / "etc").iterdir()) == []
    inside = tmp_path / "out" / tmp_path.relative_to("/") / "etc"
    assert [path.name for path in inside.iterdir()] == ["passwd"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == sorted(
        {"up", "etc", "x", "y", tmp_path.parts[1]}
    )


def test_a_name_behind_a_link_is_extracted_with_the_link_replaced_and_appended(tmp_path: Path) -> None:
    packed = build(tmp_path / "rd", (*USRMERGE, Entry("lib/a", FILE, b"1", gid=7), Entry("lib/b", FILE)))
    assert hardboot("ramdisk", "extract", packed, tmp_path / "out", "lib/a").returncode == 0
    assert list(tree(tmp_path / "out")) == ["lib", "usr", "usr/lib", "usr/lib/a"]
    assert (tmp_path / "out/lib/a").read_bytes() == b"1"
    (tmp_path / "new").write_bytes(b"2")
    for name in ("usr/lib/a", "lib/a", "usr/../lib/a"):
        assert (
            hardboot("ramdisk", "replace", packed, name, tmp_path / "new", "-o", tmp_path / "rd2").returncode
            == 0
        )
        assert listed(tmp_path / "rd2")[3] == {**listed(packed)[3], "size": 1}
    folder = tmp_path / "more"
    (folder / "lib").mkdir(parents=True)
    (folder / "lib/a").write_bytes(b"1")
    assert refused("append", packed, folder).endswith("the ramdisk has all of it already")
    (folder / "lib/a").write_bytes(b"2")
    (folder / "lib/c").write_bytes(b"3")
    assert hardboot("ramdisk", "append", packed, folder).returncode == 0
    added = [(entry["name"], entry["gid"]) for entry in listed(packed)[5:]]
    assert added == [("lib/a", 7), ("lib/c", 0)]
    assert hardboot("ramdisk", "extract", packed, tmp_path / "again").returncode == 0
    assert os.readlink(tmp_path / "again/lib") == "usr/lib"  # noqa: PTH115
    assert [(tmp_path / "again/usr/lib" / name).read_bytes() for name in "abc"] == [b"2", b"", b"3"]


def test_what_linux_cannot_unpack_is_told_and_the_rest_extracted(tmp_path: Path) -> None:
    entries = (Entry("f", FILE, b"1"), Entry("f/x", FILE), Entry("d/x", FILE), Entry("d", LINK, b"/"))
    done = hardboot("ramdisk", "extract", build(tmp_path / "rd", entries), tmp_path / "out")
    assert done.stdout.splitlines() == [
        f"{tmp_path}/out: 2 entries extracted",
        "  ignored   f/x: it lies below 'f', which is not a folder; Linux does not unpack it either",
        "  ignored   d: it is a folder already, with files in it; Linux does not unpack it either",
    ]
    assert list(tree(tmp_path / "out")) == ["d", "d/x", "f"]


def test_a_name_that_is_too_long_here_is_refused_and_leaves_nothing(tmp_path: Path) -> None:
    packed = build(tmp_path / "rd", (Entry("d", FOLDER), Entry("x" * 300, FILE)))
    said = refused("extract", packed, tmp_path / "out")
    assert said.endswith(f"{'x' * 80!r} cannot be written: file name too long")
    assert [path.name for path in tmp_path.iterdir()] == ["rd"]
    assert hardboot("ramdisk", "extract", packed, tmp_path / "out", "d").returncode == 0


@pytest.mark.parametrize(
    "entry", [Entry("a/x", FILE), Entry("a", FILE), Entry("a", FOLDER), Entry("a", LINK, b"b")]
)
def test_a_link_whose_name_differs_in_case_only_is_never_followed(entry: Entry, tmp_path: Path) -> None:
    """On a file system that ignores case "A" is found at "a", though no entry has that name."""
    (tmp_path / "outside").mkdir()
    root = tmp_path / "root"
    root.mkdir()
    (root / "a").symlink_to(tmp_path / "outside")
    nodes = list(rootfs.unpack([Archive("newc", (entry,))]).walk())
    with pytest.raises(
        InputError, match="'a' and another name are the same here: this file system ignores case"
    ):
        extracting._write(root, nodes)
    assert list((tmp_path / "outside").iterdir()) == []


NAMES = st.lists(st.sampled_from(["a", "b", "..", ".", ""]), min_size=1, max_size=3).map("/".join)
ENTRIES = st.lists(
    st.one_of(
        st.builds(Entry, NAMES, st.just(LINK), st.sampled_from([b"..", b"../outside", b"a", b"b/..", b"/"])),
        st.builds(Entry, NAMES, st.sampled_from([FILE, FOLDER]), st.just(b"")),
    ),
    max_size=6,
)


@settings(max_examples=200)
@given(ENTRIES)
def test_no_archive_writes_outside_of_the_folder(
    tmp_path_factory: pytest.TempPathFactory, entries: list[Entry]
) -> None:
    place = tmp_path_factory.mktemp("place")
    (place / "outside").mkdir()
    build(place / "rd", tuple(entries))
    with suppress(InputError):
        ramdisk.extract(place / "rd", place / "folder")
    assert {path.name for path in place.iterdir()} - {"folder"} == {"outside", "rd"}
    assert list((place / "outside").iterdir()) == []
