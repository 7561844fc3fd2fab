"""hardboot ramdisk: list, extract, replace, append; GNU cpio and gzip are the other side."""

import json
import os
import re
import stat
import subprocess
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from in_process import hardboot

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression, cpio, rootfs
from hardboot.formats.archives.cpio import Archive, Entry
from hardboot.images import ramdisk
from hardboot.images.ramdisk import extracting

FILE, FOLDER, LINK = 0o100644, 0o040755, 0o120777


def build(target: Path, *archives: tuple[Entry, ...]) -> Path:
    """Return a ramdisk of these archives, packed with gzip."""
    content = cpio.build(Archive("newc", entries) for entries in archives)
    target.write_bytes(b"".join(compression.compress("gzip", content)))
    return target


def refused(*words: str | Path) -> str:
    """Return what hardboot says first, of a command that exits with 3."""
    done = hardboot("ramdisk", *words)
    assert (done.returncode, done.stdout) == (3, "")
    *_steps, what, state, fix = done.stderr.splitlines()
    assert (what[:10], state[:9], fix[:9]) == ("hardboot: ", "  state: ", "  to do: ")
    return what


def listed(path: Path) -> list[dict[str, object]]:
    """All entries, as --json gives them."""
    document = json.loads(hardboot("--json", "ramdisk", "list", path).stdout)
    return [
        entry
        for fragment in document["fragments"]
        for archive in fragment["archives"]
        for entry in archive["entries"]
    ]


def tree(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Type, permissions and content of all below `folder`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = b""
        if stat.S_ISLNK(mode):
            content = os.fsencode(path.readlink())
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (stat.filemode(mode), content)
    return found


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder as a ROM's ramdisk has it, with names that need care."""
    folder = tmp_path / "source"
    (folder / "etc/init").mkdir(parents=True)
    (folder / "init").write_bytes(b"\x7fELF" + bytes(5000))
    (folder / "init").chmod(0o750)
    (folder / "etc/init/mit Leerzeichen.rc").write_text("on boot\n")
    (folder / os.fsdecode(b"etc/\xff")).write_bytes(b"no UTF-8")
    (folder / "etc/empty").write_bytes(b"")
    (folder / "bin").symlink_to("/system/bin")
    (folder / "etc/two").write_text("one file")
    (folder / "etc/names").hardlink_to(folder / "etc/two")
    return folder


@pytest.fixture
def packed(source: Path, tmp_path: Path) -> Path:
    """Return that folder, packed by GNU cpio and gzip."""
    command = "find . -print0 | LC_ALL=C sort -z | cpio -o0 --quiet -H newc | gzip -9n"
    target = tmp_path / "packed"
    with target.open("wb") as stream:
        subprocess.run(command, shell=True, cwd=source, stdout=stream, check=True, timeout=60)
    return target


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


def test_list_shows_devices_links_and_names_that_would_steer_a_terminal(tmp_path: Path) -> None:
    first = (
        Entry("dev/null", 0o020666, rdev_major=1, rdev_minor=3),
        Entry("su", 0o106755, b"12345", gid=2000),
        Entry("bin", LINK, b"/system/\x1b[2J"),
    )
    build(tmp_path / "rd", first, (Entry("\x1b]0;x\x07", FILE),))
    assert hardboot("ramdisk", "list", tmp_path / "rd").stdout.splitlines() == [
        "cpio newc, gzip, 3 entries",
        "crw-rw-rw-     0     0        1,3  dev/null",
        "-rwsr-sr-x     0  2000          5  su",
        r"lrwxrwxrwx     0     0         12  bin -> /system/\x1b[2J",
        "cpio newc, gzip, 1 entry",
        r"-rw-r--r--     0     0          0  \x1b]0;x\x07",
    ]
    assert listed(tmp_path / "rd")[0]["device"] == "1,3"


def test_what_is_no_ramdisk_is_refused_with_what_it_is(tmp_path: Path) -> None:
    (tmp_path / "boot.img").write_bytes(b"ANDROID!" + bytes(4096))
    said = hardboot("ramdisk", "list", tmp_path / "boot.img").stderr.splitlines()
    assert said[0].endswith("this is an Android boot image")
    assert said[2] == "  to do: Give a ramdisk (cpio); hardboot unpack extracts it from an image."


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
