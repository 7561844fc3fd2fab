"""Which images may become the host, before any phone is asked: images by mkbootimg, kernels by hand."""

import gzip
from pathlib import Path

import container_builders as build
import pytest
from image_builders import (
    arm64_image,
    dtb,
    hardboot_tag,
    kernel_with_banner,
    kernel_with_config,
    mkbootimg,
    pack,
    zimage,
)
from packed_kernels import mkimage
from ramdisks import ARCHIVE, config
from told import raises

from hardboot import profile
from hardboot.base.errors import InputError, RefusedError
from hardboot.flows import host_image, rom

PROFILE = profile.load("virt-arm")
RELEASE = "3.4.113-foreign"
WITH = "CONFIG_ARM=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_HARDBOOT=y\n"
WITHOUT = "CONFIG_ARM=y\nCONFIG_KEXEC=y\n# CONFIG_KEXEC_HARDBOOT is not set\n"


def image(folder: Path, kernel: bytes) -> Path:
    path = folder / "boot.img"
    path.write_bytes(mkbootimg(kernel=kernel, ramdisk=b"a ramdisk"))
    return path


def tagged(page: int) -> bytes:
    return zimage(tags=hardboot_tag(page))


def test_a_kernel_with_the_profiles_page_is_accepted_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host_image.check(image(tmp_path, tagged(PROFILE.page.start)), PROFILE)
    assert capsys.readouterr().err == ""


def test_a_mediatek_header_is_no_part_of_the_kernel(tmp_path: Path) -> None:
    kernel = build.mtk(tagged(PROFILE.page.start), b"KERNEL")
    host_image.check(image(tmp_path, kernel), PROFILE)
    host_image.check(image(tmp_path, kernel + bytes(4)), PROFILE)


def test_a_kernel_with_another_page_is_refused(tmp_path: Path) -> None:
    path = image(tmp_path, tagged(0x7FA00000))
    with raises(
        RefusedError,
        f"{path}: its kernel has the hardboot page at 0x7fa00000, the profile virt-arm has it at 0x44000000",
        "Nothing was sent.",
        "Build the kernel for this phone: hardboot patch apply TREE --device virt-arm (or --profile FILE)",
    ):
        host_image.check(path, PROFILE)


