"""Android version and security patch level in one word."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.boot import osversion


@given(st.integers(0, 2**32 - 1))
def test_every_word_is_text_and_back(word: int) -> None:
    version, level = osversion.version_text(word), osversion.patch_level_text(word)
    assert osversion.encode(version or "", level or "") == word


@pytest.mark.parametrize(
    ("version", "level", "word"),
    [
        ("", "", 0),
        ("13.1.2", "", 13 << 25 | 1 << 18 | 2 << 11),
        ("", "2023-05", 23 << 4 | 5),
        ("127.127.127", "2127-15", 0xFFFFFFFF),
        ("", "2000-01", 1),
    ],
)
def test_a_version_and_a_level_have_their_bits(version: str, level: str, word: int) -> None:
    assert osversion.encode(version, level) == word


@pytest.mark.parametrize(
    ("version", "level"),
    [
        *(("128.0.0", ""), ("0.128.0", ""), ("0.0.128", ""), ("13.0", ""), ("13.0.0.0", ""), ("a.0.0", "")),
        *(("", "1999-12"), ("", "2128-01"), ("", "2023-16"), ("", "2023-5"), ("", "23-05"), ("", "x")),
    ],
)
def test_versions_that_do_not_fit_are_refused(version: str, level: str) -> None:
    with pytest.raises(InputError, match="os_version at offset 0x2c"):
        osversion.encode(version, level)
