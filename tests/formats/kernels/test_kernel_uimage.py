"""uImages are looked into."""

import pytest
from image_builders import (
    board,
    kernel_with_config,
    pack,
    zimage,
)
from packed_kernels import CONFIG, RELEASE, is_right, mkimage, packed_by, trees

from hardboot.base.errors import InputError
from hardboot.formats.kernels.kernel import identify


@pytest.mark.parametrize("kind", ["kernel", "multi"])
def test_a_uimage_is_looked_into(kind: str) -> None:
    inner = zimage(payload=pack(kernel_with_config(RELEASE, CONFIG), "gzip"))
    data = mkimage(inner, *([b"ramdisk", b"tree"] if kind == "multi" else []), kind=kind)
    kernel = identify(data + board("a") + bytes(8))
    assert is_right(kernel)
    assert (kernel.kind, kernel.wrappers) == ("zImage", ("uImage",))
    assert (kernel.size, bytes(kernel.padding)) == (len(data), bytes(8))
    assert trees(kernel) == [board("a")]
    assert kernel.payload is not None
    assert data[kernel.payload.offset :].startswith(b"\x1f\x8b")


def test_the_list_of_sizes_of_a_uimage_with_one_part_is_counted() -> None:
    inner = zimage(payload=pack(kernel_with_config(RELEASE, CONFIG), "gzip"))
    data = mkimage(inner, kind="multi")
    kernel = identify(data)
    assert kernel.payload is not None
    assert data[kernel.payload.offset :].startswith(b"\x1f\x8b")


def test_a_uimage_with_a_packed_raw_kernel_is_read() -> None:
    content = kernel_with_config(RELEASE, CONFIG)
    kernel = identify(mkimage(packed_by("gzip -n9", content), compression="gzip"))
    assert is_right(kernel)
    assert (kernel.kind, kernel.unpacked_size) == ("Image", len(content))
    assert identify(mkimage(content)).release == RELEASE


def test_a_tree_behind_the_kernel_inside_of_a_uimage_is_found() -> None:
    inner = zimage(payload=pack(kernel_with_config(RELEASE, CONFIG), "gzip"))
    kernel = identify(mkimage(inner + board("inside") + bytes(5)) + board("behind"))
    assert (kernel.size, bytes(kernel.padding)) == (64 + len(inner), bytes(5))
    assert trees(kernel) == [board("inside")]


def test_a_uimage_in_a_uimage_or_without_a_kernel_is_refused() -> None:
    inner = zimage()
    with pytest.raises(InputError, match="header at offset 0x40: another one is inside"):
        identify(mkimage(mkimage(inner)))
    with pytest.raises(InputError, match="does not hold a kernel"):
        identify(mkimage(inner, kind="ramdisk"))


def test_a_uimage_with_a_wrong_checksum_is_read_and_says_so() -> None:
    damaged = bytearray(mkimage(zimage()))
    damaged[40] ^= 1
    kernel = identify(bytes(damaged))
    assert (kernel.kind, len(kernel.warnings)) == ("zImage", 1)
    assert "header checksum is 0x" in kernel.warnings[0]
    assert identify(mkimage(zimage())).warnings == ()
