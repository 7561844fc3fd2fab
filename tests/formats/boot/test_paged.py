"""Parts padded to whole pages: sliced out of a file, and written one behind the other."""

import pytest

from hardboot.base.errors import InputError
from hardboot.formats.boot.paged import Part, PartSize, SlicedParts, emit_parts, slice_parts


def sliced(data: bytes, *sizes: int, page: int = 16) -> SlicedParts:
    parts = [PartSize(f"p{index}", size, f"p{index}_size", index) for index, size in enumerate(sizes)]
    return slice_parts(memoryview(data), "image", page, page, parts)


def emitted(*parts: bytes, paddings: dict[str, bytes] | None = None, missing: int = 0) -> bytes:
    named = [Part(f"p{index}", 0, data) for index, data in enumerate(parts)]
    return b"".join(emit_parts(named, paddings or {}, missing, 16))


def test_parts_begin_on_pages() -> None:
    found = sliced(b"h" * 16 + b"a" * 16 + b"b" * 20 + bytes(12) + b"tail", 16, 20)
    assert {name: bytes(part) for name, part in found.parts.items()} == {"p0": b"a" * 16, "p1": b"b" * 20}
    assert (found.paddings, found.missing, found.end) == ({}, 0, 64)


def test_an_empty_part_takes_no_page() -> None:
    found = sliced(b"h" * 16 + b"b" * 5 + bytes(11), 0, 5)
    assert bytes(found.parts["p0"]) == b""
    assert bytes(found.parts["p1"]) == b"b" * 5
    assert found.end == 32


def test_a_padding_that_is_not_zeros_is_kept_whole() -> None:
    found = sliced(b"h" * 16 + b"a" * 10 + b"xy\0\0\0\0" + b"b" * 3 + b"\0\0z", 10, 3)
    assert found.paddings == {"p0": b"xy\0\0\0\0", "p1": b"\0\0z" + bytes(10)}
    assert (found.missing, found.end) == (10, 38)


@pytest.mark.parametrize(("have", "missing"), [(26, 6), (31, 1), (32, 0)])
def test_the_last_padding_may_be_missing(have: int, missing: int) -> None:
    found = sliced((b"h" * 16 + b"a" * 10).ljust(have, b"\0"), 10)
    assert (found.missing, found.end) == (missing, have)
    assert sliced((b"h" * 16 + b"a" * 10).ljust(have, b"\0"), 0, 10, 0).missing == missing


def test_nothing_is_missing_where_there_are_no_parts() -> None:
    found = sliced(b"h" * 10, 0, 0)
    assert (found.missing, found.end) == (0, 10)


def test_a_part_outside_the_file_is_refused_by_its_field() -> None:
    message = "image: p1_size at offset 0x1: 5 bytes from 0x20, the file ends at 0x24"
    with pytest.raises(InputError, match=message):
        sliced(b"h" * 16 + b"a" * 16 + b"b" * 4, 16, 5)


def test_parts_are_padded_with_zeros_or_their_old_padding() -> None:
    assert emitted(b"a" * 16, b"", b"b" * 10) == b"a" * 16 + b"b" * 10 + bytes(6)
    assert emitted(b"a" * 10, paddings={"p0": b"x" * 6}) == b"a" * 10 + b"x" * 6
    assert emitted(b"a" * 11, paddings={"p0": b"x" * 6}) == b"a" * 11 + bytes(5)


def test_only_the_last_padding_may_be_missing_again() -> None:
    assert emitted(b"a" * 10, b"b" * 10, b"", missing=4) == b"a" * 10 + bytes(6) + b"b" * 10 + bytes(2)
    assert emitted(b"b" * 15, missing=4) == b"b" * 15
