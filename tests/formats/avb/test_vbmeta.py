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
        (b"AVB1" + VBMETA[4:], "magic at offset 0x0: 41564231, not 41564230"),
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


def header(**changes: int) -> bytes:
    """Return a vbmeta header over blocks of 64 and 128 bytes."""
    values = {
        "authentication_size": 64,
        "auxiliary_size": 128,
        "algorithm": 1,
        "hash_offset": 0,
        "hash_size": 32,
        "signature_offset": 32,
        "signature_size": 32,
        "key_offset": 100,
        "key_size": 28,
        "key_metadata_offset": 0,
        "key_metadata_size": 0,
        "descriptors_offset": 112,
        "descriptors_size": 16,
        "rollback_index": 5,
        "flags": 1,
        "rollback_location": 0,
        **changes,
    }
    return b"AVB0" + struct.pack(">IIQQI11QII48s80x", 1, 0, *values.values(), b"release")


BLOCKS = bytes(range(64)) + bytes(range(112)) + struct.pack(">QQ", 77, 0)


def test_each_field_is_found_in_its_block() -> None:
    found = avb.parse_vbmeta(header() + BLOCKS + b"behind")
    assert (found.algorithm, found.release) == ("SHA256_RSA2048", "release")
    assert (found.flags, found.rollback_index) == (1, 5)
    assert found.digest == bytes(range(32))
    assert found.signature == bytes(range(32, 64))
    assert found.key == BLOCKS[64 + 100 : 64 + 128]
    assert [descriptor.text for descriptor in found.descriptors] == ["descriptor 77"]
    assert found.size == 256 + 64 + 128
    assert [bytes(block) for block in found.signed] == [header(), BLOCKS[64:]]


@pytest.mark.parametrize(
    ("number", "name"),
    [(0, "none"), (3, "SHA256_RSA8192"), (4, "SHA512_RSA2048"), (6, "SHA512_RSA8192"), (7, "number 7")],
)
def test_an_algorithm_has_its_name(number: int, name: str) -> None:
    assert avb.parse_vbmeta(header(algorithm=number) + BLOCKS).algorithm == name


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"hash_size": 65}, "hash_offset at offset 0x20: 65 bytes from 0x0, the block has 64"),
        ({"signature_offset": 33}, "signature_offset at offset 0x30"),
        ({"key_offset": 101}, "key_offset at offset 0x40"),
        ({"descriptors_size": 17}, "descriptors at offset 0x60: 17 bytes from 0x70, outside the block"),
        ({"auxiliary_size": 129}, "auxiliary_size at offset 0x14: 449 bytes, there are 448"),
    ],
)
def test_a_field_outside_its_block_is_refused(changes: dict[str, int], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        avb.parse_vbmeta(header(**changes) + BLOCKS)


@pytest.mark.parametrize(("size", "good"), [(avb.MAX_VBMETA, True), (avb.MAX_VBMETA + 1, False)])
def test_a_vbmeta_image_has_a_limit(size: int, good: bool) -> None:
    data = header(auxiliary_size=size - 256 - 64) + BLOCKS + bytes(size)
    if good:
        assert avb.parse_vbmeta(data).size == size
    else:
        with pytest.raises(InputError, match="the limit is 65536"):
            avb.parse_vbmeta(data)


def test_flags_name_what_they_disable() -> None:
    both = ["verity", "verification"]
    assert [avb.disabled(flags) for flags in range(5)] == [[], both[:1], both[1:], both, []]


def test_a_footer_is_the_last_64_bytes() -> None:
    footer = b"AVBf".ljust(64, b"\0")
    assert avb.has_footer(footer)
    assert avb.has_footer(b"x" + footer)
    assert not avb.has_footer(footer + b"x")
    assert not avb.has_footer(footer[:63])
    assert avb.parse_footer(footer) is not None


def test_an_avb1_signature_is_recognised_by_its_first_fields() -> None:
    good = build.avb1_signature()
    assert avb.avb1_signature_size(good + b"more") == len(good)
    assert avb.avb1_signature_size(good) == len(good)
    assert avb.avb1_signature_size(good[:-1]) is None
    assert avb.avb1_signature_size(good[:7]) is None
    for offset in (0, 1, 4, 5, 6, 7):
        assert avb.avb1_signature_size(patched(good, offset, "B", 0xEE)) is None