@pytest.mark.parametrize("how", ["gzip", "xz", "lzma"])
@pytest.mark.parametrize("tags", [None, b""], ids=["sizes stated", "old"])
def test_a_foreign_kernel_built_with_hardboot_is_accepted_with_a_warning(
    how: str, tags: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = zimage(payload=pack(kernel_with_config(RELEASE, WITH), how), tags=tags)
    host_image.check(image(tmp_path, kernel), PROFILE)
    assert capsys.readouterr().err == (
        f"warning: {tmp_path / 'boot.img'}: its kernel was built with CONFIG_KEXEC_HARDBOOT, but does not "
        "state its hardboot page: it cannot be compared with the profile's, 0x44000000\n"
    )


@pytest.mark.parametrize(
    "content",
    [kernel_with_config(RELEASE, WITHOUT), kernel_with_banner(RELEASE)],
    ids=["built without", "says nothing"],
)
def test_a_kernel_without_hardboot_is_refused(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = zimage(payload=pack(content, "gzip"))
    path = image(tmp_path, kernel)
    with raises(
        RefusedError,
        f"{path}: its kernel has no hardboot support",
        "Nothing was sent.",
        "Patch and build the kernel (hardboot patch apply), then make the image: hardboot host-image",
    ):
        host_image.check(path, PROFILE)
    assert capsys.readouterr().err == ""


def test_an_image_whose_id_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = image(tmp_path, tagged(PROFILE.page.start))
    data = bytearray(path.read_bytes())
    data[2048 + 0x10] ^= 1
    path.write_bytes(data)
    with raises(
        InputError,
        f"{path}: the id in its header is not that of its content: it is damaged or was edited",
        "Nothing was written.",
        "Make it again: hardboot host-image BOOT.IMG --kernel FILE -o OUT",
    ):
        host_image.check(path, PROFILE)


def test_an_image_without_an_id_is_accepted(tmp_path: Path) -> None:
    path = image(tmp_path, tagged(PROFILE.page.start))
    data = bytearray(path.read_bytes())
    data[576:608] = bytes(32)
    path.write_bytes(data)
    host_image.check(path, PROFILE)


@pytest.mark.parametrize("data", [zimage(), arm64_image(kernel_with_banner(RELEASE))], ids=["arm", "arm64"])
def test_a_bare_kernel_is_told_what_to_do_with_it(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "zImage"
    path.write_bytes(data)
    for read in (lambda: host_image.check(path, PROFILE), lambda: rom.read(path)):
        with pytest.raises(InputError) as caught:
            read()
        assert caught.value.what == f"{path}: this is a bare ARM kernel, not a boot image"
        assert caught.value.fix == (
            f"Boot it with the phone's own ramdisk: hardboot boot --kernel {path}. Or make a boot image: "
            f"hardboot host-image BOOT.IMG --kernel {path} -o OUT"
        )
    with raises(
        InputError,
        f"{path}: this is a bare ARM kernel, not a boot image",
        "Nothing was changed.",
        f"Boot it with the phone's own ramdisk: hardboot boot --kernel {path}. Or make a boot image: "
        f"hardboot host-image BOOT.IMG --kernel {path} -o OUT",
    ):
        host_image.make(path, path, tmp_path / "out")


def test_a_kernel_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"boot\.img: .*zImage"):
        host_image.check(image(tmp_path, b"no kernel" * 99), PROFILE)
    (tmp_path / "x").write_bytes(b"text" * 999)
    with pytest.raises(InputError, match=r"/x: boot image: "):
        host_image.check(tmp_path / "x", PROFILE)


LZ4_ONLY = config("BLK_DEV_INITRD", "RD_LZ4") + WITH


def test_a_kernel_that_cannot_unpack_the_ramdisk_is_no_host(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Flashed, it would leave a phone that does not start."""
    paths = [tmp_path / name for name in ("boot.img", "zImage", "host.img")]
    paths[0].write_bytes(build.boot(zimage(), gzip.compress(ARCHIVE, mtime=0)))
    problem = (
        "the ramdisk cannot be started: it is gzip data, and the kernel was built without CONFIG_RD_GZIP"
    )
    for text, refused in (
        (LZ4_ONLY, True),
        (config("BLK_DEV_INITRD", "RD_GZIP") + WITH, False),
        (WITH, False),
    ):
        kernel = zimage(tags=b"", payload=pack(kernel_with_config(RELEASE, text, 60_000), "gzip"))
        paths[1].write_bytes(kernel)
        whole = tmp_path / "whole.img"
        whole.write_bytes(build.boot(kernel, gzip.compress(ARCHIVE, mtime=0)))
        if refused:
            with pytest.raises(InputError, match=rf"boot\.img: {problem}"):
                host_image.make(*paths)
            assert not paths[2].exists()
            with pytest.raises(InputError, match=f"whole.img: {problem}"):
                host_image.check(whole, PROFILE)
        else:
            assert host_image.make(*paths).kernel_size == len(kernel)
            host_image.check(whole, PROFILE)
    assert "the ramdisk" not in capsys.readouterr().err


def test_a_ramdisk_behind_a_mediatek_header_and_damaged_ones_are_judged_by_their_first_bytes(
    tmp_path: Path,
) -> None:
    packed = gzip.compress(ARCHIVE, mtime=0)
    kernel = zimage(tags=b"", payload=pack(kernel_with_config(RELEASE, LZ4_ONLY, 60_000), "gzip"))
    path = tmp_path / "boot.img"
    for ramdisk in (build.mtk(packed, b"ROOTFS"), packed[:-9]):
        path.write_bytes(build.boot(kernel, ramdisk))
        with pytest.raises(InputError, match="built without CONFIG_RD_GZIP"):
            host_image.check(path, PROFILE)


@pytest.mark.parametrize(
    ("cmdline", "tree", "problem"),
    [
        (b"androidboot.hardware=mako", b"", "it has androidboot.hardware=mako, which is LG Nexus 4"),
        (b"quiet", dtb('/ { compatible = "lge,hammerhead"; };'), "which is LG Nexus 5"),
    ],
)
def test_an_image_for_another_phone_is_no_host(
    cmdline: bytes, tree: bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "boot.img"
    path.write_bytes(build.boot(tagged(PROFILE.page.start) + tree, ARCHIVE, cmdline=cmdline))
    with pytest.raises(RefusedError, match=f"the image is for another phone: .*{problem}"):
        host_image.check(path, PROFILE)
    path.write_bytes(build.boot(tagged(PROFILE.page.start), ARCHIVE, cmdline=b"androidboot.hardware=x"))
    host_image.check(path, PROFILE)


@pytest.mark.parametrize("kind", ["ramdisk", "script", "firmware"])
def test_a_file_of_mkimage_without_a_kernel_is_not_called_one(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "image"
    path.write_bytes(mkimage(b"content", kind=kind))
    with pytest.raises(InputError, match=r"this is a U-Boot .*, not an Android boot image"):
        rom.read(path)
