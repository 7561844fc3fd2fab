"""vbmeta images, footers and AVB 1.0 signatures, written by hand, and damaged."""

import re
import struct

import container_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.formats.avb import vbmeta as avb


def patched(data: bytes, offset: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


VBMETA = build.vbmeta()


def test_a_vbmeta_image_is_read() -> None:
    found = avb.parse_vbmeta(VBMETA + bytes(1000))
    assert (found.algorithm, found.flags, found.rollback_index) == ("none", 2, 7)
    assert found.size == len(VBMETA)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (VBMETA[:200], "header at offset 0x0: truncated: 200 of 256 bytes"),
        (b"AVB1" + VBMETA[4:], "magic at offset 0x0"),
        (VBMETA[:-1], "auxiliary_size at offset 0x14"),
        (patched(VBMETA, 0x14, ">Q", 1 << 63), "auxiliary_size at offset 0x14"),
        (patched(VBMETA, 0x68, ">Q", 1 << 63), "descriptors at offset 0x60"),
        (patched(VBMETA, 256 + 8, ">Q", 1 << 63), "descriptor at offset 0x108"),
    ],
)
def test_a_damaged_vbmeta_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        avb.parse_vbmeta(data)


def test_a_vbmeta_image_names_the_partitions_of_its_hashtrees_and_the_command_line() -> None:
    tree = struct.pack(">IQQQIIIQQ32s", 1, 4194304, 4194304, 40960, 4096, 4096, 2, 0, 0, b"sha256")
    tree += struct.pack(">IIII60x", 6, 4, 32, 0) + b"system" + b"salt" + bytes(32) + bytes(6)
    line = struct.pack(">II", 1, 8) + b"dm-verity"[:8]
    rows = b"".join(struct.pack(">QQ", tag, len(body)) + body for tag, body in ((1, tree), (3, line)))
    data = patched(patched(VBMETA[:256], 0x14, ">Q", len(rows)), 0x68, ">Q", len(rows)) + rows
    assert [one.text for one in avb.parse_vbmeta(data).descriptors] == [
        "hashtree of system, 4194304 bytes, sha256",
        "kernel command line: dm-verit",
    ]


def test_a_footer_that_points_outside_is_none() -> None:
    good = build.with_footer(b"x" * 4096, 16384)
    found = avb.parse_footer(good)
    assert found is not None
    assert (found.original_image_size, found.vbmeta_offset, found.vbmeta_size) == (4096, 4096, len(VBMETA))
    assert avb.parse_footer(patched(good, len(good) - 64 + 0x14, ">Q", 16384)) is None
    assert avb.parse_footer(patched(good, len(good) - 64 + 0x1C, ">Q", 1 << 63)) is None
    assert avb.parse_footer(patched(good, len(good) - 64 + 0xC, ">Q", 1 << 63)) is None
    assert avb.parse_footer(good[-63:]) is None
    assert avb.parse_footer(good[12288:], 12288) == found
    assert avb.parse_footer(good[12288:], 0) is None
