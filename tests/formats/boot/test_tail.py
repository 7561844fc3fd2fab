"""What follows the last part of an image: found, and kept when parts grow."""

import container_builders as build

from hardboot.formats.avb import vbmeta as avb
from hardboot.formats.boot import tail

VBMETA = build.vbmeta()


def test_a_footer_that_points_outside_is_told() -> None:
    data = build.with_footer(b"x" * 4096, 16384)[12288:]
    lost = "AVB footer that points outside of the file"
    assert [(item.name, item.offset) for item in tail.items(data, 0)] == [("zeros", 0), (lost, 4096 - 64)]
    assert not tail.is_signed(data, 0)
    assert bytes(tail.renew(data, 0, 4096)) == data


def test_a_tail_is_told_byte_for_byte() -> None:
    data = bytes(10) + build.SAMSUNG + b"\xff\xfe" + bytes(7)
    assert [(item.name, item.offset, item.size) for item in tail.items(data, 4096)] == [
        ("zeros", 0, 10),
        ("SEANDROIDENFORCE mark", 10, 16),
        ("unknown data", 26, 2),
        ("zeros", 28, 7),
    ]


def test_a_footer_grows_the_file_only_if_it_must() -> None:
    image = build.with_footer(b"x" * 4096, 16384)
    moved = tail.renew(image[4096:], 4096, 8192)
    assert len(moved) == 8192
    larger = tail.renew(image[4096:], 4096, 16384)
    assert 16384 + len(larger) == 16384 + 4096
    found = avb.parse_footer(bytes(16384) + bytes(larger))
    assert found is not None
    assert (found.original_image_size, found.vbmeta_offset, found.vbmeta_size) == (16384, 16384, len(VBMETA))
