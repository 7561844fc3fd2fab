"""The header page as it is written: fields that fit, over bytes that stay."""

from dataclasses import replace

import container_builders as build
import pytest
from golden_images import V0, V1, V3

from hardboot.base.errors import InputError
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootheader import BootHeaderPxa, BootHeaderV0, BootHeaderV2
from hardboot.formats.boot.headerfields import build_header_page
from hardboot.formats.reading import view


def refusal(image: bootimg.BootImage) -> InputError:
    with pytest.raises(InputError) as caught:
        build_header_page(image)
    return caught.value


@pytest.mark.parametrize("size", [416, 417])
def test_a_header_behind_amonets_microloader_has_the_rest_of_the_page(size: int) -> None:
    """The extra command line begins at 608 of 1024 bytes."""
    image = bootimg.parse(build.amonet())
    image = replace(image, cmdline="x" * (511 + size))
    if size == 416:
        page = build_header_page(image)
        assert len(page) == 2048
        assert page[:1024] == build.amonet()[:1024]
        assert page[1024 + 608 :] == b"x" * 416
        assert bootimg.parse(page + build.amonet()[2048:]).cmdline == image.cmdline
    else:
        error = refusal(image)
        assert error.what == "boot image: header at offset 0x0: it does not fit into 1024 bytes"
        assert error.fix == "Shorten the command line."


def test_pages_have_one_of_the_sizes_that_phones_use() -> None:
    assert len(build_header_page(replace(V0, page_size=131072, header=b""))) == 131072
    assert (
        "page_size at offset 0x24: 262144, it must be one of (2048,"
        in refusal(replace(V0, page_size=262144)).what
    )
    pxa = replace(bootimg.parse(build.pxa()), page_size=1024)
    assert "page_size at offset 0x2c: 1024, it must be one of" in refusal(pxa).what
    assert (
        "page_size at offset 0x24: 8192, from v3 on it is 4096" in refusal(replace(V3, page_size=8192)).what
    )


@pytest.mark.parametrize(
    ("image", "size", "good"), [(V0, 8, False), (V0, 9, True), (V0, 0, True), (V1, 0, True), (V1, 99, False)]
)
def test_only_v0_has_a_tree_table_and_its_size_exceeds_any_version(
    image: bootimg.BootImage, size: int, good: bool
) -> None:
    changed = replace(image, dt=b"x" * size)
    if good:
        header = BootHeaderV0.parse(view(build_header_page(changed)))
        assert header.header_version == (size or image.header_version)
    else:
        assert refusal(changed).what == (
            f"boot image: dt_size at offset 0x28: {size} bytes in a v{image.header_version} image; "
            "only v0 has one, above 8 bytes"
        )


@pytest.mark.parametrize("size", [0, 1, 5000])
def test_pxa_has_a_field_for_the_size_of_its_tree_table(size: int) -> None:
    image = replace(bootimg.parse(build.pxa()), dt=b"x" * size)
    header = BootHeaderPxa.parse(view(build_header_page(image)))
    assert (header.dt_size, header.unknown) == (size, 0x02000000)


@pytest.mark.parametrize(
    ("version", "sizes"),
    [
        (8, {"kernel": 1, "ramdisk": 2, "second": 3}),
        (9, {"kernel": 1, "ramdisk": 2, "second": 3, "dt": 9}),
    ],
)
def test_a_version_above_the_last_is_the_size_of_a_tree_table(version: int, sizes: dict[str, int]) -> None:
    header = BootHeaderV0(b"", 1, 0, 2, 0, 3, 0, 0, 2048, version, 0, b"", b"", b"", b"")
    assert header.part_sizes() == sizes


def test_parts_are_in_file_order() -> None:
    header = BootHeaderV2(b"", 1, 0, 2, 0, 3, 0, 0, 2048, 2, 0, b"", b"", b"", b"", 4, 0, 1660, 5, 0)
    assert list(header.part_sizes().items()) == [
        *(("kernel", 1), ("ramdisk", 2), ("second", 3), ("recovery_dtbo", 4), ("dtb", 5))
    ]


def test_bytes_outside_the_fields_stay() -> None:
    page = bytearray(build_header_page(V0))
    page[1632:1640] = b"VENDOR 1"
    page[-1] = 7
    changed = build_header_page(replace(V0, header=bytes(page), name="other", kernel_addr=5))
    assert changed[1632:] == page[1632:]
    assert changed[0x30:0x40] == b"other".ljust(16, b"\0")


def test_a_header_without_the_rest_of_its_page_stays_so_unless_parts_follow() -> None:
    image = replace(V0, kernel=b"", ramdisk=b"", second=b"", header=build_header_page(V0)[:1700])
    assert len(build_header_page(image)) == 1700
    assert len(build_header_page(replace(image, header=image.header[:100]))) == 1632
    assert len(build_header_page(replace(image, kernel=b"k"))) == 4096
