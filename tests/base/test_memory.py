"""Memory ranges and sizes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.memory import Range, subtract
from hardboot.base.sizes import align_down, align_up, human_size


def test_ranges_are_half_open() -> None:
    low, high = Range(0x1000, 0x2000), Range(0x2000, 0x3000)
    assert not low.overlaps(high)
    assert low.overlaps(Range(0x1FFF, 0x2000))
    assert low.contains(Range(0x1000, 0x2000))
    assert not low.contains(Range(0x1000, 0x2001))
    assert str(Range.sized(0x8000, 0x1000, "page")) == "page 0x00008000-0x00009000 (4.0 KiB)"
    with pytest.raises(ValueError, match="not a range"):
        Range(2, 1)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20))),
    st.tuples(st.integers(0, 60), st.integers(1, 20)),
)
def test_subtract_leaves_exactly_what_is_in_no_hole(
    holes: list[tuple[int, int]], one: tuple[int, int]
) -> None:
    whole = Range.sized(*one)
    left = subtract([whole], [Range.sized(start, size) for start, size in holes])
    covered = {address for start, size in holes for address in range(start, start + size)}
    expected = set(range(whole.start, whole.end)) - covered
    found = [address for piece in left for address in range(piece.start, piece.end)]
    assert sorted(found) == sorted(expected)
    assert len(found) == len(set(found))


def test_alignment_and_sizes() -> None:
    assert (align_up(1, 4096), align_up(4096, 4096), align_down(8191, 4096)) == (4096, 4096, 4096)
    assert [human_size(size) for size in (5, 4096, 16 << 20, 3 << 30)] == [
        "5 B",
        "4.0 KiB",
        "16.0 MiB",
        "3.0 GiB",
    ]


def test_an_empty_hole_cuts_nothing() -> None:
    assert subtract([Range(0, 10)], [Range(5, 5)]) == [Range(0, 10)]


def test_a_size_changes_its_unit_at_1024() -> None:
    sizes = (1023, 1024, (1 << 20) - 1, 1 << 20, 1 << 30, 5 << 40)
    assert [human_size(size) for size in sizes] == [
        *("1023 B", "1.0 KiB", "1024.0 KiB", "1.0 MiB", "1.0 GiB", "5120.0 GiB"),
    ]
