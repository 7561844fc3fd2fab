"""What follows the last part of an image moves with it, and files read from partitions keep their size."""

import container_builders as build
import pytest

from hardboot.base.errors import RefusedError
from hardboot.formats.avb import vbmeta as avb
from hardboot.formats.avb.records import Footer
from hardboot.formats.boot.tail import certificate_area
from hardboot.formats.boot.tail_renewal import renew
from hardboot.formats.reading import Data

VBMETA = build.vbmeta()
STALE = bytes(range(1, 256)) * 64  # 16320 bytes of an earlier image


def moved(tail: Data, old: int, new: int, *, grow: bool = False) -> bytes:
    return bytes(renew(tail, old, new, grow=grow).data)


def footer_of(data: bytes) -> Footer:
    footer = avb.parse_footer(data)
    assert footer is not None
    return footer


def test_a_footer_grows_the_file_only_if_told() -> None:
    image = build.with_footer(b"x" * 4096, 16384)
    assert len(moved(image[4096:], 4096, 8192)) == 8192
    with pytest.raises(RefusedError, match=r"is 4\.0 KiB too large for the partition") as caught:
        renew(image[4096:], 4096, 16384)
    assert "--grow" in caught.value.fix
    larger = moved(image[4096:], 4096, 16384, grow=True)
    assert 16384 + len(larger) == 16384 + 4096
    footer = footer_of(bytes(16384) + larger)
    assert (footer.original_image_size, footer.vbmeta_offset) == (16384, 16384)
    assert footer.vbmeta_size == len(VBMETA)


