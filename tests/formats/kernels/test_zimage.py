"""zImages built by hand from the kernel's linker script, and any bytes."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import HBPG, TABLE, board, hardboot_tag, klsz, unpacks_to, words, zimage

from hardboot.base.errors import InputError
from hardboot.formats.kernels import zimage as format_
from hardboot.formats.kernels.zimage import ZImage


def patched(offset: int, *values: int, data: bytes | None = None) -> bytes:
    changed = bytearray(zimage() if data is None else data)
    struct.pack_into(f"<{len(values)}I", changed, offset, *values)
    return bytes(changed)


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        format_.parse(data)
    return caught.value.what


def test_the_sizes_of_the_kernel_are_read() -> None:
    data = zimage(payload=b"packed!!" + words(0x13A10B4), numbers=(0x5E4D4, 0x208000, 0x10000))
    image = format_.parse(data)
    assert image.kernel == data
    assert image.size == len(data)
    assert image.edata_size == 0x13A10B4
    assert image.bss_size == 0x5E4D4
    assert image.text_offset == 0x208000
    assert image.malloc_size == 0x10000
    assert image.payload_end is not None
    assert bytes(image.kernel[: image.payload_end]).endswith(b"packed!!" + words(0x13A10B4))
    assert (image.hardboot_page, image.hardboot_version) == (None, None)


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ((1,), (1, None, None)),
        ((1, 2), (1, None, None)),  # no kernel writes three
        ((1, 2, 3), (1, 2, 3)),
        ((1, 2, 3, 4), (1, 2, 3)),
    ],
)
def test_older_and_newer_size_tags_are_read(
    numbers: tuple[int, ...], expected: tuple[int | None, ...]
) -> None:
    image = format_.parse(zimage(numbers=numbers))
    assert (image.bss_size, image.text_offset, image.malloc_size) == expected
    assert image.edata_size == 0x1234


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        (words(0xE204433E), (True, None)),  # and r4, r4, #0xf8000000: 3.4
        (words(0xE200033E), (True, None)),  # and r0, r0, #0xf8000000: 6.1
        (bytes.fromhex("00bf00f0784000bf"), (True, None)),  # the same in Thumb-2, not at a whole word
        (bytes.fromhex("00f07840"), (True, None)),  # and at a whole word
        (words(0xE204433F), (False, None)),  # and r4, r4, #0xfc000000
        (unpacks_to(0x80208000), (False, 0x80208000)),
        (unpacks_to(0x00008000) + words(0xE59F4000, 0, 0x12348000), (False, 0x00008000)),
        (unpacks_to(0x3FF) + unpacks_to(0x20008000), (False, 0x20008000)),
        (words(0xE59F3000, 0, 0x8000), (False, None)),  # into r3
        (words(0xE59F4FFF), (False, None)),  # from behind the end
        (b"", (False, None)),
    ],
)
def test_the_code_says_where_the_kernel_unpacks_to(code: bytes, expected: tuple[bool, int | None]) -> None:
    image = format_.parse(zimage(code=code))
    assert (image.relocatable, image.zreladdr) == expected


def test_a_kernel_without_an_extension_table_is_read() -> None:
    data = zimage(tags=b"")
    image = format_.parse(data)
    assert image == ZImage(kernel=image.kernel, size=len(data), relocatable=True)


def test_the_hardboot_page_is_read_and_unknown_tags_are_skipped() -> None:
    unknown = words(2, 0x41414141) + words(7, 0x42424242, 1, 2, 3, 4, 5)
    image = format_.parse(zimage(tags=unknown + hardboot_tag(0x8F000000) + words(2, 0) + klsz(0x24, 5)))
    assert (image.hardboot_page, image.hardboot_version) == (0x8F000000, 1)
    assert (image.edata_size, image.bss_size) == (0x016F2818, 5)


def test_a_kernel_linked_elsewhere_has_the_same_size() -> None:
    data = zimage(start=0x80008000)
    assert format_.parse(data).size == len(data)


def test_appended_trees_are_found_and_are_not_the_kernel() -> None:
    kernel, one, two = zimage(), board("one"), board("two")
    data = kernel + one + bytes(-len(one) % 2048) + two + bytes(544)
    image = format_.parse(data)
    assert image.kernel == kernel
    assert [bytes(tree) for tree in image.dtbs] == [one, two]
    assert bytes(image.padding) == bytes(544)


def test_padding_and_false_magics_are_not_trees() -> None:
    for tail in (bytes(1480), b"\xd0\x0d\xfe\xed" + bytes(100), b"SIGNATURE", board("cut")[:-1]):
        image = format_.parse(zimage() + tail)
        assert image.dtbs == ()
        assert bytes(image.padding) == tail
        assert image.size == len(zimage())


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "header at offset 0x0: truncated: 0 of 60 bytes"),
        (zimage()[:59], "header at offset 0x0: truncated: 59 of 60 bytes"),
        (zimage()[:-1], f"end at offset 0x2c: the kernel has {len(zimage())} bytes, there are "),
        (patched(0x2C, 8), "end at offset 0x2c: the kernel has 8 bytes"),
        (patched(0x28, 0x80000000), "end at offset 0x2c: the kernel has -2147"),
        (patched(0x30, 0x01020304), "endian flag at offset 0x30: the kernel is big-endian"),
        (patched(0x24, 0x18286F01), "this is a big-endian ARM zImage kernel"),
        (b"\0" * 0x38 + b"ARM\x64" + bytes(64), "this is an arm64 kernel"),
        (b"ANDROID!" + bytes(64), "this is an Android boot image"),
        (b"text " * 20, "this is a text file"),
    ],
)
def test_what_breaks_the_format_is_refused_with_its_place(data: bytes, message: str) -> None:
    assert message in refusal(data)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (patched(0x38, 0xFFFFFFFC), "extension table at offset 0x38: it reaches 0xfffffffc"),
        (patched(0x38, TABLE + 2), "extension table at offset 0x38: it reaches 0x102"),
        (patched(0x38, 0), "extension table at offset 0x38: it reaches 0x0"),
        (patched(TABLE, 0x40000000), "tag at offset 0x100: 1073741824 words"),
        (patched(TABLE, 1), "tag at offset 0x100: 1 words"),
        (zimage(tags=words(2, HBPG)), "hardboot tag at offset 0x100: 2 words, it has at least 4"),
        (zimage(tags=words(3, HBPG, 0x8F000000)), "hardboot tag at offset 0x100: 3 words"),
        (zimage(tags=klsz(0x100)), "KLSZ tag at offset 0x100: 3 words, it has at least 4"),
        (zimage(tags=klsz(0xFFFFFFFF, 1)), "KLSZ size pointer at offset 0x108: 0xffffffff is outside"),
        (zimage(tags=words(2, 7) * 64), "extension table at offset 0x38: more than 64 tags"),
    ],
)
def test_a_broken_extension_table_counts_as_missing(data: bytes, message: str) -> None:
    image = format_.parse(data + board("behind"))
    assert [message in one for one in image.warnings] == [True]
    numbers = (image.edata_size, image.bss_size, image.text_offset, image.malloc_size, image.hardboot_page)
    assert numbers == (None,) * 5
    assert (bytes(image.kernel), [bytes(tree) for tree in image.dtbs]) == (data, [board("behind")])


def test_a_size_pointer_may_touch_the_last_word_but_not_cross_it() -> None:
    size = len(zimage(tags=klsz(0, 1)))
    assert format_.parse(zimage(tags=klsz(size - 4, 1))).payload_end == size
    assert "outside" in format_.parse(zimage(tags=klsz(size - 3, 1))).warnings[0]


def test_a_table_without_its_end_is_not_used() -> None:
    data = zimage(tags=words(2, 7), payload=words(0, 2, 7))
    offset = len(data) - 8
    assert "outside the image" in format_.parse(patched(0x38, offset, data=data)).warnings[0]


def refused_or_consistent(data: bytes) -> None:
    try:
        image = format_.parse(data)
    except InputError:
        return
    assert len(image.kernel) == image.size
    rest = b"".join(map(bytes, image.dtbs)) + bytes(image.padding)
    assert data.startswith(bytes(image.kernel))
    assert len(rest) <= len(data) - image.size
    again = format_.parse(bytes(image.kernel) + rest)
    assert again == image


@settings(max_examples=200)
@given(st.binary(max_size=200), st.binary(max_size=200))
def test_any_bytes_are_refused_or_taken_apart(data: bytes, tail: bytes) -> None:
    refused_or_consistent(data)
    refused_or_consistent(bytes(0x24) + words(0x016F2818) + data)
    refused_or_consistent(zimage(tags=tail[: len(tail) // 4 * 4]) + data)


TREE = board("fuzz")


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.integers(0x24 // 4, 0x140 // 4), st.integers(0, 2**32 - 1) | st.integers(0, 500))),
    st.integers(0, 1000),
)
def test_a_damaged_kernel_is_refused_or_taken_apart(damage: list[tuple[int, int]], size: int) -> None:
    data = zimage() + TREE + bytes(8) + TREE
    for at, value in damage:
        data = patched(4 * at, value, data=data)
    refused_or_consistent(data[: len(data) - size])
