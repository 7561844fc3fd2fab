"""A ROM read from a file: its parts, and what is wrong with one that cannot be started."""

from pathlib import Path

import container_builders as build
import pytest
import scripted_setup as setup
from image_builders import arm64_image, board, dtb, kernel_with_banner, mkbootimg, pack, words, zboot, zimage
from packed_kernels import mkimage
from told import raises

from hardboot.base.errors import InputError
from hardboot.flows import rom
from hardboot.formats.kernels import atags
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.trees import fdt
from hardboot.layout import Arm64Kernel

KERNEL = kernel_with_banner("6.1.0-arm64", 20_000, 10_000)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "x.img"
    path.write_bytes(data)
    return path


def test_a_rom_is_what_is_in_the_image(tmp_path: Path) -> None:
    path = setup.rom_image(tmp_path, cmdline=b"quiet a=1")
    found = rom.read(path)
    assert found.path == path
    assert found.cmdline == "quiet a=1"
    assert found.release == found.identity.release == "6.6.0-rom"
    assert found.unpacked_size == 20_000
    assert [fdt.text(one.tree.root.properties["model"]) for one in found.trees] == ["mine"]
    assert found.trees[0].tree.root.properties
    assert bytes(found.image.ramdisk) == setup.RAMDISK


def test_a_phone_with_atags_is_told_why_no_tree_is_chosen() -> None:
    assert rom.NO_TREE == "none: this phone's kernels get ATAGS"


def test_the_guest_has_all_the_planner_needs(tmp_path: Path) -> None:
    found = rom.read(setup.rom_image(tmp_path))
    tree, live = (fdt.parse(dtb(f'/ {{ model = "{name}"; }};')) for name in ("a", "b"))
    tags = (atags.Tag(atags.CORE),)
    guest = found.guest(tree=tree, live_tree=live, cmdline="c", atags=tags)
    assert guest.kernel is found.kernel
    assert (guest.tree, guest.live_tree, guest.cmdline, guest.atags) == (tree, live, "c", tags)
    assert bytes(guest.ramdisk) == bytes(found.image.ramdisk)
    assert guest.unpacked_size == 20_000
    assert found.guest(tree=None, live_tree=None, cmdline="").atags is None


def test_a_size_that_is_stated_is_not_unpacked_for(tmp_path: Path) -> None:
    stated = rom.read(written(tmp_path, build.boot(zimage(), b"ramdisk")))
    assert stated.unpacked_size == 0x1234
    assert stated.release is None
    packed = zimage(payload=pack(KERNEL, "gzip"), tags=b"\1\0\0\0")
    assert rom.read(written(tmp_path, build.boot(packed, b"ramdisk"))).unpacked_size == len(KERNEL)


@pytest.mark.parametrize("how", [None, "gzip"])
def test_an_arm64_kernel_is_unpacked(how: str | None, tmp_path: Path) -> None:
    kernel = arm64_image(KERNEL)
    part = pack(kernel, how) if how else kernel + board("appended")
    found = rom.read(written(tmp_path, build.boot(part, b"ramdisk")))
    assert isinstance(found.kernel, Arm64Kernel)
    assert bytes(found.kernel.data) == kernel
    assert found.unpacked_size == len(kernel)
    assert found.release == "6.1.0-arm64"
    assert len(found.trees) == (0 if how else 1)


@pytest.mark.parametrize(
    "part",
    [
        build.patched(arm64_image(KERNEL), board("appended")),
        mkimage(arm64_image(KERNEL)) + board("appended"),
        mkimage(pack(arm64_image(KERNEL), "gzip"), compression="gzip") + board("appended"),
        zboot(pack(arm64_image(KERNEL), "gzip")) + board("appended"),
        build.mtk(pack(arm64_image(KERNEL), "gzip") + board("appended"), b"KERNEL"),
    ],
    ids=["UNCOMPRESSED_IMG", "uImage", "packed uImage", "zboot", "MediaTek"],
)
def test_an_arm64_kernel_is_found_behind_headers(part: bytes, tmp_path: Path) -> None:
    found = rom.read(written(tmp_path, build.boot(part, b"ramdisk")))
    assert isinstance(found.kernel, Arm64Kernel)
    assert bytes(found.kernel.data) == arm64_image(KERNEL)
    assert found.release == "6.1.0-arm64"
    assert [fdt.text(one.tree.root.properties["model"]) for one in found.trees] == ["appended"]


@pytest.mark.parametrize(
    "part",
    [
        mkimage(zimage()) + board("appended"),
        mkimage(zimage() + board("appended")),
        mkimage(zimage(), b"ramdisk", board("appended"), kind="multi"),
    ],
    ids=["behind", "inside", "multi"],
)
def test_a_zimage_is_found_in_a_uimage(part: bytes, tmp_path: Path) -> None:
    found = rom.read(written(tmp_path, build.boot(part, b"ramdisk")))
    assert isinstance(found.kernel, ZImage)
    assert bytes(found.kernel.kernel) == zimage()
    assert [fdt.text(one.tree.root.properties["model"]) for one in found.trees] == ["appended"]


