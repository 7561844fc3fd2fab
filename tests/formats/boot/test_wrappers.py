"""Headers that makers put in front of an image or a part."""

import hashlib

import container_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.formats.boot import wrappers


def test_headers_have_the_sizes_of_their_sources() -> None:
    assert (wrappers.MTK_SIZE, wrappers.DHTB_SIZE, wrappers.AMONET_SIZE) == (512, 512, 1024)


def split(part: bytes) -> wrappers.MtkPart:
    found = wrappers.split_mtk(part)
    assert found is not None
    return found


def test_a_mediatek_header_with_another_size_is_split_with_a_warning() -> None:
    good = build.mtk(b"data", b"ROOTFS")
    part = split(good)
    assert (part.name, part.header, bytes(part.data), part.warning) == ("ROOTFS", good[:512], b"data", None)
    for other, size in ((good + b"x", 5), (good[:-1], 3)):
        assert bytes(split(other).data) == other[512:]
        assert split(other).warning == f"MTK header: size is 4 bytes, {size} follow"


def test_a_part_without_a_mediatek_header_stays() -> None:
    assert wrappers.split_mtk(b"x" * 600) is None
    assert wrappers.without_mtk(b"x" * 600) == b"x" * 600
    assert wrappers.split_mtk(build.mtk(b"", b"KERNEL")[:511]) is None
    assert bytes(split(build.mtk(b"", b"KERNEL")).data) == b""


def test_a_bootloader_starts_the_part_behind_a_mediatek_header() -> None:
    good = build.mtk(b"data", b"KERNEL")
    assert bytes(wrappers.without_mtk(good)) == b"data"


def test_a_mediatek_header_grows_with_its_part_and_keeps_the_rest() -> None:
    good = build.mtk(b"data", b"KERNEL")
    assert split(good).around(b"longer data") == build.mtk(b"longer data", b"KERNEL")
    other = split(good + b"!!")  # states 2 bytes less than there are
    assert other.around(b"1234567") == build.mtk(b"12345", b"KERNEL") + b"67"
    assert other.around(b"data!!") == good + b"!!"
    assert other.around(b"1") == build.mtk(b"1", b"KERNEL"), "no size below zero"


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
    with pytest.raises(InputError, match="7 bytes, there are 6"):
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


def test_amonet_is_a_microloader_with_the_header_behind_it() -> None:
    good = build.amonet()
    assert wrappers.is_amonet(memoryview(good))
    assert not wrappers.is_amonet(memoryview(b"m" + bytes(10) + good[11:]))
    assert not wrappers.is_amonet(memoryview(good[:1024] + bytes(8) + good[1032:]))
    wild = build.injected()
    assert wrappers.is_amonet(memoryview(wild))
    assert wrappers.is_amonet(memoryview(wild.replace(b"microloader", b"micro_loade")))
    assert wrappers.is_amonet(memoryview(b"Android!" + wild[8:]))
    assert not wrappers.is_amonet(memoryview(wild[:1024] + b"Android!" + wild[1032:]))


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (build.nook(b""), "Nook HD loader"),
        (build.nook(b"", mark=b"Red Loader"), "Nook HD loader"),
        (build.nook(b"", mark=b"eMMC boot.img+s"), None),
        (build.nook(b"", field=48), None),
        (build.nook(b"", field=48, mark=b"BauwksBoot"), "Nook Tablet loader"),
        (b"\0" + build.nook(b"")[1:], "Nook HD loader"),
        (build.boot(), None),
        (b"", None),
    ],
)
def test_a_loader_is_known_by_its_header(data: bytes, name: str | None) -> None:
    loader = wrappers.find_loader(memoryview(data))
    assert (loader and loader.name) == name


def test_an_image_patched_by_loki_is_refused() -> None:
    data = bytearray(build.boot())
    wrappers.refuse_loki(memoryview(data))
    data[0x400:0x404] = b"LOKI"
    told = r"^boot image: Loki header at offset 0x400: this image was patched by Loki"
    with pytest.raises(InputError, match=told):
        wrappers.refuse_loki(memoryview(data))
