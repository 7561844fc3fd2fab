"""The picture of userdata: bars to scale, in both widths, and without other characters than ASCII."""

import pytest

from hardboot.payload.extents import Extent
from hardboot.store import picture
from hardboot.store.picture import Part

MIB = 1 << 20
TOTAL = 1024 * MIB
PARTS = picture.parts(
    [("debian", 256 * MIB), ("lineage", MIB)], total=TOTAL, free=512 * MIB, reserve=256 * MIB
)


def test_the_parts_are_all_of_userdata() -> None:
    assert (
        Part("debian", 256 * MIB),
        Part("lineage", MIB),
        Part("other", 255 * MIB, "other"),
        Part("free", 256 * MIB, "free"),
        Part("reserve", 256 * MIB, "reserve"),
    ) == PARTS
    assert sum(one.size for one in PARTS) == TOTAL


@pytest.mark.parametrize(
    ("free", "rest"),
    [
        (None, [Part("other and free", TOTAL - MIB, "other")]),
        (0, [Part("other", TOTAL - MIB, "other"), Part("free", 0, "free"), Part("reserve", 0, "reserve")]),
        # A sparse file system tells more than there is.
        (TOTAL, [Part("other", 0, "other"), Part("free", TOTAL, "free"), Part("reserve", 0, "reserve")]),
    ],
)
def test_what_is_not_known_or_does_not_add_up_is_no_negative_part(free: int | None, rest: list[Part]) -> None:
    found = picture.parts([("a", MIB)], total=TOTAL, free=free, reserve=0)
    assert list(found[1:]) == rest


@pytest.mark.parametrize(("width", "track"), [(60, 37), (80, 57), (10, 37), (999, 117)])
@pytest.mark.parametrize("unicode", [True, False])
def test_bars_are_to_scale_and_no_line_is_wider_than_asked(width: int, track: int, *, unicode: bool) -> None:
    lines = picture.sizes(PARTS, total=TOTAL, width=width, unicode=unicode)
    assert {len(line) for line in lines} == {track + 23}
    assert all(line.isascii() for line in lines) is not unicode
    bars = [line[22:-1].rstrip() for line in lines]
    quarter = -(-track // 4)
    assert [len(bar) for bar in bars] == [quarter, 1, -(-track * 255 // 1024), quarter, quarter]
    if not unicode:
        assert lines[0] == f"  debian   256.0 MiB |{'#' * quarter:<{track}}|"
        assert [bar[0] for bar in bars] == ["#", "#", "=", ".", "%"]


def test_pieces_of_an_image_stand_where_they_lie() -> None:
    runs = (Extent(0, 0, MIB), Extent(MIB, TOTAL // 2, TOTAL // 4), Extent(MIB, TOTAL - MIB, MIB))
    (line,) = picture.places([("root", 258 * MIB, runs)], total=TOTAL, width=60, unicode=False)
    assert line == "  root  258.0 MiB |#" + " " * 19 + "#" * 10 + " " * 9 + "#|"
    (line,) = picture.places([("root", MIB, runs[:1])], total=TOTAL, width=60, unicode=True)
    assert line.endswith("│█" + "·" * 39 + "│")


def test_runs_that_lie_behind_the_end_do_not_break_the_picture() -> None:
    (line,) = picture.places([("root", MIB, [Extent(0, TOTAL, MIB)])], total=TOTAL, width=60, unicode=False)
    assert "#" not in line
