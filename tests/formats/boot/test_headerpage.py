"""The header page alone: found behind loaders, told from PXA and other versions, refused with a way out."""

import gzip
import struct

import container_builders as build
import pytest
from golden_images import V0, V2, V3, V4

from hardboot.base.errors import InputError
from hardboot.formats.boot import bootimg, headerpage, wrappers
from hardboot.formats.boot.bootheader import (
    BootHeaderPxa,
    BootHeaderV0,
    BootHeaderV2,
    BootHeaderV3,
    BootHeaderV4,
)


def page(image: bootimg.BootImage) -> bytearray:
    return bytearray(b"".join(bootimg.build(image))[:4096])


def refusal(data: bytes) -> InputError:
    with pytest.raises(InputError) as caught:
        headerpage.parse_header(data)
    return caught.value


def test_a_page_is_enough_to_read_the_header_and_the_command_line() -> None:
    header = headerpage.parse_header(page(V2))
    assert isinstance(header, BootHeaderV2)
    assert (header.dtb_addr, header.VERSION, header.page_size) == (V2.dtb_addr, 2, 4096)
    assert headerpage.parse_cmdline(page(V2)) == V2.cmdline
    assert headerpage.parse_cmdline(b"\x11" * 5000 + page(V0)) == V0.cmdline
    assert headerpage.parse_cmdline(page(V4)) == V4.cmdline


@pytest.mark.parametrize(
    ("version", "word", "kind"),
    [
        (0, 0x01FFFFFF, BootHeaderV0),
        (0, 0x02000000, BootHeaderPxa),
        (2, 0x02000000, BootHeaderPxa),
        (5, 0x02000000, BootHeaderPxa),
        (9, 0x800, BootHeaderV0),
        (9, 0x02000000, BootHeaderPxa),
    ],
)
def test_pxa_is_recognised_by_the_word_that_others_use_for_the_page_size(
    version: int, word: int, kind: type
) -> None:
    data = page(V0)
    struct.pack_into("<2I", data, 0x24, word, version)
    assert type(headerpage.parse_header(data)) is kind


@pytest.mark.parametrize(("image", "kind"), [(V3, BootHeaderV3), (V4, BootHeaderV4)])
def test_reserved_bytes_of_v3_do_not_make_it_pxa(image: bootimg.BootImage, kind: type) -> None:
    data = page(image)
    data[0x24:0x28] = b"\xff" * 4
    assert type(headerpage.parse_header(data)) is kind


def test_a_header_behind_amonets_microloader_ends_with_its_page() -> None:
    data = bytearray(build.amonet())
    data[2040:2060] = b"x" * 20  # the end of the page, and the start of the kernel
    header = headerpage.parse_header(data)
    assert isinstance(header, BootHeaderV0)
    assert header.extra_cmdline[: 1024 - 608 - 8].rstrip(b"\0") == b""
    assert header.extra_cmdline[1024 - 608 - 8 : 1024 - 608] == b"x" * 8
    assert not any(header.extra_cmdline[1024 - 608 :])


@pytest.mark.parametrize(("size", "message"), [(1579, "1579 of 1632"), (8, "8 of 1632")])
def test_less_than_the_shortest_header_is_truncated(size: int, message: str) -> None:
    assert f"header at offset 0x0: truncated: {message} bytes" in refusal(bytes(page(V3)[:size])).what


def test_the_shortest_header_is_read() -> None:
    assert headerpage.parse_cmdline(bytes(page(V3)[:1580])) == V3.cmdline


def test_the_fix_names_what_to_give() -> None:
    unknown = refusal(b"x" * 4096)
    assert unknown.what.startswith("boot image: magic at offset 0x0: this is ")
    assert "boot.img" in unknown.fix
    assert "no kernel" in refusal(build.vendor_boot(4)).fix
    packed = refusal(gzip.compress(build.boot()))
    assert "gzip data with an Android boot image in it" in packed.what
    assert packed.fix.startswith("Decompress it first, for example with gzip -d")
    text = refusal(gzip.compress(b"a text\n" * 99))
    assert "gzip data with a text file in it" in text.what
    assert "Decompress" not in text.fix
    assert "this is gzip data, not" in refusal(gzip.compress(build.boot())[:9]).what
    assert "this is lzop data, not" in refusal(b"\x89LZO" + bytes(100)).what


