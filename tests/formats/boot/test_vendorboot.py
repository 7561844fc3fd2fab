"""vendor_boot images against pinned hashes of another implementation, and damaged ones."""

import re
import struct
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import container_builders as build
import image_sets
import pytest
from golden_images import VENDOR_V3, VENDOR_V4
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import DEBIAN

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
        (patched(0x834, 0x10000), "dtb_size at offset 0x834"),
        (patched(0x840, 0x10000), "table_size at offset 0x840"),
        (patched(0x84C, 0x10000), "bootconfig_size at offset 0x84c"),
        (built(VENDOR_V4)[:2000], "header at offset 0x0: truncated: 2000 of 2128 bytes"),
    ],
)
def test_damage_is_reported_with_its_field_and_offset(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=f"^vendor boot image: .*{re.escape(message)}"):
        vendorboot.parse(data)


@pytest.mark.parametrize(("offset", "value"), [(0x844, 0), (0x844, 3), (0x844, 1 << 31), (0x848, 107)])
def test_a_table_that_makes_no_sense_is_kept_and_the_ramdisks_are_one(offset: int, value: int) -> None:
    data = patched(offset, value)
    image = vendorboot.parse(data)
    section = b"".join(bytes(one.data) for one in VENDOR_V4.ramdisks)
    assert [bytes(one.data) for one in image.ramdisks] == [section]
    assert image.warnings == ("the ramdisk table does not describe the ramdisks; they are kept as one",)
    assert built(image) == data


@settings(max_examples=200)
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


@pytest.mark.parametrize(
    ("page_size", "good"), [(1024, False), (2048, True), (131072, True), (262144, False)]
)
def test_pages_have_a_power_of_two_from_2_to_128_kib(page_size: int, good: bool) -> None:
    made = replace(VENDOR_V4, page_size=page_size, ramdisks=VENDOR_V4.ramdisks[:1])
    if good:
        data = built(made)
        image = vendorboot.parse(data)
        assert (image.page_size, len(image.ramdisks), bytes(image.dtb)) == (page_size, 1, b"dtb data")
        assert len(data) == page_size * (4 if page_size > 2128 else 5) + page_size
    else:
        message = f"page_size at offset 0xc: {page_size}, it must be one of"
        with pytest.raises(InputError, match=message):
            built(made)
        data = build.vendor_boot(4)
        with pytest.raises(InputError, match=message):
            vendorboot.parse(data[:12] + page_size.to_bytes(4, "little") + data[16:])


@pytest.mark.parametrize(("version", "needed"), [(3, 2112), (4, 2128)])
@pytest.mark.parametrize("size", [12, 13, 2111])
def test_a_header_is_truncated_by_the_size_of_its_version(version: int, needed: int, size: int) -> None:
    data = build.vendor_boot(version)[:size]
    with pytest.raises(InputError, match=f"header at offset 0x0: truncated: {size} of {needed} bytes"):
        vendorboot.parse(data)
    with pytest.raises(InputError, match="header at offset 0x0: truncated: 11 of 2112 bytes"):
        vendorboot.parse(data[:11])


@pytest.mark.parametrize("count", [1, 255, 256, 257])
def test_a_table_has_at_most_256_ramdisks(count: int) -> None:
    image = vendorboot.parse(built(replace(VENDOR_V4, ramdisks=VENDOR_V4.ramdisks[:1] * count)))
    assert image.has_entries is (count <= vendorboot.MAX_RAMDISKS)
    assert len(image.ramdisks) == (count if image.has_entries else 1)
    assert image.ramdisk_size == count * len(VENDOR_V4.ramdisks[0].data)


def test_a_v4_image_without_ramdisks_has_an_empty_one() -> None:
    data = built(replace(VENDOR_V4, ramdisks=()))
    image = vendorboot.parse(data)
    assert [(part.name, len(part.data)) for part in image.parts][:2] == [("ramdisk", 0), ("dtb", 8)]
    assert (image.table, image.table_size) == (b"", 0)
    assert built(image) == data


def test_a_table_that_leaves_a_rest_or_a_gap_is_kept() -> None:
    table_offset = built(VENDOR_V4).index(b"dtb data") + 2048
    for offset, value in ((0, 3), (4, 1), (108, 1), (3 * 108, 13)):
        data = patched(table_offset + offset, value)
        image = vendorboot.parse(data)
        assert (image.has_entries, len(image.ramdisks)) == (False, 1)
        assert image.table == data[table_offset : table_offset + 4 * 108]
        assert built(image) == data


