"""The descriptors of a vbmeta image, written by hand from libavb's headers."""

import struct

import pytest

from hardboot.base.errors import InputError
from hardboot.formats.avb.descriptors import MAX_DESCRIPTORS, Descriptor, parse_descriptors

PROPERTY, HASHTREE, HASH, COMMAND_LINE, CHAIN = range(5)
DIGEST = bytes(range(32))


def row(tag: int, body: bytes) -> bytes:
    return struct.pack(">QQ", tag, len(body)) + body


def parsed(data: bytes) -> tuple[Descriptor, ...]:
    return parse_descriptors(memoryview(data), 0, len(data))


def hash_body(name: bytes, salt: bytes, digest: bytes, how: bytes = b"sha256") -> bytes:
    sizes = (len(name), len(salt), len(digest))
    return struct.pack(">Q32sIIII60x", 8192, how, *sizes, 0) + name + salt + digest + b"pad"


def hashtree_body(name: bytes) -> bytes:
    head = struct.pack(">IQQQIIIQQ32s", 1, 4194304, 4194304, 40960, 4096, 4096, 2, 0, 0, b"sha1")
    return head + struct.pack(">IIII60x", len(name), 4, 32, 0) + name + b"salt" + DIGEST


@pytest.mark.parametrize(
    ("tag", "body", "text"),
    [
        (PROPERTY, struct.pack(">QQ", 3, 5) + b"key\0value\0pad", "property key: value"),
        (PROPERTY, struct.pack(">QQ", 3, 99) + b"key\0value", "property key: value"),
        (PROPERTY, struct.pack(">QQ", 2**64 - 1, 2**64 - 1) + b"key", "property key: "),
        (HASHTREE, hashtree_body(b"system"), "hashtree of system, 4194304 bytes, sha1"),
        (HASH, hash_body(b"boot", b"", b""), "hash of boot, 8192 bytes, sha256"),
        (COMMAND_LINE, struct.pack(">II", 1, 4) + b"dm=1 more", "kernel command line: dm=1"),
        (COMMAND_LINE, struct.pack(">II", 1, 0), "kernel command line: "),
        (CHAIN, struct.pack(">III64x", 1, 6, 3) + b"vendorkey", "chain partition vendor"),
        (5, b"anything", "descriptor 5"),
        (2**64 - 1, b"", f"descriptor {2**64 - 1}"),
        (PROPERTY, bytes(15), "property"),
        (HASHTREE, hashtree_body(b"")[:163], "hashtree"),
        (HASH, hash_body(b"", b"", b"")[:115], "hash"),
        (COMMAND_LINE, bytes(7), "kernel command line"),
        (CHAIN, bytes(75), "chain partition"),
    ],
)
def test_a_descriptor_is_put_in_words(tag: int, body: bytes, text: str) -> None:
    assert [descriptor.text for descriptor in parsed(row(tag, body))] == [text]


def test_a_hash_descriptor_has_its_partition_salt_and_digest() -> None:
    assert parsed(row(HASH, hash_body(b"boot", b"salt", DIGEST))) == (
        Descriptor("hash of boot, 8192 bytes, sha256", "boot", 8192, "sha256", b"salt", DIGEST),
    )


def test_descriptors_follow_each_other_up_to_the_end() -> None:
    data = b"front" + row(5, b"abc") + row(6, b"") + row(7, b"z") + b"behind"
    end = len(data) - len(b"behind")
    texts = [descriptor.text for descriptor in parse_descriptors(memoryview(data), 5, end)]
    assert texts == ["descriptor 5", "descriptor 6", "descriptor 7"]
    assert parsed(b"") == ()


def test_a_truncated_descriptor_is_refused_with_its_offset() -> None:
    good = row(5, b"abc")
    with pytest.raises(InputError, match="descriptor at offset 0x13: truncated: 15 of 16 bytes"):
        parsed(good + bytes(15))
    with pytest.raises(InputError, match="descriptor at offset 0x1b: 4 bytes, outside the block"):
        parsed(good + struct.pack(">QQ", 5, 4) + b"abc")


def test_no_more_descriptors_are_read_than_the_limit() -> None:
    assert len(parsed(row(9, b"") * (MAX_DESCRIPTORS + 1))) == MAX_DESCRIPTORS
