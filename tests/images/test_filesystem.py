"""File systems that are made for ROMs: owners, devices, links and extended attributes arrive."""

import io
import os
import subprocess
import tarfile
import time
from pathlib import Path

import pytest
from told import raises

from hardboot.base.errors import InputError
from hardboot.base.process import find_tool
from hardboot.downloads import TreeEntry, TreeSource, open_download
from hardboot.images import filesystem

SIZE = 8 << 20
# capability cap_net_raw=ep, as setcap writes it: include/uapi/linux/capability.h, revision 2
CAPABILITY = bytes.fromhex("0100000200200000000000000000000000000000")[:20]
LABEL = b"u:object_r:system_file:s0\0"


def rootfs(path: Path) -> Path:
    """Write the archive of a small root file system."""

    def add(name: str, kind: bytes = tarfile.REGTYPE, content: bytes = b"", **more: object) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.size = kind, len(content)
        for attribute, value in ({"mode": 0o755} | more).items():
            setattr(info, attribute, value)
        archive.addfile(info, io.BytesIO(content))

    xattrs = {
        "SCHILY.xattr.security.capability": CAPABILITY.decode("utf-8", "surrogateescape"),
        "SCHILY.xattr.security.selinux": LABEL.decode(),
    }
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, errors="surrogateescape") as archive:
        for name in ("bin", "dev", "etc", "lib"):
            add(name, tarfile.DIRTYPE)
        add("bin/ping", content=b"\x7fELF", mode=0o4755, uid=12, gid=3003, mtime=1234, pax_headers=xattrs)
        add("bin/ping6", tarfile.LNKTYPE, linkname="bin/ping")
        add("bin/sh", tarfile.SYMTYPE, linkname="/bin/ping")
        add("dev/null", tarfile.CHRTYPE, mode=0o666, devmajor=1, devminor=3)
        add("etc/shadow", content=b"x", mode=0o640, gid=42)
    return path


def ask(image: Path, request: str) -> str:
    words = [find_tool("debugfs", "e2fsprogs"), "-R", request, str(image)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


@pytest.mark.parametrize("user", [0, 1000])
def test_all_of_a_root_file_system_arrives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, user: int
) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)  # others than root use fakeroot
    image = tmp_path / "root.img"
    with open_download(rootfs(tmp_path / "root.tar")) as download:
        filesystem.make(image, SIZE, download.trees["rootfs"])
    assert (image.stat().st_size, filesystem.kind_of(image.read_bytes())) == (SIZE, "ext4")
    ping = ask(image, "stat /bin/ping")
    assert "User:    12   Group:  3003" in ping
    assert "Mode:  04755" in ping
    assert "Links: 2" in ping
    assert "mtime: 0x000004d2" in ping
    assert ask(image, "ea_get -x /bin/ping security.capability").split(") = ")[-1].replace(
        " ", ""
    ).strip() == (CAPABILITY.hex())
    assert "u:object_r:system_file:s0" in ask(image, "ea_get /bin/ping security.selinux")
    found = subprocess.run(
        [find_tool("e2fsck", "e2fsprogs"), "-fn", image], capture_output=True, text=True, timeout=60
    )
    assert found.returncode == 0, found.stdout
    assert 'Fast link dest: "/bin/ping"' in ask(image, "stat /bin/sh")
    null = ask(image, "stat /dev/null")
    assert "Type: character special" in null
    assert "01:03" in null
    assert "User:     0   Group:    42" in ask(image, "stat /etc/shadow")


def test_attributes_that_ext4_does_not_take_are_told(tmp_path: Path) -> None:
    entry = TreeEntry(("bin",), "folder", 0o755, xattrs={"user.large": bytes(60_000)})
    tree = TreeSource(("tar",), 1, 0, lambda: iter((entry,)))
    with pytest.raises(InputError, match=r"its extended attributes cannot be set: .*Insufficient space"):
        filesystem.make(tmp_path / "x.img", SIZE, tree)


def test_what_does_not_fit_is_told(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/large").write_bytes(os.urandom(5 << 20))
    with raises(
        InputError,
        "its files do not fit into 4.0 MiB",
        "Nothing was sent.",
        "Give the file system more room: --data SIZE",
    ):
        filesystem.make(tmp_path / "x.img", 4 << 20, tmp_path / "folder")


def test_an_f2fs_grows_with_what_is_in_it_and_does_not_shrink(tmp_path: Path) -> None:
    image = tmp_path / "root.img"
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    subprocess.run([find_tool("mkfs.f2fs", "f2fs-tools"), "-q", image], check=True, timeout=60)
    filesystem.resize(image, 96 << 20)
    assert image.stat().st_size == 96 << 20
    checked = subprocess.run(
        [find_tool("fsck.f2fs", "f2fs-tools"), "--dry-run", image], capture_output=True, timeout=60
    )
    assert checked.returncode == 0
    with pytest.raises(InputError, match="of kind f2fs cannot be made smaller"):
        filesystem.resize(image, 64 << 20)


@pytest.mark.parametrize("source", ["archive", "folder", "nothing"])
def test_the_same_files_make_the_same_image_whenever_it_is_made(tmp_path: Path, source: str) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/file").write_bytes(b"x")

    def made() -> bytes:
        image = tmp_path / "root.img"
        with open_download(rootfs(tmp_path / "root.tar")) as download:
            files: dict[str, Path | TreeSource] = {"archive": download.trees["rootfs"]}
            files["folder"] = tmp_path / "folder"
            filesystem.make(image, SIZE, files.get(source))
        return image.read_bytes()

    first = made()
    time.sleep(1.1)  # ext4 keeps seconds
    assert made() == first