def test_a_changed_ramdisk_keeps_the_bytes_behind_its_name() -> None:
    name_offset = built(VENDOR_V4).index(b"NoneNone")
    image = vendorboot.parse(patched(name_offset + 4, 0))
    assert image.ramdisks[0].name == "None"
    changed = replace(image, ramdisks=(replace(image.ramdisks[0], data=b"x" * 3000), *image.ramdisks[1:]))
    data = built(changed)
    assert data.count(b"None\0\0\0\0None") == 1
    again = vendorboot.parse(data)
    assert [bytes(ramdisk.data) for ramdisk in again.ramdisks] == [
        bytes(ramdisk.data) for ramdisk in changed.ramdisks
    ]
    assert again.header_size == image.header_size


def test_what_mkbootimg_writes_has_no_warning(tmp_path: Path) -> None:
    (tmp_path / "part").write_bytes(b"part")
    made = tmp_path / "made.img"
    words = ("--header_version", "3", "--vendor_ramdisk", tmp_path / "part", "--dtb", tmp_path / "part")
    subprocess.run(["mkbootimg", *words, "--vendor_boot", made], check=True, timeout=30, env=DEBIAN)
    image = vendorboot.parse(made.read_bytes())
    assert (image.warnings, bytes(image.dtb)) == ((), b"part")
    assert built(image) == made.read_bytes()


@pytest.mark.parametrize("stated", [0, 2128, 4096, 4097, 0xFFFFFFFF])
def test_a_header_may_state_any_size(stated: int) -> None:
    header = bytearray(build.vendor_boot(3)[:4096])
    struct.pack_into("<I", header, 0x830, stated)
    data = built(replace(VENDOR_V3, header=bytes(header)))
    image = vendorboot.parse(data)
    assert image.warnings == (f"header_size is {stated} bytes, v3 has 2112",)
    assert struct.unpack_from("<I", data, 0x830)[0] == stated
    assert built(image) == data
    assert struct.unpack_from("<I", built(replace(image, dtb=b"another")), 0x830)[0] == stated
    assert vendorboot.parse(built(replace(VENDOR_V3, header=b""))).warnings == ()


def test_other_versions_are_refused_when_they_are_written_too() -> None:
    for version in (0, 2, 5):
        with pytest.raises(InputError, match=f"vendor boot image: header_version at offset 0x8: v{version}"):
            vendorboot.build(replace(VENDOR_V4, header_version=version))


def test_a_value_that_does_not_fit_is_refused_before_anything_is_written() -> None:
    ramdisk = VENDOR_V4.ramdisks[0]
    for change, message in (
        ({"cmdline": "x" * 2049}, "cmdline at offset 0x1c: 2049 bytes, the limit is 2048"),
        ({"name": "n" * 17}, "name at offset 0x820: 17 bytes, the limit is 16"),
        ({"dtb_addr": 1 << 64}, "dtb_addr at offset 0x838"),
        ({"ramdisks": (replace(ramdisk, name="n" * 33),)}, "name at offset 0xc: 33 bytes, the limit is 32"),
        (
            {"ramdisks": (ramdisk, replace(ramdisk, name="n" * 33))},
            "vendor ramdisk table: name at offset 0x78: 33 bytes",
        ),
        ({"ramdisks": (replace(ramdisk, board_id=(0,) * 15),)}, "ramdisk table: board_id at offset 0x2c"),
    ):
        changes: dict[str, Any] = change
        with pytest.raises(InputError, match=message):
            vendorboot.build(replace(VENDOR_V4, **changes))


def test_the_last_padding_may_be_missing() -> None:
    data = built(VENDOR_V4).rstrip(b"\0")
    image = vendorboot.parse(data)
    assert image.missing == len(built(VENDOR_V4)) - len(data)
    assert image.end == len(data)
    assert built(image) == data


def test_an_image_without_parts_may_end_with_its_header() -> None:
    data = image_sets.vendor_boot([], bootconfig=b"", version=3)[:2112]
    assert built(vendorboot.parse(data)) == data


def test_the_parts_are_where_they_are_in_the_file() -> None:
    for image in (VENDOR_V3, VENDOR_V4):
        data = built(image)
        for part in image.parts:
            assert data[part.offset : part.offset + len(part.data)] == bytes(part.data)
    assert [part.name for part in VENDOR_V3.parts] == ["ramdisk", "dtb"]
    assert VENDOR_V4.end == len(built(VENDOR_V4))
