"""hardboot ramdisk replace and append: what changes, what stays, and what is refused."""

import json
import os
import subprocess
from pathlib import Path

import pytest
from in_process import hardboot
from ramdisk_command import FILE, FOLDER, LINK, build, listed, refused

from hardboot.base.errors import InputError
from hardboot.formats.archives.cpio import Entry
from hardboot.images import ramdisk


def test_replace_changes_one_file_and_nothing_else(packed: Path, tmp_path: Path) -> None:
    before = listed(packed)
    (tmp_path / "new").write_bytes(b"another init")
    done = hardboot("ramdisk", "replace", packed, "/init", tmp_path / "new", "-o", tmp_path / "changed")
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[1:] == ["  replaced  /init"]
    expected = [{**entry, "size": 12} if entry["name"] == "init" else entry for entry in before]
    assert listed(tmp_path / "changed") == expected
    assert listed(packed) == before
    content = subprocess.run(
        ["gzip", "-dc", tmp_path / "changed"], capture_output=True, check=True, timeout=60
    )
    shown = subprocess.run(
        ["cpio", "-i", "--quiet", "--to-stdout", "init"],
        input=content.stdout,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert shown.stdout == b"another init"
    assert hardboot("ramdisk", "replace", packed, "init", tmp_path / "new").returncode == 0
    assert packed.read_bytes() == (tmp_path / "changed").read_bytes()


def test_what_is_no_file_of_the_ramdisk_is_not_replaced(packed: Path, tmp_path: Path) -> None:
    before = packed.read_bytes()
    (tmp_path / "new").write_bytes(b"")
    assert refused("replace", packed, "none", tmp_path / "new").endswith("'none' is not in the ramdisk")
    assert refused("replace", packed, "bin", tmp_path / "new").endswith("'bin' is not a file of the archive")
    assert "no such file" in refused("replace", packed, "init", tmp_path / "missing")
    assert packed.read_bytes() == before


def test_append_adds_what_was_changed_after_extract(tmp_path: Path) -> None:
    entries = (
        Entry("sbin", 0o040700, gid=2000),
        Entry("sbin/su", 0o106755, b"old", gid=2000),
        Entry("sbin/sh", 0o100500, b"old", uid=1),
        Entry("sbin/kept", 0o100400, b"kept"),
        Entry("no/folder/of/its/own", FILE, b"x"),
        Entry("link", LINK, b"old"),
        Entry("two", FILE, b"", ino=9, nlink=2),
        Entry("names", FILE, b"shared", ino=9, nlink=2),
    )
    packed = build(tmp_path / "rd", entries)
    before = packed.read_bytes()
    folder = tmp_path / "folder"
    assert hardboot("ramdisk", "extract", packed, folder).returncode == 0
    said = refused("append", packed, folder)
    assert said.endswith("folder: the ramdisk has all of it already")
    (folder / "sbin/su").write_bytes(b"new")
    (folder / "sbin/sh").chmod(0o755)
    (folder / "link").unlink()
    (folder / "link").symlink_to("./new//")
    (folder / "more").mkdir(mode=0o711)
    (folder / "more/x").write_bytes(b"x")
    (folder / "more/x").chmod(0o640)
    done = hardboot("--json", "ramdisk", "append", packed, folder)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["names"] == ["link", "more", "more/x", "sbin/sh", "sbin/su"]
    data = packed.read_bytes()
    assert data.startswith(before)
    added = {entry["name"]: entry for entry in listed(packed)[len(entries) :]}
    assert {name: (entry["mode"], entry["uid"], entry["gid"]) for name, entry in added.items()} == {
        "link": (LINK, 0, 0),
        "more": (0o040711, 0, 0),
        "more/x": (0o100640, 0, 0),
        "sbin/sh": (0o100755, 1, 0),
        "sbin/su": (0o106755, 0, 2000),
    }
    assert added["link"]["target"] == "./new//"
    content = subprocess.run(["gzip", "-dc"], input=data[len(before) :].lstrip(b"\0"), capture_output=True)
    names = subprocess.run(["cpio", "-t", "--quiet"], input=content.stdout, capture_output=True, timeout=60)
    assert names.stdout.decode().split() == list(added)


def test_append_refuses_what_would_hide_a_part_of_the_ramdisk(tmp_path: Path) -> None:
    packed = build(tmp_path / "rd", (Entry("bin", LINK, b"/system/bin"), Entry("etc/rc", FILE, b"x")))
    before = packed.read_bytes()
    folder = tmp_path / "folder"
    (folder / "bin").mkdir(parents=True)
    assert "bin: this is a folder; in the ramdisk it is not a folder" in refused("append", packed, folder)
    (folder / "bin").rmdir()
    assert "folder: the ramdisk has all of it already" in refused("append", packed, folder)
    os.mkfifo(folder / "pipe")
    assert "pipe: not a file, folder or link" in refused("append", packed, folder)
    assert "no such file" in refused("append", packed, tmp_path / "missing")
    assert packed.read_bytes() == before
    build(tmp_path / "rd", (Entry("etc", FOLDER),))
    (folder / "pipe").unlink()
    (folder / "etc").write_bytes(b"")
    assert "etc: this is not a folder; in the ramdisk it is a folder" in refused("append", packed, folder)


def test_what_follows_a_ramdisk_stays_behind_it(packed: Path, tmp_path: Path) -> None:
    config = b"androidboot.x=1\n\0\0\0" + b"\x13\0\0\0" + b"\xff\x03\0\0" + b"#BOOTCONFIG\n"
    packed.write_bytes(packed.read_bytes() + config)
    assert (
        hardboot("ramdisk", "list", packed).stdout.splitlines()[-1]
        == f"{len(config)} bytes behind the archives"
    )
    (tmp_path / "new").write_bytes(b"another init")
    assert hardboot("ramdisk", "replace", packed, "init", tmp_path / "new").returncode == 0
    (tmp_path / "more").mkdir()
    (tmp_path / "more/x").write_bytes(b"x")
    assert hardboot("ramdisk", "append", packed, tmp_path / "more").returncode == 0
    assert packed.read_bytes().endswith(config)
    assert {"name": "x", "size": 1}.items() <= listed(packed)[-1].items()


@pytest.mark.parametrize(("limit", "value"), [("MAX_ENTRIES", 2), ("MAX_UNPACKED", 20)])
def test_append_takes_no_folder_without_end(
    limit: str, value: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rd = build(tmp_path / "rd", (Entry("etc", FOLDER),))
    folder = tmp_path / "folder"
    folder.mkdir()
    for name in "abc":
        (folder / name).write_bytes(name.encode() * 8)
    monkeypatch.setattr(f"hardboot.images.ramdisk.changing.{limit}", value)
    with pytest.raises(InputError, match=r"folder: more than \d+ bytes or \d+ files"):
        ramdisk.append(rd, folder, tmp_path / "out")
    assert not (tmp_path / "out").exists()
