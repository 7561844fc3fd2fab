"""Text in fields of a fixed size."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.text_field import kept_text, read_text, stored_text


@given(st.binary(max_size=16).map(lambda raw: raw.ljust(16, b"\0")))
def test_any_field_reads_as_text_and_is_kept(raw: bytes) -> None:
    assert kept_text(raw, read_text(raw), "thing", "name", 4) == raw


def test_text_ends_at_the_first_nul() -> None:
    assert read_text(b"name\0rest\0\0") == "name"
    assert read_text(b"name") == "name"
    assert read_text(b"\xff\0") == "\udcff"


def test_text_is_filled_up_with_nuls() -> None:
    assert stored_text("name", "thing", "name", 4, 6) == b"name\0\0"
    assert stored_text("sixsix", "thing", "name", 4, 6) == b"sixsix"
    assert stored_text("\udcff", "thing", "name", 4, 2) == b"\xff\0"


def test_other_text_replaces_what_was_behind_the_nul() -> None:
    assert kept_text(b"a\0rest\0\0", "b", "thing", "name", 4) == b"b" + bytes(7)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sevenxx", "thing: name at offset 0x4: 7 bytes, the limit is 6"),
        ("é" * 4, "8 bytes, the limit is 6"),
        ("a\0b", "thing: name at offset 0x4: it contains a NUL"),
        ("\ud800", "thing: name at offset 0x4: surrogates not allowed"),
    ],
)
def test_text_that_cannot_be_stored_is_refused(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        stored_text(text, "thing", "name", 4, 6)
    with pytest.raises(InputError, match=message):
        kept_text(b"old\0\0\0", text, "thing", "name", 4)
