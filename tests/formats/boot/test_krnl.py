"""Rockchip's images with a checksum."""

import container_builders as build
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import words

from hardboot.base.errors import InputError
from hardboot.formats import reading
from hardboot.formats.boot import krnl


def test_the_checksum_is_that_of_rkcrc() -> None:
    """rkcrc.h, crc32table[1] and crc32table[255]: the remainders of one byte."""
    assert krnl.checksum(b"\1") == 0x04C10DB7
    assert krnl.checksum(b"\xff") == 0xB1F880B4


@settings(max_examples=200)
@given(st.binary(max_size=300))
def test_any_content_has_the_checksum_that_bits_one_by_one_give(content: bytes) -> None:
    assert krnl.build(b"KRNL", content) == build.rockchip(content)


def test_windows_are_put_together(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytes(range(256)) * 9
    monkeypatch.setattr(reading, "WINDOW", 1000)
    assert krnl.build(b"KRNL", content) == build.rockchip(content)


def test_an_image_is_read_with_what_follows_it() -> None:
    data = build.rockchip(b"content", b"PARM")
    found = krnl.parse(data + b"more")
    assert (found.magic, bytes(found.content), found.end) == (b"PARM", b"content", len(data))
    assert found.crc == krnl.checksum(b"content")
    assert krnl.parse(data[:-4] + b"\0\0\0\0").crc == 0, "a wrong checksum is read, too"


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"KRNL\0\0", "Rockchip image: header at offset 0x0: truncated: 6 of 8 bytes"),
        (b"KRNX" + bytes(9), "magic at offset 0x0"),
        (build.rockchip(b"content")[:-1], "size at offset 0x4: 7 bytes and a checksum, 10 follow the header"),
        (b"KRNL" + words(0xFFFFFFFF) + bytes(99), "size at offset 0x4: 4294967295 bytes"),
    ],
)
def test_a_damaged_image_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        krnl.parse(data)
