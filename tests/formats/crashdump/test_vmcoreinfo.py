"""VMCOREINFO notes: numbers of every kind, lines that are none."""

import pytest

from hardboot.formats.crashdump import vmcoreinfo

NOTE = b"""OSRELEASE=6.1.176
PAGESIZE=4096
SYMBOL(prb)=c0A1b2c3
SYMBOL(other)=0xc0000000
SIZE(page)=32
OFFSET(page._mapcount)=24
LENGTH(zone.free_area)=11
NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)=-129
not a line
=empty
0KEY=1
"""


def test_each_kind_of_number_is_read() -> None:
    info = vmcoreinfo.parse(NOTE)
    assert info.release == "6.1.176"
    assert (info.symbol("prb"), info.symbol("other")) == (0xC0A1B2C3, 0xC0000000)
    assert (info.size("page"), info.offset("page._mapcount"), info.length("zone.free_area")) == (32, 24, 11)
    assert info.number("PAGE_BUDDY_MAPCOUNT_VALUE") == -129
    assert len(info.fields) == 8


def test_what_is_not_named_is_none() -> None:
    info = vmcoreinfo.parse(b"PAGESIZE=4096")
    assert (info.release, info.symbol("prb"), info.size("page")) == (None, None, None)


@pytest.mark.parametrize(("text", "offset"), [("29d2c00000", 0x29D2C00000), ("0", 0), ("", 0), ("x", 0)])
def test_the_offset_of_a_kernel_that_moved_itself_is_hexadecimal(text: str, offset: int) -> None:
    assert vmcoreinfo.parse(f"KERNELOFFSET={text}\n".encode()).kernel_offset == offset


@pytest.mark.parametrize(
    ("value", "number"),
    [("0xffffffbf9d600000", 0xFFFFFFBF9D600000), ("39", 39), ("-129", -129), ("0x", None), ("1f", None)],
)
def test_a_constant_may_be_an_address(value: str, number: int | None) -> None:
    assert vmcoreinfo.parse(f"NUMBER(x)={value}\n".encode()).number("x") == number


@pytest.mark.parametrize("value", ["", "12x", "0x10", "1" * 21, " 1", "--1", "\u0661"])
def test_what_is_no_decimal_number_is_none(value: str) -> None:
    info = vmcoreinfo.parse(f"SIZE(page)={value}\n".encode())
    assert info.size("page") is None


@pytest.mark.parametrize("value", ["-1", "g", "0x", "1" * 17])
def test_what_is_no_address_is_none(value: str) -> None:
    assert vmcoreinfo.parse(f"SYMBOL(a)={value}\n".encode()).symbol("a") is None


def test_the_largest_numbers_are_read() -> None:
    info = vmcoreinfo.parse(b"SYMBOL(a)=0x" + b"f" * 16 + b"\nSIZE(a)=" + b"9" * 20)
    assert (info.symbol("a"), info.size("a")) == ((1 << 64) - 1, 10**20 - 1)


def test_of_a_key_that_occurs_twice_the_last_line_wins() -> None:
    assert vmcoreinfo.parse(b"SIZE(a)=1\nSIZE(a)=2\n").size("a") == 2


def test_the_note_ends_at_a_nul_or_at_its_limit() -> None:
    assert vmcoreinfo.parse(b"SIZE(a)=1\n\0SIZE(b)=1\n").fields == {"SIZE(a)": "1"}
    filler = b"x" * ((1 << 16) - 9)
    assert vmcoreinfo.parse(filler + b"\n" + b"SIZE(a)=1\n").fields == {"SIZE(a)": ""}
    assert vmcoreinfo.parse(filler + b"\n" + b"SIZE=12\n").fields == {"SIZE": "12"}


def test_long_keys_and_values_are_no_lines() -> None:
    assert vmcoreinfo.parse(b"k" * 128 + b"=" + b"v" * 256).fields == {"k" * 128: "v" * 256}
    assert vmcoreinfo.parse(b"k" * 129 + b"=v\nk=" + b"v" * 257).fields == {}
