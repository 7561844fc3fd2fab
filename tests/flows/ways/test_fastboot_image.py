"""The image that is sent to a bootloader, of every header version, read back as a bootloader finds it."""

from pathlib import Path

import container_builders as build
import image_sets
import pytest
from image_builders import board, kernel_with_banner, mkbootimg, pack, zimage
from told import raises

from hardboot.base.errors import InputError, RefusedError
from hardboot.flows import image_set, rom
from hardboot.flows.rom import Rom
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.ways import fastboot_image, marked_image
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage

MARK = "androidboot.hardboot=01234567"
NEW_KERNEL = zimage(payload=pack(kernel_with_banner("6.7.0-new", 20_000, 10_000), "gzip"))


def read(folder: Path, image: bytes, **parts: bytes) -> Rom:
    """Return a ROM of one image, with other parts: kernel, ramdisk, dtb."""
    path = folder / "boot.img"
    path.write_bytes(image)
    files = {name: folder / name for name in parts}
    for name, data in parts.items():
        files[name].write_bytes(data)
    kernel, ramdisk, dtb = (files.get(name) for name in ("kernel", "ramdisk", "dtb"))
    return RomFiles(path, kernel=kernel, ramdisk=ramdisk, dtb=dtb).read().alone()


def sent(rom: Rom, *, cmdline: str = f"{MARK} quiet", as_v2: bool = False) -> BootImage:
    """Return the image as a bootloader finds it."""
    made = fastboot_image.make(rom, cmdline, as_v2=as_v2)
    return bootimg.parse(b"".join(bytes(chunk) for chunk in bootimg.build(made)))


def image_of(version: int) -> bytes:
    """Return an image that AOSP's mkbootimg makes."""
    words = ["--header_version", str(version), "--os_version", "13.0.0", "--cmdline", "console=ttyAMA0"]
    files = {"kernel": zimage(), "ramdisk": image_sets.GENERIC, "second": b"second"}
    if version == 2:
        files["dtb"] = board("in the image")
        words += ["--dtb_offset", "0x01f00000"]
    return mkbootimg(*words, **files)


@pytest.mark.parametrize("version", [0, 1, 2])
def test_v0_to_v2_keep_all_but_the_command_line_and_the_id(tmp_path: Path, version: int) -> None:
    source = image_of(version)
    found, own = sent(read(tmp_path, source)), bootimg.parse(source)
    assert found.cmdline == f"{MARK} quiet"
    assert [(one.name, one.offset, bytes(one.data)) for one in found.parts] == [
        (one.name, one.offset, bytes(one.data)) for one in own.parts
    ]
    assert bootimg.check_id(found)
    fields = (
        "header_version",
        "page_size",
        "kernel_addr",
        "ramdisk_addr",
        "tags_addr",
        "dtb_addr",
        "os_version",
    )
    assert [getattr(found, name) for name in fields] == [getattr(own, name) for name in fields]


@pytest.mark.parametrize("version", [3, 4])
def test_v3_and_v4_are_sent_alone_and_the_rest_stays_as_flashed(tmp_path: Path, version: int) -> None:
    ramdisk = image_sets.GENERIC if version == 3 else b""
    boot = image_sets.boot_v4(ramdisk=ramdisk, version=version)
    path = image_sets.write_set(tmp_path / "set", image_sets.image_set(boot=boot))
    whole = RomFiles(path).read().alone()
    given = "init_boot, vendor_boot"
    with raises(
        RefusedError,
        f"fastboot boots the boot image alone: {given} would be those that are flashed",
        "Nothing was sent.",
        "Send all in one image of header v2, if the bootloader takes that: --as-v2. On a phone with slots, "
        "boot it from the other one: --via slot. Or give boot.img alone.",
    ):
        fastboot_image.make(whole, MARK, as_v2=False)


def alone(folder: Path, version: int = 4, ramdisk: bytes = b"") -> Rom:
    """Return a ROM of a boot image whose other images are the phone's."""
    images = image_sets.image_set(boot=image_sets.boot_v4(ramdisk=ramdisk, version=version, cmdline=b"own=1"))
    found = image_set.find(image_sets.write_set(folder / "set", images), {})
    return rom.assemble(found, taken={"init_boot", "vendor_boot"})


