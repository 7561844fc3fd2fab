"""Root solutions are found in every part that can hold them, and nowhere else."""

import gzip
import lzma
from collections.abc import Callable
from pathlib import Path

import container_builders as build
import pytest
from image_builders import arm64_image, kernel_with_banner, kernel_with_config, pack, words, zimage
from rooted_images import KERNELSU, MAGISK, kernel_patch, kernel_with, ramdisk

from hardboot.formats.boot import bootimg
from hardboot.formats.reading import PIECE
from hardboot.images import rooted

STOCK = arm64_image(kernel_with_banner("6.1.9-android14"))


def found(kernel: bytes = STOCK, ramdisk: bytes = b"") -> list[str]:
    return [str(one) for one in rooted.find(bootimg.parse(build.boot(kernel, ramdisk)))]


@pytest.mark.parametrize(
    ("files", "names"),
    [
        (MAGISK, ["Magisk"]),
        (ramdisk("init.magisk.rc"), ["Magisk"]),
        (ramdisk("overlay/init.magisk.rc"), ["Magisk"]),
        (KERNELSU, ["KernelSU"]),
        (ramdisk("./kernelsu.ko"), ["KernelSU"]),
        (ramdisk("sbin/launch_daemonsu.sh"), ["SuperSU"]),
        (ramdisk("sbin/su"), ["su"]),
        (ramdisk("kernelsu.ko", ".backup/.magisk"), ["KernelSU", "Magisk"]),
        (ramdisk(".backup", ".backup/other", "sbin/suspend", "lib/modules/kernelsu.ko"), []),
        (ramdisk(), []),
        (b"", []),
        (b"not a ramdisk", []),
        (MAGISK[:200], []),
        (ramdisk() + MAGISK, ["Magisk"]),
    ],
)
@pytest.mark.parametrize("packed", [bytes, gzip.compress, lzma.compress, "MediaTek"])
def test_a_ramdisk_says_who_changed_it(files: bytes, names: list[str], packed: object) -> None:
    if packed == "MediaTek":
        data = build.mtk(files, b"ROOTFS")
    else:
        assert callable(packed)
        data = packed(files)
    assert found(ramdisk=data) == [f"{name} (in the ramdisk)" for name in names]


KSU, SAR = b"\x016KernelSU: on_post_fs_data!\0", b"ro\0want_initramfs\0"
PATCHED = kernel_patch(STOCK)


@pytest.mark.parametrize(
    ("kernel", "name"),
    [
        (arm64_image(kernel_with(KSU)), "KernelSU"),
        (arm64_image(kernel_with_config("6.1.9", "CONFIG_KSU=y\n")), "KernelSU"),
        (arm64_image(kernel_with_config("6.1.9", "CONFIG_KSU=m\n")), None),
        (arm64_image(kernel_with_config("6.1.9", "# CONFIG_KSU is not set\n")), None),
        (arm64_image(kernel_with(SAR)), "Magisk's patch of the kernel"),
        (arm64_image(kernel_with(b"\0skip_initramfs\0")), None),
        (PATCHED, "APatch"),
        (kernel_patch(STOCK, magic=b"KP2026\0\0"), "APatch"),
        (kernel_patch(STOCK, gap=16), None),
        (kernel_patch(STOCK, gap=4096), None),
        (kernel_patch(STOCK, size=4096), None),
        (kernel_patch(STOCK, magic=b"KPxxxx\0\0"), None),
        (PATCHED[: -5000 - 24], None),
        (STOCK, None),
        (b"no kernel", None),
    ],
)
@pytest.mark.parametrize("packed", ["raw", "gzip", "UNCOMPRESSED_IMG", "zImage", "zImage xz"])
def test_a_kernel_says_who_changed_it(kernel: bytes, name: str | None, packed: str) -> None:
    data = {
        "raw": lambda: kernel,
        "gzip": lambda: gzip.compress(kernel),
        "UNCOMPRESSED_IMG": lambda: b"UNCOMPRESSED_IMG" + words(len(kernel)) + kernel,
        "zImage": lambda: zimage(payload=pack(kernel, "gzip")),
        "zImage xz": lambda: zimage(payload=pack(kernel, "xz")),
    }[packed]()
    assert found(data) == ([f"{name} (in the kernel)"] if name else [])


BIG = arm64_image(kernel_with_banner("6.1.9", PIECE + 20_000))


@pytest.mark.parametrize("at", range(PIECE - len(KSU) - 1, PIECE + 2, 3))
def test_a_mark_across_two_pieces_is_found(at: int) -> None:
    assert found(BIG[:at] + KSU + BIG[at + len(KSU) :]) == ["KernelSU (in the kernel)"]


@pytest.mark.parametrize("size", range(PIECE - 8192, PIECE + 8193, 4096))
@pytest.mark.parametrize("packed", [bytes, gzip.compress])
def test_a_patch_at_the_edge_of_a_piece_is_found(size: int, packed: Callable[[bytes], bytes]) -> None:
    assert found(packed(kernel_patch(BIG[:size]))) == ["APatch (in the kernel)"]


def test_debians_kernels_have_no_root() -> None:
    kernels = sorted(Path("~/.cache/hardboot").expanduser().glob("debian/**/vmlinuz*"))
    if not kernels:
        pytest.skip("no kernel of Debian is here")
    assert found(kernels[0].read_bytes()) == []