@pytest.mark.parametrize(
    "kernel",
    [
        zimage(),
        arm64_image(KERNEL),
        mkimage(zimage()),
        build.patched(zimage()),
        build.mtk(zimage(), b"KERNEL"),
    ],
    ids=["zImage", "arm64", "uImage", "UNCOMPRESSED_IMG", "MediaTek"],
)
def test_a_bare_kernel_is_told_what_to_do_with_it(kernel: bytes, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="this is a bare ARM kernel, not a boot image") as caught:
        rom.read(written(tmp_path, kernel))
    assert "hardboot host-image BOOT.IMG --kernel" in caught.value.fix


def test_what_headers_state_wrongly_is_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    damaged = build.uimage(zimage()).replace(b"Linux", b"LINUX")
    image = with_dtb(board("mine"), damaged).replace(words(1660), words(0), 1)
    path = written(tmp_path, image)
    assert isinstance(rom.read(path).kernel, ZImage)
    told = capsys.readouterr().err
    assert f"warning: {path}: header_size is 0 bytes, v2 has 1660\n" in told
    assert "warning: U-Boot image: header checksum is 0x" in told
    broken = written(tmp_path, build.boot(zimage(tags=b"\1\0\0\0"), b"ramdisk"))
    assert rom.read(broken).unpacked_size is None
    assert "warning: zImage: tag at offset 0x100: 1 words" in capsys.readouterr().err


def test_a_kernel_packed_with_lzop_is_a_zimages_business(tmp_path: Path) -> None:
    for data in (b"\x89LZO\x00\r\n\x1a\n" + bytes(100), pack(b"no kernel at all" * 99, "gzip")):
        with pytest.raises(InputError, match=r"x\.img: .*zImage"):
            rom.read(written(tmp_path, build.boot(data, b"ramdisk")))


@pytest.mark.parametrize("part", ["kernel", "ramdisk"])
def test_an_image_without_kernel_or_ramdisk_is_refused(part: str, tmp_path: Path) -> None:
    path = written(tmp_path, build.boot(*(b"" if name == part else b"x" for name in ("kernel", "ramdisk"))))
    with raises(
        InputError,
        f"{path}: the image has no {part}",
        "Nothing was sent.",
        "Use a complete boot image: kernel and ramdisk are needed to boot from RAM.",
    ):
        rom.read(path)


def test_a_file_that_is_no_image_is_named_once(tmp_path: Path) -> None:
    path = written(tmp_path, b"text" * 2000)
    with pytest.raises(InputError) as caught:
        rom.read(path)
    assert caught.value.what.startswith(f"{path}: ")
    assert caught.value.what.count(str(path)) == 1
    assert caught.value.state == "Nothing was sent."
    with pytest.raises(InputError) as caught:
        rom.read(tmp_path / "none.img")
    assert caught.value.what.count("none.img") == 1


def test_mediatek_headers_are_left_out(tmp_path: Path) -> None:
    kernel, ramdisk = zimage(), b"ramdisk" * 9
    image = build.boot(build.mtk(kernel, b"KERNEL"), build.mtk(ramdisk, b"ROOTFS"))
    found = rom.read(written(tmp_path, image))
    assert (bytes(found.image.kernel), bytes(found.image.ramdisk)) == (kernel, ramdisk)


def test_a_dtb_part_without_a_tree_is_refused(tmp_path: Path) -> None:
    with raises(
        InputError,
        f"{tmp_path / 'x.img'}: the dtb part (100 bytes) holds no device tree",
        "Nothing was sent.",
        "Use an image whose dtb part holds device trees, or one without a dtb part.",
    ):
        rom.read(written(tmp_path, with_dtb(b"\xff" * 100)))


def with_dtb(part: bytes, kernel: bytes | None = None) -> bytes:
    return mkbootimg("--header_version", "2", kernel=kernel or zimage(), ramdisk=b"r", dtb=part)


def test_the_trees_of_the_dtb_part_come_first(tmp_path: Path) -> None:
    appended = zimage() + board("appended")
    found = rom.read(written(tmp_path, with_dtb(board("part"), appended)))
    assert [fdt.text(one.tree.root.properties["model"]) for one in found.trees] == ["part"]


def test_the_only_tree_is_read_at_once(tmp_path: Path) -> None:
    damaged = bytearray(board("mine"))
    damaged[0x3C:0x40] = b"\xff\xff\xff\xff"  # the first token
    with pytest.raises(InputError, match=r"x\.img: ") as caught:
        rom.read(written(tmp_path, with_dtb(bytes(damaged))))
    assert caught.value.state == "Nothing was sent."
    # Of several only the one that fits must be whole.
    several = rom.read(written(tmp_path, with_dtb(board("good") + bytes(damaged))))
    assert len(several.trees) == 2