@pytest.mark.parametrize("version", [5, 8])
def test_unknown_versions_are_refused(version: int) -> None:
    data = page(V0)
    struct.pack_into("<I", data, 0x28, version)
    assert f"header_version at offset 0x28: v{version}" in refusal(bytes(data)).what


LIMIT = wrappers.LEAD_MAX
BOOT = build.boot()
NO_PAGE = b"ANDROID!" + bytes(2000)


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (BOOT, (0, 0)),
        (build.dhtb(), (512, 0)),
        (build.amonet(), (0, 1024)),
        (build.injected(), (0, 1024)),
        (build.boot_v3()[:1024] + BOOT, (0, 1024)),
        (b"\x11" * 5000 + BOOT, (5000, 0)),
        (b"\x11" * LIMIT + BOOT, (LIMIT, 0)),
        (b"text in front\n" * 40 + BOOT, (560, 0)),
        (b"\x11" + b"ANDROID!" * 9 + BOOT, (73, 0)),
        (b"\x11" + NO_PAGE + BOOT, (2009, 0)),
        (NO_PAGE + BOOT, (2008, 0)),
        (b"\x11" + NO_PAGE + build.boot_v3(4), (2009, 0)),
        (b"\x11" + NO_PAGE + build.pxa(), (2009, 0)),
        (NO_PAGE, (0, 0)),
        (BOOT.replace(b"board\0\0\0", b"ANDROID!", 1), (0, 0)),
        (build.nook(BOOT), (1 << 20, 0)),
        (build.nook(build.boot_v3(4)), (1 << 20, 0)),
        (build.nook(BOOT, field=48, mark=b"BauwksBoot", size=256 << 10), (256 << 10, 0)),
        (build.nook(BOOT, mark=b"Blue Loader"), (0, 0)),
        (build.nook(b"\0" + BOOT), (0, 0)),
        (build.nook(BOOT[:100]), (1 << 20, 0)),
        (build.nook(BOOT)[: 1 << 20], (0, 0)),
        (b"\0" + build.nook(BOOT)[1:], (1 << 20, 0)),
        (build.nook(NO_PAGE), (1 << 20, 0)),
        (build.dhtb(build.injected()), (512, 1024)),
    ],
)
def test_a_header_is_found_behind_loaders(data: bytes, place: tuple[int, int]) -> None:
    assert headerpage.find_header(memoryview(data)) == place


@pytest.mark.parametrize(
    "data",
    [b"\x11" * (LIMIT + 1) + BOOT, build.vendor_boot(4) + BOOT, b"\x11" * 5000, b"ANDROI", b""],
)
def test_no_header_is_found_too_far_behind_or_behind_another_image(data: bytes) -> None:
    with pytest.raises(InputError, match="not an Android boot image"):
        headerpage.find_header(memoryview(data))


@pytest.mark.parametrize("size", [4096, 131072, 1 << 20, (1 << 20) + 7])
def test_a_loaders_header_is_not_taken_for_that_of_an_image_that_is_missing(size: int) -> None:
    message = r"Nook HD loader at offset 0x100000: the image behind it begins there, 0x\w+ bytes are known"
    with pytest.raises(InputError, match=message):
        headerpage.parse_cmdline(build.nook(BOOT)[:size])
    assert headerpage.parse_cmdline(build.nook(BOOT)) == "console=ttyMSM0"


def test_few_magics_are_looked_at() -> None:
    data = b"\x11" + NO_PAGE * 32 + BOOT
    with pytest.raises(InputError, match="page_size"):
        bootimg.parse(b"\x11" + (b"ANDROID!" + bytes(400)) * 70 + BOOT)
    assert headerpage.find_header(memoryview(data)) == (1 + 32 * len(NO_PAGE), 0)
