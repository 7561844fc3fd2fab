"""The image for the recovery partition, read back as a bootloader and a kernel find it."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import container_builders as build
import image_sets
import pytest
import scripted_setup as setup
from image_builders import board, pack
from told import raises

from hardboot.base.errors import RefusedError
from hardboot.flows.rom import Rom
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.ways import recovery_image
from hardboot.formats.archives import ramdisk as ramdisks
from hardboot.formats.archives.cpio import Entry
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage
from hardboot.payload import hb_init


def read(path: Path) -> Rom:
    return RomFiles(path).read().alone()


def made(rom: Rom, held: bytes, *, as_v2: bool = False, arch: str = "arm") -> BootImage:
    """Return the image as a bootloader finds it, for a partition that holds `held`."""
    image = recovery_image.make(
        rom,
        "androidboot.hardboot=01234567",
        as_v2=as_v2,
        arch=arch,
        misc="vda4",
        former=bytes(32),
        init="/init",
        held=bootimg.parse(held),
    )
    found = bootimg.parse(b"".join(bytes(chunk) for chunk in bootimg.build(image)))
    assert bootimg.check_id(found)
    return found


def files(image: BootImage) -> dict[str, Entry]:
    """Return what its kernel unpacks."""
    fragments, _ = ramdisks.parse(recovery_image.bare_ramdisk(image))
    return {entry.name: entry for entry in ramdisks.entries(fragments)}


@pytest.mark.parametrize(
    "packed",
    [
        bytes,
        lambda data: pack(data, "gzip"),
        lambda data: pack(data, "xz"),
        lambda data: pack(data, "zstd"),
        lambda data: build.lz4_legacy(data),
        lambda data: build.mtk(data, b"ROOTFS"),
        lambda data: build.mtk(pack(data, "gzip"), b"ROOTFS"),
    ],
    ids=["plain", "gzip", "xz", "zstd", "lz4", "mtk", "mtk gzip"],
)
def test_hb_init_lies_behind_a_ramdisk_of_any_compression(
    tmp_path: Path, packed: Callable[[bytes], bytes]
) -> None:
    own = packed(setup.RAMDISK)
    found = made(read(setup.rom_image(tmp_path, ramdisk=own)), setup.STOCK_IMAGE)
    assert list(files(found))[:3] == ["init", "bin", "bin/sh"]
    program = Path(hb_init.__file__).with_name("hb-init-arm").read_bytes()
    assert bytes(files(found)["hb-init/init"].data) == program
    assert (bytes(found.ramdisk[:4]) == b"\x88\x16\x88\x58") is (own[:4] == b"\x88\x16\x88\x58")


def test_a_set_is_packed_as_v2_on_request_and_gets_the_program_of_its_architecture(tmp_path: Path) -> None:
    images = image_sets.image_set(
        boot=image_sets.boot_v4(cmdline=b"own=1"), vendor_boot=image_sets.vendor_boot(dtb=board("vendor's"))
    )
    rom = read(image_sets.write_set(tmp_path / "set", images))
    found = made(rom, build.boot_v2(2), as_v2=True, arch="arm64")
    assert found.header_version == 2
    program = Path(hb_init.__file__).with_name("hb-init-arm64").read_bytes()
    assert bytes(files(found)["hb-init/init"].data) == program
    assert {"init", "first_stage_ramdisk"} <= files(found).keys()
    with raises(
        RefusedError,
        "the image has header v4, the phone's recovery has v2: the rest of a ROM from v3 on is in other "
        "partitions",
        "Nothing was sent.",
        "Boot it another way (hardboot boot IMAGE --dry-run shows which), or pack it as one of header v2: "
        "--as-v2",
    ):
        made(rom, build.boot_v2(2))


@pytest.mark.parametrize("brings", [False, True])
def test_overlays_that_the_recovery_brings_for_its_bootloader_are_kept(tmp_path: Path, brings: bool) -> None:
    held = build.boot_v2(1)
    image = bootimg.parse(setup.rom_image(tmp_path).read_bytes())
    overlays = b"the ROM's own" if brings else b""
    image = bootimg.renew(replace(image, header_version=1, recovery_dtbo=overlays))
    path = tmp_path / "v1.img"
    path.write_bytes(b"".join(map(bytes, bootimg.build(image))))
    found = made(read(path), held)
    assert bytes(found.recovery_dtbo) == (overlays or bytes(bootimg.parse(held).recovery_dtbo))