@pytest.mark.parametrize("marks", [b"", build.SAMSUNG, build.SAMSUNG + b"\xff" * 5000])
@pytest.mark.parametrize("new", [4096, 10240, 20480])
def test_marks_between_the_last_part_and_vbmeta_move_with_a_footer(marks: bytes, new: int) -> None:
    image = build.with_footer(b"x" * 6144 + marks, 65536)
    found = renew(image[6144:], 6144, new)
    result = bytes(new) + bytes(found.data)
    assert (len(result), found.overwritten) == (65536, 0)
    assert result[new : new + len(marks)] == marks
    footer = footer_of(result)
    assert footer.original_image_size == new + len(marks)
    assert footer.vbmeta_offset == -(-(new + len(marks)) // 4096) * 4096
    assert result[footer.vbmeta_offset :].startswith(VBMETA)
    between = result[new + len(marks) : footer.vbmeta_offset]
    behind = result[footer.vbmeta_offset + len(VBMETA) : -64]
    assert not any(between + behind)


def test_unknown_data_in_front_of_vbmeta_makes_room() -> None:
    image = build.with_footer(b"x" * 4096 + build.SAMSUNG + STALE, 32768)
    found = renew(image[4096:], 4096, 20480)
    result = bytes(20480) + bytes(found.data)
    assert (len(result), found.overwritten) == (32768, len(STALE))
    assert result[20480:].startswith(build.SAMSUNG + bytes(4080) + VBMETA)
    assert footer_of(result).original_image_size == 20496
    kept = bytes(20480) + moved(image[4096:], 4096, 20480, grow=True)
    assert kept[20480:].startswith(build.SAMSUNG + STALE)
    assert len(kept) > 32768


def test_a_file_exactly_full_with_its_footer_does_not_grow() -> None:
    image = build.with_footer(b"x" * 4096, 16384)
    room = 16384 - 64 - len(VBMETA)  # for parts and padding in front of vbmeta
    new = room // 4096 * 4096
    assert new + len(moved(image[4096:], 4096, new)) == 16384


@pytest.mark.parametrize("grown", [-4096, 4096, 1 << 20])
def test_the_certificates_of_a_gki_keep_their_16_kib(grown: int) -> None:
    area = build.gki()[len(build.boot_v3(4)) :]
    assert len(area) == 16384
    assert moved(area, 8192, 8192 + grown) == area, "the file grows with the image"
    partition = moved(area + bytes(2 << 20), 8192, 8192 + grown)
    assert partition == area + bytes((2 << 20) - grown)
    for no_area in (area[:-1], area[:-1] + b"x", bytes(16384)):
        assert certificate_area(memoryview(no_area), 8192) == 0
    image = build.with_footer(bytes(8192) + area, 4 << 20)
    renewed = moved(image[8192:], 8192, 8192 + grown)
    assert renewed[:16384] == area
    found = avb.parse_footer(renewed, 8192 + grown)
    assert found is not None
    assert (found.original_image_size, found.vbmeta_offset) == (24576 + grown, 24576 + grown)
    plain = build.with_footer(bytes(8192), 65536)
    assert certificate_area(memoryview(plain)[8192:], 8192) == 0, "the footer's own vbmeta is none"


@pytest.mark.parametrize("offset", [0, 8192])
def test_a_footer_that_cannot_follow_stays_at_the_end_of_the_partition(offset: int) -> None:
    """Its vbmeta is in front of the tail, or outside of the file."""
    data = build.with_footer(b"x" * 4096, 65536)[8192:]
    assert moved(data, offset, offset + 4096) == data[4096:]


@pytest.mark.parametrize(("zeros", "grown", "left"), [(4096, 4096, 0), (4096, 4000, 96), (8192, -100, 8292)])
def test_zeros_up_to_the_partitions_size_make_room(zeros: int, grown: int, left: int) -> None:
    data = build.SAMSUNG + bytes(zeros)
    assert moved(data, 8192, 8192 + grown) == build.SAMSUNG + bytes(left)


def test_zeros_up_to_the_partitions_size_are_no_more_room_than_they_are() -> None:
    data = build.SAMSUNG + bytes(4096)
    with pytest.raises(RefusedError, match="is 1 B too large"):
        renew(data, 8192, 8192 + 4097)
    assert moved(data, 8192, 8192 + 4097, grow=True) == build.SAMSUNG


def test_fewer_zeros_than_a_page_are_no_room() -> None:
    data = build.SAMSUNG + bytes(4095)
    assert moved(data, 8192, 12288) == data
    assert moved(b"", 8192, 12288) == b""


def test_a_tail_that_stays_where_it_is_is_not_changed() -> None:
    data = build.with_footer(b"x" * 4096 + build.SAMSUNG, 65536)[4096:]
    assert renew(data, 4096, 4096).data is data


KNOWN = {
    "nothing": b"",
    "Samsung's mark": build.SAMSUNG,
    "LG's bump": build.BUMP,
    "a signature": build.avb1_signature(),
    "a signature behind a mark": build.SAMSUNG + bytes(2032) + build.avb1_signature(),
}


@pytest.mark.parametrize("known", KNOWN.values(), ids=KNOWN)
@pytest.mark.parametrize("grown", [1, 2048, 15000, -2048])
def test_stale_bytes_make_room_and_what_is_left_keeps_its_place(known: bytes, grown: int) -> None:
    tail = known + bytes(5000 if known else 0) + STALE
    found = renew(tail, 8192, 8192 + grown)
    result = bytes(found.data)
    assert len(result) == len(tail) - grown
    assert result.startswith(known)
    left = len(STALE) - max(0, grown - (len(tail) - len(known) - len(STALE)))
    assert result.endswith(STALE[len(STALE) - left :])
    assert found.overwritten == len(STALE) - left
    assert not any(result[len(known) : len(result) - left])


def test_stale_bytes_that_are_not_enough_are_refused_and_kept_when_told_to_grow() -> None:
    tail = build.SAMSUNG + b"\xff" * 4 + bytes(4096) + STALE
    room = 4096 + len(STALE)
    assert moved(tail, 8192, 8192 + room) == build.SAMSUNG + b"\xff" * 4
    with pytest.raises(RefusedError, match="is 1 B too large for"):
        renew(tail, 8192, 8192 + room + 1)
    assert moved(tail, 8192, 8192 + room + 1, grow=True) == tail


def test_stale_bytes_move_while_zeros_make_room() -> None:
    found = renew(STALE + bytes(8192), 4096, 4096 + 8192)
    assert (found.data, found.overwritten) == (STALE, 0)
    found = renew(STALE + bytes(8192), 4096, 4096 + 8193)
    assert (bytes(found.data), found.overwritten) == (STALE[8193:] + bytes(8192), 8193)


@pytest.mark.parametrize(
    ("size", "follows"),
    [(4095, True), (4096, False), (256, True), (2048, False)],
    ids=["less than a page", "a page", "a signature", "up to a whole page of the partition"],
)
def test_unknown_bytes_that_end_no_partition_follow_the_last_part(size: int, follows: bool) -> None:
    """Such as a maker's signature behind an image that was not read from a partition."""
    old = 6144 if size == 2048 else 4096
    data = b"s" * size
    assert moved(data, old, old + 100) == (data if follows else data[100:])