@pytest.mark.parametrize(
    ("ramdisk", "kept"),
    [(b"", ("vendor_boot", "init_boot", "dtbo")), (image_sets.GENERIC, ("vendor_boot", "dtbo"))],
)
def test_of_a_boot_image_alone_the_partitions_are_told_that_are_added(
    tmp_path: Path, ramdisk: bytes, kept: tuple[str, ...]
) -> None:
    given = alone(tmp_path, ramdisk=ramdisk)
    assert marked_image.own_cmdline(given, as_v2=False) == "own=1"
    found = sent(given)
    assert (found.header_version, found.cmdline) == (4, f"{MARK} quiet")
    assert bytes(found.ramdisk) == ramdisk
    assert fastboot_image.kept_partitions(given, found) == kept


def test_a_set_is_packed_as_v2_on_request(tmp_path: Path) -> None:
    tree = board("vendor's")
    images = image_sets.image_set(
        boot=image_sets.boot_v4(cmdline=b"own=1"), vendor_boot=image_sets.vendor_boot(dtb=tree)
    )
    rom = RomFiles(image_sets.write_set(tmp_path / "set", images)).read().alone()
    own = marked_image.own_cmdline(rom, as_v2=True)
    # There is no bootconfig in such an image: Android's init finds its words in the command line.
    assert own == f"{image_sets.VENDOR_CMDLINE} own=1 androidboot.hardware=virt-arm64"
    found = sent(rom, cmdline=f"{MARK} {own}", as_v2=True)
    assert (found.header_version, found.page_size) == (2, 4096)
    assert bytes(found.ramdisk) == image_sets.VENDOR + image_sets.GENERIC
    assert bytes(found.dtb) == tree
    assert (found.kernel_addr, found.ramdisk_addr, found.tags_addr, found.dtb_addr) == (
        0x8000,
        0x1000000,
        0x100,
        0x1F00000,
    )
    assert bytes(found.kernel) == bytes(bootimg.parse(images["boot"]).kernel)
    assert fastboot_image.kept_partitions(rom, found) == ("dtbo",)


def test_a_set_without_a_tree_needs_one_to_be_packed_as_v2(tmp_path: Path) -> None:
    path = image_sets.write_set(tmp_path / "set", image_sets.image_set())
    with raises(
        InputError,
        f"{path}/boot.img: vendor_boot holds no device tree for an image of header v2",
        "Nothing was sent.",
        "Give one: --dtb FILE",
    ):
        fastboot_image.make(RomFiles(path).read().alone(), MARK, as_v2=True)
    (tmp_path / "tree").write_bytes(board("mine"))
    rom = RomFiles(path, dtb=tmp_path / "tree").read().alone()
    assert bytes(sent(rom, as_v2=True).dtb) == board("mine")


def test_other_parts_take_the_place_of_those_in_the_image(tmp_path: Path) -> None:
    old, new = zimage() + board("old"), board("new")
    found = sent(read(tmp_path, build.boot(old), kernel=NEW_KERNEL, ramdisk=image_sets.GENERIC))
    assert bytes(found.kernel) == NEW_KERNEL + board("old")
    assert bytes(found.ramdisk) == image_sets.GENERIC
    assert bytes(sent(read(tmp_path, build.boot(old), dtb=new)).kernel) == zimage() + new
    assert bytes(sent(read(tmp_path, image_of(2), dtb=new)).dtb) == new


def test_mediateks_headers_stay_in_front_of_kernel_and_ramdisk(tmp_path: Path) -> None:
    image = build.boot(build.mtk(zimage(), b"KERNEL"), build.mtk(image_sets.GENERIC, b"ROOTFS"))
    new = image_sets.GENERIC * 2
    found = sent(read(tmp_path, image, ramdisk=new, kernel=NEW_KERNEL))
    assert bytes(found.ramdisk) == build.mtk(new, b"ROOTFS")
    assert bytes(found.kernel) == build.mtk(NEW_KERNEL, b"KERNEL")


def test_a_command_line_that_does_not_fit_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    rom = read(tmp_path, image_of(0))
    with pytest.raises(InputError) as caught:
        fastboot_image.make(rom, "x" * 1537, as_v2=False)
    assert caught.value.state == "Nothing was sent."


def test_a_command_line_that_older_bootloaders_cut_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rom = read(tmp_path, image_of(0))
    sent(rom, cmdline="x" * 511)
    assert "older bootloaders" not in capsys.readouterr().err
    assert sent(rom, cmdline="x" * 512).cmdline == "x" * 512
    assert "older bootloaders cut command lines in images after 511 bytes" in capsys.readouterr().err


def test_what_is_in_front_of_the_image_is_not_sent(tmp_path: Path) -> None:
    image = build.dhtb(image_of(0))
    found = fastboot_image.make(read(tmp_path, image), MARK, as_v2=False)
    assert b"".join(bytes(chunk) for chunk in bootimg.build(found)).startswith(b"ANDROID!")
