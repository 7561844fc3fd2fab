"""Which blocks of an image may be handed to a ROM: all that FIEMAP tells is checked."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import RefusedError
from hardboot.payload.extents import Extent
from hardboot.store import blocks

SIZE = 1 << 20
PARTITION = 1 << 30
LAST = 1


def checked(*extents: Extent, size: int = SIZE) -> tuple[Extent, ...]:
    return blocks.check("system", extents, size=size, partition_size=PARTITION)


def test_runs_that_adjoin_are_one() -> None:
    assert checked(
        Extent(0, 8 << 20, 4096),
        Extent(4096, (8 << 20) + 4096, 4096, 0x1000),
        Extent(8192, 0, SIZE - 8192, LAST),
    ) == (Extent(0, 8 << 20, 8192), Extent(8192, 0, SIZE - 8192))


def test_blocks_behind_the_end_of_the_file_are_left_out() -> None:
    assert checked(Extent(0, 4096, SIZE + 4096, 1)) == (Extent(0, 4096, SIZE),)
    assert checked(Extent(0, 4096, SIZE), Extent(SIZE, 8 << 20, 4096, 1)) == (Extent(0, 4096, SIZE),)


@pytest.mark.parametrize(
    ("extents", "reason"),
    [
        ([], "1.0 MiB at its end have no blocks"),
        ([Extent(0, 0, SIZE - 4096)], "4.0 KiB at its end have no blocks"),
        ([Extent(4096, 0, SIZE)], "4.0 KiB at 0x0 have no blocks"),
        ([Extent(0, 0, 4096), Extent(0, 4096, SIZE)], "4.0 KiB at 0x1000 have no blocks"),
        ([Extent(0, 256, SIZE)], "the blocks at 0x0 are no whole sectors"),
        ([Extent(0, 0, 0)], "the blocks at 0x0 are no whole sectors"),
        ([Extent(0, PARTITION - SIZE + 512, SIZE)], "the blocks at 0x0 lie behind the end of the partition"),
        ([Extent(0, 0, SIZE, 0x801)], "they hold old data of other files"),
        ([Extent(0, 0, SIZE, 0x2001)], "shared with another file"),
        ([Extent(0, 0, SIZE, 0x2)], "whose place is unknown"),
        ([Extent(0, 0, SIZE, 0x6)], "whose place is unknown"),
        ([Extent(0, 0, SIZE, 0x4)], "not on the disk yet"),
        ([Extent(0, 0, SIZE, 0x8)], "compressed or encoded otherwise"),
        ([Extent(0, 0, SIZE, 0x88)], "compressed or encoded otherwise"),
        ([Extent(0, 0, SIZE, 0x80)], "that the file system encrypts"),
        ([Extent(0, 0, SIZE, 0x100)], "do not begin at a block"),
        ([Extent(0, 0, SIZE, 0x200)], "within the file system's own structures"),
        ([Extent(0, 0, SIZE, 0x400)], "share a block"),
        ([Extent(0, 0, SIZE, 0x10000)], "it has blocks with the flags 0x10000"),
    ],
)
def test_blocks_that_are_not_its_own_for_good_are_refused(extents: list[Extent], reason: str) -> None:
    with pytest.raises(RefusedError, match="the image system cannot be given to a ROM: ") as caught:
        checked(*extents)
    assert reason in caught.value.what


def test_more_pieces_than_a_table_takes_are_refused() -> None:
    pieces = [Extent(4096 * n, 8192 * n, 4096) for n in range(8193)]
    assert len(checked(*pieces[:-1], size=4096 * 8192)) == 8192
    with pytest.raises(RefusedError, match="it lies in 8193 pieces, more than 8192"):
        checked(*pieces, size=4096 * 8193)


def test_images_that_share_a_block_are_refused() -> None:
    system = [Extent(0, 0, 8192), Extent(8192, 1 << 20, 4096)]
    data = [Extent(0, 8192, 4096)]
    blocks.check_disjoint({"system": system, "data": data})
    with pytest.raises(RefusedError, match=r"data cannot .* it shares blocks with system, at 0x1000 of"):
        blocks.check_disjoint({"system": system, "data": [Extent(0, 4096, 8192)]})
    with pytest.raises(RefusedError, match="it shares blocks with data"):
        blocks.check_disjoint({"data": [*data, *data]})


def test_a_digest_tells_places_and_order() -> None:
    one, other = Extent(0, 0, 4096), Extent(4096, 8192, 4096)
    assert blocks.digest([one, other]) == blocks.digest([one, Extent(4096, 8192, 4096, 1)])
    assert len({blocks.digest(runs) for runs in ([one], [one, other], [Extent(0, 4096, 4096)])}) == 3


sectors = st.integers(0, 40)


@given(
    st.lists(
        st.tuples(sectors, sectors, st.integers(0, 12), st.sampled_from([0, 0, 0, 1, 0x1000])), max_size=5
    ),
    st.integers(1, 4),
)
def test_runs_cover_the_image_once_and_nothing_else(
    pieces: list[tuple[int, int, int, int]], count: int
) -> None:
    """The runs taken are those bytes of the file that the pieces tell, and all of them: by a plain model."""
    given_extents = [Extent(a * 512, b * 512, n * 512, flags) for a, b, n, flags in pieces]
    size = count * 4096
    where = {a + i: b + i for a, b, n, _ in pieces for i in range(n)}
    ordered = all(n for _, _, n, _ in pieces) and all(
        pieces[i][0] == sum(piece[2] for piece in pieces[:i]) for i in range(len(pieces))
    )
    try:
        runs = blocks.check("data", given_extents, size=size, partition_size=64 * 512)
    except RefusedError:
        assert not ordered or set(range(size // 512)) - set(where) or max(where.values()) >= 64
        return
    taken = {
        (one.logical + at) // 512: (one.physical + at) // 512
        for one in runs
        for at in range(0, one.length, 512)
    }
    assert taken == {sector: where[sector] for sector in range(size // 512)}
    assert sum(one.length for one in runs) == size
