"""TOML that people edit, read back by Python's own reader."""

import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.formats import toml


def test_a_document_has_comments_tables_and_arrays() -> None:
    text = toml.dump(
        ["first", "sec\nond"],
        {"": {"top": 1}, "image": {"size": 2, "addr": 255, "flag": True, "off": False}},
        {"part": [{"name": "kernel", "offset": 4096}, {"name": "ramdisk", "offset": 0}]},
    )
    assert text == (
        "# first\n# sec?ond\ntop = 1\n\n[image]\nsize = 2\naddr = 0xff\nflag = true\noff = false\n"
        '\n[[part]]\nname = "kernel"\noffset = 0x1000\n\n[[part]]\nname = "ramdisk"\noffset = 0x0\n'
    )


def test_names_choose_what_is_hexadecimal() -> None:
    table = {"board_id": [16, 17], "kernel_addr": 16, "addresses": 16}
    assert toml.dump([], {"": table}) == "board_id = [0x10, 0x11]\nkernel_addr = 0x10\naddresses = 16\n"
    assert toml.dump([], {"": {"load": 16, "addr": 16}}, hexadecimal=("load",)) == "load = 0x10\naddr = 16\n"


def test_lists_of_tables_have_a_line_each() -> None:
    text = toml.dump([], {"": {"rows": [{"addr": 1}, {"addr": 2}], "none": [], "one": {"a b": "x"}}})
    assert text == 'rows = [\n    { addr = 0x1 },\n    { addr = 0x2 },\n]\nnone = []\none = { "a b" = "x" }\n'


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ('a"b\\c', r'"a\"b\\c"'),
        ("\n\t\r", r'"\n\t\r"'),
        ("\x00\x1f\x7f ", r'"\u0000\u001f\u007f "'),
        ("é", '"é"'),
        ("a\udcff", '{ hex = "61ff" }'),
    ],
)
def test_text_is_escaped(value: str, written: str) -> None:
    text = toml.dump([], {"": {"x": value}})
    assert text == f"x = {written}\n"
    assert toml.decode(tomllib.loads(text)["x"]) == value


def test_only_a_hex_table_becomes_text() -> None:
    assert toml.decode({"hex": "61"}) == "a"
    assert toml.decode({"hex": "61", "more": 1}) == {"hex": "61", "more": 1}
    assert toml.decode("hex") == "hex"
    with pytest.raises(ValueError, match="non-hexadecimal"):
        toml.decode({"hex": "no"})


TEXT = st.binary(max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
KEYS = st.text(st.characters(codec="utf-8"), max_size=8)
VALUES = st.booleans() | st.integers(-(2**63), 2**63 - 1) | TEXT | st.lists(st.integers(0, 2**32))


@given(st.dictionaries(KEYS, VALUES))
def test_every_table_is_read_back(table: dict[str, Any]) -> None:
    found = tomllib.loads(toml.dump([], {"": table}))
    assert {name: toml.decode(value) for name, value in found.items()} == table
