"""What follows the last part of an image: found, and kept when parts grow."""

import container_builders as build
import pytest

from hardboot.formats.avb import vbmeta as avb
from hardboot.formats.avb.records import Footer
from hardboot.formats.boot import tail
from hardboot.formats.reading import leading_zeros

VBMETA = build.vbmeta()
MIB = 1 << 20


def rows(data: bytes, offset: int) -> list[tuple[str, int, int]]:
    return [(item.name, item.offset, item.size) for item in tail.items(data, offset)]


def footer_of(data: bytes) -> Footer:
    footer = avb.parse_footer(data)
    assert footer is not None
    return footer


def test_a_footer_that_points_outside_is_reported() -> None:
    data = build.with_footer(b"x" * 4096, 16384)[12288:]
    lost = "AVB footer that points outside of the file"
    assert rows(data, 0) == [("zeros", 0, 4032), (lost, 4032, 64)]
    assert not tail.is_signed(data, 0)
    assert bytes(tail.renew(data, 0, 4096)) == data


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
    assert [name for name, _, _ in rows(bytes(empty[4096:]), 4096)] == ["unknown data", "zeros", "AVB footer"]


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


def test_a_footer_grows_the_file_only_if_it_must() -> None:
    image = build.with_footer(b"x" * 4096, 16384)
    moved = tail.renew(image[4096:], 4096, 8192)
    assert len(moved) == 8192
    larger = tail.renew(image[4096:], 4096, 16384)
    assert 16384 + len(larger) == 16384 + 4096
    footer = footer_of(bytes(16384) + bytes(larger))
    assert (footer.original_image_size, footer.vbmeta_offset) == (16384, 16384)
    assert footer.vbmeta_size == len(VBMETA)


@pytest.mark.parametrize("marks", [b"", build.SAMSUNG, build.SAMSUNG + b"\xff" * 5000])
@pytest.mark.parametrize("new", [4096, 10240, 20480])
def test_marks_between_the_last_part_and_vbmeta_move_with_a_footer(marks: bytes, new: int) -> None:
    image = build.with_footer(b"x" * 6144 + marks, 65536)
    moved = bytes(new) + bytes(tail.renew(image[6144:], 6144, new))
    assert len(moved) == 65536
    assert moved[new : new + len(marks)] == marks
    footer = footer_of(moved)
    assert footer.original_image_size == new + len(marks)
    assert footer.vbmeta_offset == -(-(new + len(marks)) // 4096) * 4096
    assert moved[footer.vbmeta_offset :].startswith(VBMETA)
    between = moved[new + len(marks) : footer.vbmeta_offset]
    behind = moved[footer.vbmeta_offset + len(VBMETA) : -64]
    assert not any(between + behind)


def test_a_footer_whose_vbmeta_is_in_front_of_the_tail_stays_as_it_is() -> None:
    data = build.with_footer(b"x" * 4096, 65536)[8192:]
    assert bytes(tail.renew(data, 8192, 12288)) == data


def test_a_file_exactly_full_with_its_footer_does_not_grow() -> None:
    image = build.with_footer(b"x" * 4096, 16384)
    room = 16384 - 64 - len(VBMETA)  # for parts and padding in front of vbmeta
    new = room // 4096 * 4096
    assert new + len(tail.renew(image[4096:], 4096, new)) == 16384


@pytest.mark.parametrize(("zeros", "grown", "left"), [(4096, 4096, 0), (4096, 9999, 0), (8192, -100, 8292)])
def test_zeros_up_to_the_partitions_size_make_room(zeros: int, grown: int, left: int) -> None:
    data = build.SAMSUNG + bytes(zeros)
    assert bytes(tail.renew(data, 8192, 8192 + grown)) == build.SAMSUNG + bytes(left)


def test_fewer_zeros_than_a_page_are_no_room() -> None:
    data = build.SAMSUNG + bytes(4095)
    assert bytes(tail.renew(data, 8192, 12288)) == data
    assert tail.renew(b"", 8192, 12288) == b""


def test_a_tail_that_stays_where_it_is_is_not_changed() -> None:
    data = build.with_footer(b"x" * 4096 + build.SAMSUNG, 65536)[4096:]
    assert tail.renew(data, 4096, 4096) is data
