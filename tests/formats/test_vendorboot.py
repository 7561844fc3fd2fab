"""vendor_boot images against pinned hashes of another implementation, and damaged ones."""

import hashlib
import re
import struct
from dataclasses import replace

import container_builders as build
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.errors import InputError
from hardboot.formats import vendorboot
from hardboot.formats.vendorboot import Ramdisk, VendorBoot

V3 = VendorBoot(
    ramdisks=(Ramdisk(b"ramdisk data"),),
    dtb=b"dtb data",
    header_version=3,
    kernel_addr=0x01234567,
    ramdisk_addr=0x89ABCDEF,
    tags_addr=0xFEDCBA98,
    dtb_addr=0x76543210,
    name="Name" * 4,
    cmdline=("Cmdline" * 300)[:2048],
)
BOARD_ID = (
    *(0x00112233, 0x44556677, 0x8899AABB, 0xCCDDEEFF, 0xFFEEDDCC, 0xBBAA9988, 0x77665544, 0x33221100),
    *(0x004488CC, 0x115599DD, 0x2266AAEE, 0x3377BBFF, 0xFFBB7733, 0xEEAA6622, 0xDD995511, 0xCC884400),
)
V4 = replace(
    V3,
    header_version=4,
    page_size=2048,
    ramdisks=tuple(
        Ramdisk(f"ramdisk {index} data".encode(), index, (name * 8)[:32], BOARD_ID)
        for index, name in enumerate(("None", "Platform", "Recovery", "Dlkm"))
    ),
    bootconfig=b"bootconfig data",
)

# avbroot, avbroot/tests/bootimage.rs, round_trip_vendor_v3 and round_trip_vendor_v4.
GOLDEN = (
    (
        V3,
        "1718b9674c8271986a8ab8853c779e27ebce2a2304637c94d4ad1f3cee7e418b"
        "a8d935ecf2c1523ad95bbe63e800d2234e3776315afc6343323430f63e2e3e66",
    ),
    (
        V4,
        "0e3f869ead98bb53c7c43fb8c606dcb2e54766e3af2ca4918d4bc5701e511923"
        "7cab402495efc865db5f0a4193ff6c22b49ae220c195a03cc213dbc824337775",
    ),
)


def built(image: VendorBoot) -> bytes:
    return b"".join(vendorboot.build(image))


@pytest.mark.parametrize(("image", "sha512"), GOLDEN, ids=["v3", "v4"])
def test_golden_images_are_written_byte_for_byte_and_read_back(image: VendorBoot, sha512: str) -> None:
    data = built(image)
    assert hashlib.sha512(data).hexdigest() == sha512
    assert vendorboot.parse(data) == image


def patched(offset: int, value: int) -> bytes:
    data = bytearray(built(V4))
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
        (built(V4)[:2000], "header at offset 0x0: 2000 bytes, it has 2128"),
    ],
)
def test_damage_is_told_with_its_field_and_offset(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        vendorboot.parse(data)


@pytest.mark.parametrize(("offset", "value"), [(0x844, 0), (0x844, 3), (0x844, 1 << 31), (0x848, 107)])
def test_a_table_that_makes_no_sense_is_kept_and_the_ramdisks_are_one(offset: int, value: int) -> None:
    data = patched(offset, value)
    image = vendorboot.parse(data)
    assert [bytes(one.data) for one in image.ramdisks] == [b"".join(bytes(one.data) for one in V4.ramdisks)]
    assert built(image) == data


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.integers(0, 2200), st.binary(min_size=1, max_size=8))), st.integers(0, 20480))
def test_a_damaged_image_is_refused_or_builds_back(damage: list[tuple[int, bytes]], size: int) -> None:
    data = bytearray(built(V4))
    for offset, value in damage:
        data[offset : offset + len(value)] = value
    try:
        image = vendorboot.parse(bytes(data[:size]))
    except InputError:
        return
    assert built(image) == data[:size]
