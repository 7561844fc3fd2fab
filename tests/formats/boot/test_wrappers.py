"""Headers that makers put in front of an image or a part."""

import hashlib

import container_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.formats.boot import wrappers


def test_headers_have_the_sizes_of_their_sources() -> None:
    assert (wrappers.MTK_SIZE, wrappers.DHTB_SIZE, wrappers.AMONET_SIZE) == (512, 512, 1024)


def test_a_mediatek_header_with_another_size_is_not_split() -> None:
    good = build.mtk(b"data", b"ROOTFS")
    part = wrappers.split_mtk(good)
    assert part is not None
    assert (part.name, part.header, bytes(part.data)) == ("ROOTFS", good[:512], b"data")
    assert wrappers.split_mtk(good + b"x") is None
    assert wrappers.split_mtk(good[:-1]) is None
    assert "size at offset 0x4: 4 bytes, 5 follow" in str(wrappers.problem_of_mtk(good + b"x"))
    assert wrappers.problem_of_mtk(good) is None


def test_a_part_without_a_mediatek_header_stays() -> None:
    assert wrappers.split_mtk(b"x" * 600) is None
    assert wrappers.problem_of_mtk(b"x" * 600) is None
    assert wrappers.without_mtk(b"x" * 600) == b"x" * 600
    assert wrappers.split_mtk(build.mtk(b"", b"KERNEL")[:511]) is None
    assert wrappers.problem_of_mtk(build.mtk(b"", b"KERNEL")[:511]) is None
    empty = wrappers.split_mtk(build.mtk(b"", b"KERNEL"))
    assert empty is not None
    assert bytes(empty.data) == b""


def test_a_bootloader_starts_the_part_behind_a_mediatek_header() -> None:
    good = build.mtk(b"data", b"KERNEL")
    assert bytes(wrappers.without_mtk(good)) == b"data"
    with pytest.raises(InputError, match="MTK header: size at offset 0x4: 4 bytes, 3 follow"):
        wrappers.without_mtk(good[:-1])


def test_a_mediatek_header_is_written_with_the_new_size_and_keeps_the_rest() -> None:
    good = build.mtk(b"data", b"KERNEL")
    assert wrappers.with_mtk(good[:512], b"longer data") == build.mtk(b"longer data", b"KERNEL")
    for header in (good[:511], good, b"\0" + good[1:512]):
        with pytest.raises(InputError, match="MTK header: magic at offset 0x0"):
            wrappers.mtk_header(header, 4)


def test_a_dhtb_header_that_covers_more_than_there_is_is_refused() -> None:
    with pytest.raises(InputError, match="size at offset 0x30"):
        wrappers.read_dhtb(memoryview(build.dhtb()[:4000]))
    with pytest.raises(InputError, match="DHTB header: header at offset 0x0: truncated: 100 of 512 bytes"):
        wrappers.read_dhtb(memoryview(build.dhtb()[:100]))


def test_a_dhtb_header_is_checked_over_exactly_what_it_covers() -> None:
    whole = build.dhtb(b"content")[: 512 + 7]
    good = wrappers.read_dhtb(memoryview(whole + b"behind"))
    assert (good.size, good.stored, good.computed) == (7, whole[8:40], whole[8:40])
    changed = wrappers.read_dhtb(memoryview(whole[:-1] + b"T"))
    assert changed.stored != changed.computed
    assert wrappers.read_dhtb(memoryview(whole)).computed == good.computed
    with pytest.raises(InputError, match="7 bytes, 6 follow"):
        wrappers.read_dhtb(memoryview(whole[:-1]))


@pytest.mark.parametrize(("growth", "covered"), [(3, 10), (0, 7), (-3, 4), (-9, 0), (99, 11)])
def test_a_dhtb_header_follows_the_image(growth: int, covered: int) -> None:
    old = build.dhtb(b"content")[:512]
    content = b"new content"
    header = wrappers.dhtb_header(old, iter([content[:4], content[4:]]), growth)
    assert header[:8] == old[:8]
    assert header[40:48] == old[40:48]
    assert header[48:52] == covered.to_bytes(4, "little")
    assert header[8:40] == hashlib.sha256(content[:covered]).digest()
    assert header[52:] == old[52:]


LIMIT = wrappers.LEAD_MAX


@pytest.mark.parametrize(
    ("data", "size"),
    [
        (build.boot(), 0),
        (build.dhtb(), 512),
        (build.amonet(), 0),
        (b"\x11" * 5000 + build.boot(), 5000),
        (b"\x11" * LIMIT + build.boot(), LIMIT),
        (b"\x11" * (LIMIT + 1) + build.boot(), 0),
        (b"text in front\n" * 40 + build.boot(), 560),
        (build.vendor_boot(4) + build.boot(), 0),
        (b"\x11" * 5000, 0),
    ],
)
def test_a_boot_image_is_found_behind_a_loader(data: bytes, size: int) -> None:
    assert wrappers.lead_size(memoryview(data)) == size


def test_amonet_is_a_microloader_with_the_header_behind_it() -> None:
    good = build.amonet()
    assert wrappers.is_amonet(memoryview(good))
    assert not wrappers.is_amonet(memoryview(b"m" + bytes(10) + good[11:]))
    assert not wrappers.is_amonet(memoryview(good[:1024] + bytes(8) + good[1032:]))


def test_an_image_patched_by_loki_is_refused() -> None:
    data = bytearray(build.boot())
    wrappers.refuse_loki(memoryview(data))
    data[0x400:0x404] = b"LOKI"
    with pytest.raises(InputError, match="Loki header at offset 0x400"):
        wrappers.refuse_loki(memoryview(data))
