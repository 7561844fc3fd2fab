"""Kernels behind Qualcomm's UNCOMPRESSED_IMG, and the headers that early and changed arm64 kernels have."""

import struct

import container_builders as build
import pytest
from image_builders import arm64_image, board, kernel_with_banner, pack, words, zimage
from packed_kernels import trees

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.containers import devicetrees
from hardboot.formats.kernels import arm64image, patched
from hardboot.formats.kernels.arm64image import Arm64Image
from hardboot.formats.kernels.kernel import identify

RELEASE = "3.18.31-perf"
IMAGE = arm64_image(kernel_with_banner(RELEASE, 60_000, 20_000))
TREES = board("one") + bytes(5) + board("two")


@pytest.mark.parametrize(
    ("data", "kind", "size", "models"),
    [
        (build.patched(IMAGE), "arm64 Image", len(IMAGE), 0),
        (build.patched(IMAGE, TREES), "arm64 Image", len(IMAGE), 2),
        (build.patched(IMAGE, TREES + bytes(4096)), "arm64 Image", len(IMAGE), 2),
        (build.patched(IMAGE, TREES, 12345), "arm64 Image", len(IMAGE), 2),
        (build.patched(IMAGE, TREES, 0), "arm64 Image", len(IMAGE), 2),
        (build.patched(IMAGE, TREES, 0xFFFFFFFF), "arm64 Image", len(IMAGE), 2),
        (build.patched(IMAGE, TREES + b"signature" * 9), "arm64 Image", len(IMAGE), 2),
        (build.patched(kernel_with_banner(RELEASE, 60_000, 9_000), TREES), "Image", 60_000, 2),
        (build.patched(zimage(), TREES), "zImage", len(zimage()), 2),
        (build.patched(pack(IMAGE, "gzip"), TREES), "arm64 Image", len(pack(IMAGE, "gzip")), 2),
    ],
    ids=["alone", "trees", "padded", "wrong", "zero", "beyond", "signed", "raw", "zImage", "gzip"],
)
def test_a_kernel_and_its_trees_are_found_behind_the_header(
    data: bytes, kind: str, size: int, models: int
) -> None:
    found = identify(data)
    assert (found.kind, found.wrappers, found.size) == (kind, ("UNCOMPRESSED_IMG",), 20 + size)
    assert trees(found) == [board("one"), board("two")][:models]
    if kind != "zImage":
        assert found.release == RELEASE
    if found.payload and found.kind != "zImage":
        assert data[found.payload.offset :].startswith(b"\x1f\x8b")
    assert sniff.sniff(data) == sniff.PATCHED_KERNEL
    there = devicetrees.find(data)
    assert (len(there.entries) if there else 0) == models
    for entry in there.entries if there else ():
        assert data[entry.offset :].startswith(b"\xd0\x0d\xfe\xed")


def test_the_size_of_the_header_is_believed_if_trees_or_nothing_is_there() -> None:
    assert patched.parse(build.patched(IMAGE, TREES)).size == len(IMAGE)
    assert patched.parse(build.patched(IMAGE)).size == len(IMAGE)
    assert patched.parse(build.patched(IMAGE, TREES, 5)).size is None
    assert patched.parse(build.patched(IMAGE, TREES, 5)).stated_size == 5
    assert patched.parse(build.patched(b"", TREES)).size is None


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (
            b"UNCOMPRESSED_IMG" + bytes(3),
            "UNCOMPRESSED_IMG header: header at offset 0x0: truncated: 19 of 20",
        ),
        (b"UNCOMPRESSED_IMH" + bytes(9), "UNCOMPRESSED_IMG header: magic at offset 0x0"),
    ],
)
def test_a_damaged_header_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        patched.parse(data)


def test_one_header_inside_of_another_is_refused() -> None:
    for inner in (build.patched(IMAGE), build.uimage(IMAGE)):
        with pytest.raises(InputError, match="another one is inside: a"):
            identify(build.patched(inner))


def early_image(kernel: bytes) -> bytes:
    """Return an Image of an early kernel: b stext, TEXT_OFFSET, no magic."""
    return struct.pack("<IIQQQ", 0x14000008, 0, 0x80000, 0, 0) + kernel[32:]


def moved_magic(kernel: bytes) -> bytes:
    """Return an Image with the header that github.com/bmax121/KernelPatch/issues/289 prints."""
    return words(0x14000010, 0, 0x80000, 0, 0x1D12000, 0, 10, *[0] * 5) + b"ARM\x64" + bytes(12) + kernel[64:]


@pytest.mark.parametrize(
    ("data", "header"),
    [
        (
            early_image(kernel_with_banner("3.10.61", 60_000, 9_000)),
            Arm64Image(0x80000, 0, False, None, False, False),
        ),
        (
            moved_magic(kernel_with_banner("4.4.302", 60_000, 9_000)),
            Arm64Image(0x80000, 0x1D12000, False, "4K", True, False),
        ),
    ],
    ids=["3.10", "magic at 0x30"],
)
def test_arm64_kernels_with_other_headers_are_known(data: bytes, header: Arm64Image) -> None:
    assert arm64image.parse(data) == header
    assert sniff.sniff(data) == sniff.ARM64_IMAGE
    for content in (data, build.patched(data), pack(data, "gzip")):
        found = identify(content + board("one"))
        assert (found.kind, found.arm64) == ("arm64 Image", header)
        assert trees(found) == [board("one")]


def test_a_first_header_is_known_only_as_a_whole() -> None:
    good = early_image(kernel_with_banner("3.10.61", 60_000, 9_000))
    assert arm64image.is_arm64(good[:32])
    for at in (0, 4, 10, 16, 31):
        damaged = bytearray(good)
        damaged[at] ^= 0x40
        assert not arm64image.is_arm64(damaged)
