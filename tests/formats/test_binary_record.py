"""Records declared with construct: what is read, what is written, what is refused."""

from dataclasses import dataclass, replace
from typing import Annotated, Any, ClassVar

import pytest
from construct import Array, Bytes, Int16ub
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.binary_record import U8, Be16, Be32, Be64, BinaryRecord, Le16, Le32, Le64


@dataclass(frozen=True)
class Small(BinaryRecord, what="small thing"):
    KIND: ClassVar[str] = "no field"
    magic: Annotated[bytes, Bytes(2)]
    size: Le32
    ids: Annotated[tuple[int, ...], Array(3, Int16ub)]


@dataclass(frozen=True)
class Grown(Small):
    more: Be64


RAW = b"OK" + bytes.fromhex("01020304 0005 0006 0007")
VALUE = Small(b"OK", 0x04030201, (5, 6, 7))


def test_a_record_is_read_at_its_offset() -> None:
    assert Small.parse(memoryview(RAW)) == VALUE
    assert Small.parse(memoryview(b"xyz" + RAW + b"behind"), 3) == VALUE


def test_sizes_and_offsets_follow_the_fields() -> None:
    assert (Small.SIZE, Grown.SIZE) == (12, 20)
    assert [Small.offset_of(name) for name in ("magic", "size", "ids")] == [0, 2, 6]
    assert Grown.offset_of("more") == 12
    assert Grown.names() == ("magic", "size", "ids", "more")


def test_the_fields_of_a_base_class_come_first() -> None:
    grown = Grown.parse(memoryview(RAW + bytes(7) + b"\x09"))
    assert grown == Grown(b"OK", 0x04030201, (5, 6, 7), 9)
    assert grown.build() == RAW + bytes(7) + b"\x09"


def test_each_integer_has_its_size_and_byte_order() -> None:
    @dataclass(frozen=True)
    class Numbers(BinaryRecord, what="numbers"):
        a: U8
        b: Le16
        c: Le32
        d: Le64
        e: Be16
        f: Be32
        g: Be64

    raw = bytes.fromhex("01 0200 03000000 0400000000000000 0005 00000006 0000000000000007")
    assert Numbers.parse(memoryview(raw)) == Numbers(1, 2, 3, 4, 5, 6, 7)
    assert Numbers(1, 2, 3, 4, 5, 6, 7).build() == raw


@given(st.binary(min_size=12, max_size=12))
def test_any_bytes_build_back(raw: bytes) -> None:
    assert Small.parse(memoryview(raw)).build() == raw


@pytest.mark.parametrize(
    ("size", "offset", "left"), [(0, 0, 0), (11, 0, 11), (13, 2, 11), (12, 12, 0), (12, 99, 0)]
)
def test_a_cut_off_record_is_refused_with_its_offset(size: int, offset: int, left: int) -> None:
    with pytest.raises(
        InputError, match=rf"^small thing: header at offset {offset:#x}: truncated: {left} of 12 bytes"
    ):
        Small.parse(memoryview(bytes(size)), offset)


def test_an_offset_before_the_data_is_refused() -> None:
    with pytest.raises(InputError, match="small thing: header at offset -0x1"):
        Small.parse(memoryview(bytes(99)), -1)


@pytest.mark.parametrize(
    ("name", "value", "offset"),
    [
        ("magic", b"OKAY", 0),
        ("magic", b"O", 0),
        ("magic", "OK", 0),
        ("size", -1, 2),
        ("size", 1 << 32, 2),
        ("size", "12", 2),
        ("ids", (1, 2), 6),
        ("ids", (1, 2, 3, 4), 6),
        ("ids", (1, 2, 1 << 16), 6),
    ],
)
def test_a_value_that_does_not_fit_is_refused_by_field_and_offset(name: str, value: Any, offset: int) -> None:
    with pytest.raises(
        InputError, match=rf"^small thing: {name} at offset {offset:#x}: .* does not fit"
    ) as caught:
        replace(VALUE, **{name: value}).build()
    assert repr(value) in caught.value.what


def test_a_field_without_a_construct_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match=r"Bare\.size has no construct"):

        class Bare(BinaryRecord, what="bare thing"):
            size: int


def test_a_construct_of_another_type_is_a_mistake_of_the_program() -> None:
    with pytest.raises(TypeError, match=r"Mixed\.size is .*int.*, its construct reads bytes"):

        class Mixed(BinaryRecord, what="mixed thing"):
            size: Annotated[int, Bytes(4)]
