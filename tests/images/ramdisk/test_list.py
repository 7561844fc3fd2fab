"""hardboot ramdisk list: devices, links and names; what is no ramdisk is refused."""

from pathlib import Path

from in_process import hardboot
from ramdisk_command import FILE, LINK, build, listed

from hardboot.formats.archives.cpio import Entry


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
