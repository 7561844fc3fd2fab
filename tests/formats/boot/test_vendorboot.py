"""vendor_boot images against pinned hashes of another implementation, and damaged ones."""

import re
import struct

import container_builders as build
import pytest
from golden_images import VENDOR_V4
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.boot import vendorboot
from hardboot.formats.boot.vendorboot import VendorBoot


def built(image: VendorBoot) -> bytes:
    return b"".join(vendorboot.build(image))


def patched(offset: int, value: int) -> bytes:
    data = bytearray(built(VENDOR_V4))
    struct.pack_into("<I", data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (build.boot(), "this is an Android boot image"),
        (patched(8, 5), "header_version at offset 0x8: v5"),
        (patched(0xC, 0), "page_size at offset 0xc: 0"),
        (patched(0xC, 0x80000000), "page_size at offset 0xc: 2147483648"),
        (patched(0xC, 4095), "page_size at offset 0xc: 4095"),
        (patched(0x18, 0xFFFFFFFF), "vendor_ramdisk_size at offset 0x18: 4294967295 bytes from 0x1000"),
        (patched(0x830, 0), "header_size at offset 0x830: 0 bytes"),
        (patched(0x834, 0x10000), "dtb_size at offset 0x834"),
        (patched(0x840, 0x10000), "table_size at offset 0x840"),
        (patched(0x84C, 0x10000), "bootconfig_size at offset 0x84c"),
        (built(VENDOR_V4)[:2000], "header at offset 0x0: truncated: 2000 of 2128 bytes"),
    ],
)
def test_damage_is_told_with_its_field_and_offset(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        vendorboot.parse(data)


@pytest.mark.parametrize(("offset", "value"), [(0x844, 0), (0x844, 3), (0x844, 1 << 31), (0x848, 107)])
def test_a_table_that_makes_no_sense_is_kept_and_the_ramdisks_are_one(offset: int, value: int) -> None:
    data = patched(offset, value)
    image = vendorboot.parse(data)
    section = b"".join(bytes(one.data) for one in VENDOR_V4.ramdisks)
    assert [bytes(one.data) for one in image.ramdisks] == [section]
    assert built(image) == data


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2200), st.binary(min_size=1, max_size=8))), st.integers(0, 20480))
def test_a_damaged_image_is_refused_or_builds_back(damage: list[tuple[int, bytes]], size: int) -> None:
    data = bytearray(built(VENDOR_V4))
    for offset, value in damage:
        data[offset : offset + len(value)] = value
    try:
        image = vendorboot.parse(bytes(data[:size]))
    except InputError:
        return
    assert built(image) == data[:size]
