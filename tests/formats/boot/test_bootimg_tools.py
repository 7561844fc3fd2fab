"""Boot images beside the tools of others: AOSP's mkbootimg and unpack_bootimg, and abootimg."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from golden_images import V0, V1, V2, built
from image_builders import DEBIAN, mkbootimg

from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage


def make(tmp_path: Path, version: int, cmdline: str = "a " * 400 + "end") -> bytes:
    """Return an image of AOSP's mkbootimg; Debian's fails on --recovery_dtbo, as it returns no offset."""
    for name in ("kernel", "ramdisk", "second", "dtb"):
        (tmp_path / name).write_bytes(f"{name} ".encode() * 700)
    target = tmp_path / "made.img"
    subprocess.run(
        [
            *("mkbootimg", "--header_version", str(version), "--pagesize", "4096", "--base", "0x80000000"),
            *("--os_version", "13.1.2", "--os_patch_level", "2023-05", "--board", "board"),
            *("--kernel", tmp_path / "kernel", "--ramdisk", tmp_path / "ramdisk"),
            *("--second", tmp_path / "second", "--cmdline", cmdline),
            *(("--dtb", str(tmp_path / "dtb")) if version == 2 else ()),
            *("-o", target),
        ],
        check=True,
        timeout=30,
        env=DEBIAN,
    )
    return target.read_bytes()


@pytest.mark.parametrize("version", [0, 1, 2])
def test_an_image_made_by_mkbootimg_is_read_and_written_the_same(tmp_path: Path, version: int) -> None:
    data = make(tmp_path, version)
    image = bootimg.parse(data)
    assert image.header_version == version
    assert bytes(image.kernel) == b"kernel " * 700
    assert bytes(image.ramdisk) == b"ramdisk " * 700
    assert bytes(image.second) == b"second " * 700
    assert bytes(image.dtb) == (b"dtb " * 700 if version == 2 else b"")
    assert image.kernel_addr == 0x80008000
    assert image.ramdisk_addr == 0x81000000
    assert image.second_addr == 0x80F00000
    assert image.tags_addr == 0x80000100
    assert image.dtb_addr == (0x81F00000 if version == 2 else 0)
    assert (image.os_version_text, image.os_patch_level) == ("13.1.2", "2023-05")
    assert (image.name, image.cmdline) == ("board", "a " * 400 + "end")
    assert bootimg.check_id(image) == "sha1"
    assert len(image.tail) == 0
    assert built(image) == data
    assert bootimg.renew(replace(image, id=bytes(32))) == image
    short = make(tmp_path, version, "quiet")  # its older versions fill the first field of a long one
    assert built(replace(bootimg.parse(short), header=b"")) == short


def unpacked(path: Path, out: Path) -> str:
    command = ["unpack_bootimg", "--boot_img", str(path), "--out", str(out)]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=30, env=DEBIAN).stdout


@pytest.mark.parametrize("image", [V0, V1, V2], ids=["v0", "v1", "v2"])
def test_unpack_bootimg_reads_what_is_written(tmp_path: Path, image: BootImage) -> None:
    image = replace(image, cmdline="console=ttyMSM0 " * 60, recovery_dtbo_offset=0)
    image = bootimg.renew(image)
    path = tmp_path / "boot.img"
    path.write_bytes(built(image))
    told = unpacked(path, tmp_path / "out")
    for part in image.parts:
        assert (tmp_path / "out" / part.name).read_bytes() == part.data
    assert f"boot image header version: {image.header_version}" in told
    assert re.search("kernel load address: 0x0*1234567\n", told)
    assert "page size: 4096" in told
    first, rest = image.cmdline[:511], image.cmdline[511:]
    assert f"command line args: {first}" in told
    assert f"additional command line args: {rest}" in told


def test_unpack_bootimg_finds_the_recovery_dtbo_where_renew_says(tmp_path: Path) -> None:
    image = bootimg.renew(V2)
    path = tmp_path / "boot.img"
    path.write_bytes(built(image))
    data = path.read_bytes()
    assert data[image.recovery_dtbo_offset :].startswith(b"recovery_dtbo data")
    told = unpacked(path, tmp_path / "out")
    assert re.search(f"recovery dtbo offset: 0x0*{image.recovery_dtbo_offset:x}\n", told)


def test_abootimg_reads_what_is_written_and_is_read(tmp_path: Path) -> None:
    image = replace(V0, cmdline="console=ttyMSM0", name="board", page_size=2048)
    (tmp_path / "boot.img").write_bytes(built(image))
    run = subprocess.run(
        ["abootimg", "-i", "boot.img"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert "cmdline = console=ttyMSM0" in run.stdout
    assert re.search(r"kernel:\s+0x0*1234567\b", run.stdout)
    assert re.search(r"tags:\s+0x0*13579bdf\b", run.stdout)
    (tmp_path / "kernel").write_bytes(b"k" * 5000)
    (tmp_path / "ramdisk").write_bytes(b"r" * 3000)
    subprocess.run(
        [
            *("abootimg", "--create", "new.img", "-k", "kernel", "-r", "ramdisk"),
            *("-c", "cmdline=quiet", "-c", "pagesize=0x800"),
        ],
        cwd=tmp_path,
        capture_output=True,
        check=True,
        timeout=30,
    )
    read = bootimg.parse((tmp_path / "new.img").read_bytes())
    assert (bytes(read.kernel), bytes(read.ramdisk)) == (b"k" * 5000, b"r" * 3000)
    assert (read.cmdline, read.page_size, read.header_version) == ("quiet", 2048, 0)


@pytest.mark.parametrize("version", [0, 1, 2, 3])
def test_what_mkbootimg_writes_has_no_warning(version: int) -> None:
    parts = {"kernel": b"k", "ramdisk": b"r"} | ({"dtb": b"d"} if version == 2 else {})
    assert bootimg.parse(mkbootimg("--header_version", str(version), **parts)).warnings == ()
