"""What follows the last part of an image is found."""

import container_builders as build
import pytest

from hardboot.formats.boot import tail
from hardboot.formats.reading import leading_zeros

VBMETA = build.vbmeta()
MIB = 1 << 20


def rows(data: bytes, offset: int) -> list[tuple[str, int, int]]:
    return [(item.name, item.offset, item.size) for item in tail.items(data, offset)]


def test_a_footer_that_points_outside_is_reported() -> None:
    data = build.with_footer(b"x" * 4096, 16384)[12288:]
    lost = "AVB footer that points outside of the file"
    assert rows(data, 0) == [("zeros", 0, 4032), (lost, 4032, 64)]
    assert not tail.is_signed(data, 0)


def test_a_tail_is_divided_byte_for_byte() -> None:
    data = bytes(10) + build.SAMSUNG + b"\xff\xfe" + bytes(7)
    assert rows(data, 4096) == [
        ("zeros", 0, 10),
        ("SEANDROIDENFORCE mark", 10, 16),
        ("unknown data", 26, 2),
        ("zeros", 28, 7),
    ]
    assert rows(b"", 4096) == []


def test_marks_in_front_of_vbmeta_and_all_behind_it_are_items() -> None:
    data = build.with_footer(b"x" * 4096 + build.BUMP, 16384)[4096:]
    size = len(VBMETA)
    assert rows(data, 4096) == [
        ("LG bump mark", 0, 16),
        ("zeros", 16, 4080),
        ("AVB vbmeta", 4096, size),
        ("zeros", 4096 + size, 12288 - 64 - 4096 - size),
        ("AVB footer", 12288 - 64, 64),
    ]
    assert tail.is_signed(data, 4096)


def test_a_footer_alone_is_an_item_of_its_own() -> None:
    image = build.with_footer(b"x" * 4096, 16384)
    assert rows(image[8192:], 8192) == [("zeros", 0, 8192 - 64), ("AVB footer", 8192 - 64, 64)]
    empty = bytearray(image)
    empty[-64 + 28 : -64 + 36] = bytes(8)  # vbmeta_size
    assert [name for name, _, _ in rows(bytes(empty[4096:]), 4096)] == ["AVB vbmeta", "zeros", "AVB footer"]


def test_vbmeta_images_right_behind_the_parts_are_certificates() -> None:
    size = len(build.vbmeta())
    two = build.vbmeta() + build.vbmeta()
    assert rows(two.ljust(16384, b"\0"), 8192) == [
        *(("AVB vbmeta", 0, size), ("AVB vbmeta", size, size), ("zeros", 2 * size, 16384 - 2 * size)),
    ]
    assert tail.is_signed(two, 8192)
    assert rows(two[:-1], 0) == [("AVB vbmeta", 0, size), ("unknown data", size, size - 1)]
    assert rows(b"\1" + two, 0) == [("unknown data", 0, 2 * size + 1)]
    assert [name for name, _, _ in rows(two * 5, 0)] == ["AVB vbmeta"] * 8 + ["unknown data"]
    overlapping = bytearray(two.ljust(8192 - 64, b"\0") + build.with_footer(b"", 4096)[-64:])
    overlapping[-64 + 20 : -64 + 36] = (8192 + 8).to_bytes(8, "big") + size.to_bytes(8, "big")
    found = rows(bytes(overlapping), 8192)
    assert found[:2] == [("unknown data", 0, 8), ("AVB vbmeta", 8, size)]
    assert sum(one for _, _, one in found) == 8192


def test_a_truncated_signature_is_not_a_signature() -> None:
    signature = build.avb1_signature()
    assert rows(signature + b"\xff", 0) == [
        ("AVB 1.0 signature", 0, len(signature)),
        ("unknown data", len(signature), 1),
    ]
    assert tail.is_signed(signature, 0)
    assert rows(signature[:-1], 0)[0][0] == "unknown data"
    assert not tail.is_signed(signature[:-1], 0)
    assert not tail.is_signed(build.SAMSUNG + build.BUMP, 0)


@pytest.mark.parametrize("zeros", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_zeros_are_counted_from_both_ends(zeros: int) -> None:
    data = memoryview(bytes(zeros) + b"x" + bytes(zeros))
    assert leading_zeros(data) == zeros
    assert tail.trailing_zeros(data) == zeros
    assert leading_zeros(data[:zeros]) == zeros
    assert tail.trailing_zeros(data[:zeros]) == zeros


@pytest.mark.parametrize(
    ("parts", "known"),
    [
        ((build.SAMSUNG, bytes(4095), build.BUMP, b"x"), 4),
        ((build.SAMSUNG, bytes(4096), build.BUMP, b"x"), 1),
        ((b"x" * 100, build.SAMSUNG), 0),
        ((bytes(8), b"x" * 100, bytes(16), build.SAMSUNG), 0),
        ((build.SAMSUNG, b"x" * 4095), 2),
        ((build.SAMSUNG, b"x" * 4096), 1),
        ((build.SAMSUNG, b"x" * 4080, bytes(16), b"x" * 5000), 2),
        ((build.SAMSUNG, b"x" * 4081, bytes(16), b"x" * 5000), 1),
    ],
)
def test_marks_with_what_their_tools_write_behind_them_are_known(
    parts: tuple[bytes, ...], known: int
) -> None:
    assert tail.known_size(b"".join(parts), 4096 + 7) == len(b"".join(parts[:known]))


def test_bytes_behind_a_mark_up_to_the_end_of_a_partition_may_be_stale() -> None:
    data = build.SAMSUNG + b"x" * 496
    assert tail.known_size(data, 8192 - 512) == len(build.SAMSUNG)
    assert tail.known_size(data, 8192 - 511) == len(data)
