"""What a boot image keeps when it is read and written: padding, tails, texts and header bytes."""

import struct
from dataclasses import replace

import container_kinds
import pytest
from golden_images import V0, V1, V2, V3, built

from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.reading import WINDOW


def test_parts_are_views_not_copies() -> None:
    data = bytearray(built(V0))
    image = bootimg.parse(data)
    data[image.page_size] = ord("K")
    assert bytes(image.kernel) == b"Kernel data"


def test_a_large_image_is_written_in_pieces() -> None:
    image = replace(V0, ramdisk=bytes(5 << 20))
    sizes = [len(chunk) for chunk in bootimg.build(image)]
    assert max(sizes) <= WINDOW
    assert sum(sizes) == 4096 * 3 + (5 << 20)


BOOT_IMAGES = {
    name: data for name, data in container_kinds.every_kind().items() if b"ANDROID!" in data[:6000]
}


@pytest.mark.parametrize("name", [name for name in BOOT_IMAGES if not name.startswith("sparse")])
def test_an_image_of_any_kind_is_written_as_it_was_read(name: str) -> None:
    data = BOOT_IMAGES[name]
    image = bootimg.parse(data)
    assert built(image) == data
    assert image.tail_offset == image.end == len(data) - len(image.tail)
    assert data[len(image.lead) + image.header_offset :].startswith(b"ANDROID!")


def test_a_last_part_without_its_padding_is_read() -> None:
    data = built(V2).rstrip(b"\0")
    assert bootimg.parse(data) == V2


def test_what_follows_the_last_part_is_kept() -> None:
    data = built(V1) + b"SEANDROIDENFORCE" + b"\xff" * 4
    image = bootimg.parse(data)
    assert len(image.tail) == 20
    assert built(image) == data
    grown = bootimg.parse(built(bootimg.renew(replace(image, kernel=b"k" * 5000))))
    assert bytes(grown.kernel) == b"k" * 5000
    assert bytes(grown.tail) == bytes(image.tail)


def test_a_file_as_large_as_its_partition_stays_so_when_a_part_grows() -> None:
    image = bootimg.parse(built(V2) + b"SEANDROIDENFORCE" + bytes(16368))
    data = built(bootimg.renew(replace(image, kernel=b"k" * 5000)))
    assert len(data) == len(built(V2)) + 16384
    assert bytes(bootimg.parse(data).tail) == b"SEANDROIDENFORCE" + bytes(16368 - 4096)


def test_text_behind_a_v0_header_is_kept_and_not_read_as_fields() -> None:
    data = bytearray(built(V0))
    data[1632 : 1632 + 10] = b"Cairo SIGN"  # found in images of a vendor
    image = bootimg.parse(data)
    assert image == V0
    assert built(replace(image, kernel=b"kernel DATA"))[1632:1642] == b"Cairo SIGN"


@pytest.mark.parametrize("stated", [0, 1596, 4096])
def test_a_v3_header_may_state_another_size(stated: int) -> None:
    data = bytearray(built(V3))
    struct.pack_into("<I", data, 0x14, stated)
    assert built(bootimg.parse(data)) == data


def test_bytes_behind_the_end_of_a_text_stay_unless_the_text_changes() -> None:
    data = bytearray(built(replace(V0, cmdline="quiet", name="n")))
    data[0x40 + 100] = 7
    data[0x260 : 0x260 + 5] = b" more"
    image = bootimg.parse(data)
    assert image.cmdline == "quiet more"
    assert built(image) == data
    changed = bootimg.parse(built(replace(image, cmdline="quiet")))
    assert changed.cmdline == "quiet"


def test_a_header_without_the_rest_of_its_page_is_kept_too() -> None:
    data = bytearray(built(BootImage(kernel=b"", name="n"))[:1632])
    data[0x3F] = 7
    assert built(bootimg.parse(data)) == data


@pytest.mark.parametrize(
    ("size", "first", "rest"),
    [(511, 511, 0), (512, 511, 1), (1534, 511, 1023), (1535, 512, 1023), (1536, 512, 1024)],
)
def test_the_first_part_of_a_long_command_line_ends_with_a_nul_if_there_is_room(
    size: int, first: int, rest: int
) -> None:
    data = built(replace(V0, cmdline="x" * size))
    assert data[0x40:0x240] == (b"x" * first).ljust(512, b"\0")
    assert data[0x260:0x660] == (b"x" * rest).ljust(1024, b"\0")
    assert bootimg.parse(data).cmdline == "x" * size


def test_a_command_line_that_is_not_utf8_is_kept() -> None:
    data = bytearray(built(replace(V0, cmdline="x")))
    data[0x40:0x44] = b"a\xff\xfeb"
    image = bootimg.parse(data)
    assert built(replace(image, header=b"")) == data


@pytest.mark.parametrize(
    ("word", "version", "level"),
    [
        (0, None, None),
        (13 << 25 | 1 << 18 | 2 << 11, "13.1.2", None),
        (23 << 4 | 5, None, "2023-05"),
        (127 << 25 | 127 << 18 | 127 << 11 | 127 << 4 | 12, "127.127.127", "2127-12"),
    ],
)
def test_the_android_version_is_read(word: int, version: str | None, level: str | None) -> None:
    image = BootImage(kernel=b"k", os_version=word)
    assert (image.os_version_text, image.os_patch_level) == (version, level)


def test_printing_an_image_does_not_print_its_parts() -> None:
    assert "kernel data" not in repr(V2)
