"""The images of a new ROM, made of what people download."""

import gzip
import subprocess
from pathlib import Path

import ota_builders as build
import pytest
from image_sets import write_zip
from told import raises

from hardboot.base.errors import InputError
from hardboot.base.process import find_tool
from hardboot.downloads import open_download
from hardboot.flows.store import sources
from hardboot.images import filesystem

SIZE = 8 << 20
SCRIPT = b"""
set_metadata_recursive("/system", "uid", 0, "gid", 0, "dmode", 0755, "fmode", 0644, "capabilities", 0x0,
                       "selabel", "u:object_r:system_file:s0");
symlink("toolbox", "/system/bin/cat");
"""
OLD_ROM = {
    "boot.img": build.image(4),
    "META-INF/com/google/android/updater-script": SCRIPT,
    "system/build.prop": b"ro.x=y\n",
    "system/bin/toolbox": b"\x7fELF" * 50_000,
}
ROOT = {"bin/sh": b"x", "etc/hostname": b"phone\n", "usr/bin/tool": b"y", "var/x": b""}


def ask(image: Path, request: str) -> str:
    words = [find_tool("debugfs", "e2fsprogs"), "-R", request, str(image)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=True).stdout


def raw_image(path: Path) -> Path:
    filesystem.make(path, SIZE)
    return path


@pytest.mark.parametrize("name", ["root.tar", "root.tar.gz", "rootfs.bin"])
def test_a_root_file_system_is_read_from_an_archive_of_any_name(tmp_path: Path, name: str) -> None:
    archive = tmp_path / name
    data = build.tar(ROOT)
    archive.write_bytes(gzip.compress(data) if name.endswith("gz") else data)
    image = sources.linux(archive, SIZE, tmp_path)["root"]
    assert (len(image.data), image.changes, image.filesystem) == (SIZE, True, "ext4")
    assert ask(tmp_path / "root.img", "cat /etc/hostname") == "phone\n"
    with pytest.raises(InputError, match="does not say how much room") as caught:
        sources.linux(archive, None, tmp_path)
    assert caught.value.file == str(archive)


def test_a_folder_is_read_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "root/etc").mkdir(parents=True)
    (tmp_path / "root/etc/hostname").write_text("phone\n")
    sources.linux(tmp_path / "root", SIZE, tmp_path)
    assert ask(tmp_path / "root.img", "cat /etc/hostname") == "phone\n"


@pytest.mark.parametrize("packing", ["", "gz", "sparse"])
def test_an_image_is_unpacked_if_needed(tmp_path: Path, packing: str) -> None:
    raw = raw_image(tmp_path / "raw.img")
    given = raw
    if packing == "gz":
        given = tmp_path / "raw.img.gz"
        given.write_bytes(gzip.compress(raw.read_bytes()))
    elif packing == "sparse":
        given = tmp_path / "sparse.img"
        subprocess.run(["img2simg", raw, given], check=True, timeout=60)
    image = sources.linux(given, None, tmp_path)["root"]
    assert bytes(image.data) == raw.read_bytes()
    assert image.filesystem == "ext4"


def test_the_file_system_of_an_image_is_told_by_what_is_in_it(tmp_path: Path) -> None:
    image = tmp_path / "f2fs.img"
    with image.open("wb") as stream:
        stream.truncate(64 << 20)
    subprocess.run([find_tool("mkfs.f2fs", "f2fs-tools"), "-q", image], check=True, timeout=60)
    assert sources.linux(image, None, tmp_path)["root"].filesystem == "f2fs"


def test_an_image_keeps_its_size(tmp_path: Path) -> None:
    with raises(
        InputError,
        f"{tmp_path}/root.img: it is an image, which keeps its size",
        "Nothing was sent.",
        "Leave out --data. Afterwards: hardboot rom resize NAME --data SIZE",
    ):
        sources.linux(raw_image(tmp_path / "root.img"), SIZE, tmp_path)


def test_an_image_that_hardboot_could_not_mount_is_for_a_rom_that_mounts_it_itself(tmp_path: Path) -> None:
    disk = tmp_path / "disk.img"
    disk.write_bytes(bytes(510) + b"\x55\xaa" + bytes(SIZE - 512))
    with pytest.raises(
        InputError, match="none of the file systems that hardboot mounts: ext4, erofs, f2fs, sq"
    ):
        sources.linux(disk, None, tmp_path)
    assert len(sources.linux(disk, None, tmp_path, mounts_itself=True)["root"].data) == SIZE


def test_an_archive_without_a_root_file_system_is_refused(tmp_path: Path) -> None:
    archive = tmp_path / "docs.tar"
    archive.write_bytes(build.tar({"readme": b"x", "more": b"y"}))
    with pytest.raises(InputError, match="neither the archive of a root file system nor one image"):
        sources.linux(archive, SIZE, tmp_path)


def test_the_system_folder_of_an_old_rom_becomes_an_image_with_its_labels(tmp_path: Path) -> None:
    with open_download(write_zip(tmp_path / "cm.zip", OLD_ROM)) as download:
        images = sources.android(download, {}, {"data": SIZE, "cache": 4 << 20}, tmp_path)
    assert list(images) == ["system", "data", "cache"]
    system = images["system"]
    assert (system.changes, system.read_only, system.filesystem) == (False, True, "ext4")
    image = tmp_path / "system.img"
    assert ask(image, "cat /build.prop") == "ro.x=y\n"
    assert 'Fast link dest: "toolbox"' in ask(image, "stat /bin/cat")
    assert "u:object_r:system_file:s0" in ask(image, "ea_get /bin/toolbox security.selinux")
    checked = subprocess.run(
        [find_tool("e2fsck", "e2fsprogs"), "-fn", image], capture_output=True, timeout=60
    )
    assert checked.returncode == 0


def test_an_android_rom_without_a_system_is_refused(tmp_path: Path) -> None:
    with (
        open_download(write_zip(tmp_path / "kernel.zip", {"boot.img": build.image(4)})) as download,
        pytest.raises(InputError, match="it holds no system image"),
    ):
        sources.android(download, {}, {"data": SIZE}, tmp_path)
