"""hardboot ramdisk extract: files, folders, devices and limits; GNU cpio is the other side."""

import json
import os
import stat
from pathlib import Path

import pytest
from in_process import hardboot
from ramdisk_command import FILE, FOLDER, LINK, build, refused, tree

from hardboot.formats.archives.cpio import Entry
from hardboot.images.ramdisk import extracting


def test_extract_writes_what_gnu_cpio_packed(source: Path, packed: Path, tmp_path: Path) -> None:
    done = hardboot("ramdisk", "extract", packed, tmp_path / "out")
    assert done.returncode == 0, done.stderr
    assert tree(tmp_path / "out") == tree(source)
    assert done.stdout == f"{tmp_path}/out: {len(tree(source))} entries extracted\n"


def test_linux_and_extract_agree_on_entries_that_follow_each_other(tmp_path: Path) -> None:
    first = (
        Entry("./a", FOLDER),
        Entry("a/b", FILE, b"1"),
        Entry("l", LINK, b"a"),
        Entry("d", FOLDER),
        Entry("f", FILE),
    )
    second = (
        Entry("/a", 0o040700),
        Entry("a/b", FILE, b"2"),
        Entry("l", FILE, b"no link"),
        Entry("d", FILE, b"no folder"),
        Entry("f", LINK, b"a/b"),
        Entry("new/deep/x", FILE, b"3"),
    )
    build(tmp_path / "rd", first, second)
    assert hardboot("ramdisk", "extract", tmp_path / "rd", tmp_path / "out").returncode == 0
    assert tree(tmp_path / "out") == {
        "a": ("drwx------", b""),
        "a/b": ("-rw-r--r--", b"2"),
        "d": ("-rw-r--r--", b"no folder"),
        "f": ("lrwxrwxrwx", b"a/b"),
        "l": ("-rw-r--r--", b"no link"),
        "new": (stat.filemode(0o040777 & ~_umask()), b""),
        "new/deep": (stat.filemode(0o040777 & ~_umask()), b""),
        "new/deep/x": ("-rw-r--r--", b"3"),
    }


def _umask() -> int:
    found = os.umask(0)
    os.umask(found)
    return found


def test_devices_are_told_and_left_out_and_nothing_becomes_setuid(tmp_path: Path) -> None:
    entries = (
        Entry("dev/console", 0o020600, rdev_major=5, rdev_minor=1),
        Entry("su", 0o106755, b"#!"),
        Entry("closed", 0o040000),
        Entry("closed/x", 0o100000, b"x"),
    )
    done = hardboot("ramdisk", "extract", build(tmp_path / "rd", entries), tmp_path / "out")
    assert "  left out  dev/console (devices, pipes or sockets)" in done.stdout
    found = tree(tmp_path / "out")
    assert {name: mode for name, (mode, _) in found.items() if name != "dev"} == {
        "su": "-rwxr-xr-x",
        "closed": "drwx------",
        "closed/x": "-rw-------",
    }


def test_extract_takes_single_files_and_folders(packed: Path, source: Path, tmp_path: Path) -> None:
    done = hardboot(
        "--json", "ramdisk", "extract", packed, tmp_path / "out", "/init", "etc/init/", "etc/names"
    )
    assert json.loads(done.stdout) == {
        "folder": str(tmp_path / "out"),
        "written": 4,
        "left_out": [],
        "ignored": [],
    }
    wanted = {"init", "etc", "etc/init", "etc/init/mit Leerzeichen.rc", "etc/names"}
    assert tree(tmp_path / "out") == {name: tree(source)[name] for name in wanted}
    said = refused("extract", packed, tmp_path / "more", "init", "ini")
    assert said == f"hardboot: {packed}: 'ini' is not in the ramdisk"
    assert not (tmp_path / "more").exists()


def test_a_file_with_many_names_does_not_fill_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extracting, "MAX_UNPACKED", 1000)
    names = [Entry(f"n{number}", FILE, b"x" * 300 * (number == 0), ino=7, nlink=4) for number in range(4)]
    build(tmp_path / "rd", tuple(names))
    assert "1200 bytes with every name of a file counted" in refused(
        "extract", tmp_path / "rd", tmp_path / "out"
    )
    hardboot("ramdisk", "extract", tmp_path / "rd", tmp_path / "out", "n3")
    assert (tmp_path / "out/n3").read_bytes() == b"x" * 300


def test_an_empty_file_is_no_other_name_of_one_with_its_number(tmp_path: Path) -> None:
    build(tmp_path / "rd", (Entry("a", FILE, b"x", ino=3), Entry("b", FILE, ino=3, nlink=2)))
    hardboot("ramdisk", "extract", tmp_path / "rd", tmp_path / "out")
    assert (tmp_path / "out/b").read_bytes() == b""
