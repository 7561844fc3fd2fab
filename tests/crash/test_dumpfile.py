"""Dumps as they are written: an ELF core that holds the same memory, without free and zero pages."""

import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from core_builders import PHYS, SIZE, VIRT, Dump, with_ring
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base.errors import DeviceError, InputError
from hardboot.base.log import Advance
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.crash import analysis, dumpfile
from hardboot.formats import elf
from hardboot.formats.crashdump import elfcore

PAGES = SIZE // PAGE_SIZE


@dataclass
class Source:
    """Pages of a file in memory, as the agent gives them."""

    data: bytes
    asked: int = 0

    def pages(
        self, runs: Sequence[tuple[int, int]], advance: Advance | None = None
    ) -> Iterator[bytes | None]:
        for first, count in runs:
            for number in range(first, first + count):
                self.asked += 1
                page = self.data[number * PAGE_SIZE :][:PAGE_SIZE]
                yield page if any(page) else None
                if advance:
                    advance(PAGE_SIZE)


def page_range(first: int, count: int) -> Range:
    return Range.sized(PHYS + first * PAGE_SIZE, count * PAGE_SIZE)


@settings(max_examples=60)
@given(
    st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(1, 40))),  # pages that are not zero
    st.lists(st.tuples(st.integers(0, PAGES - 1), st.integers(1, 40))),  # pages that are free
)
def test_the_memory_in_the_file_is_that_of_the_phone(
    filled: list[tuple[int, int]], free: list[tuple[int, int]]
) -> None:
    source = Dump()
    left_out = set()
    for first, count in filled:
        for number in range(first, min(first + count, PAGES)):
            source.put(VIRT + number * PAGE_SIZE, number.to_bytes(4, "little") * 1024)
    for first, count in free:
        left_out |= set(range(first, min(first + count, PAGES)))
    data = source.build()
    core = elfcore.parse(data)
    ranges = [page_range(number, 1) for number in sorted(left_out)]
    with tempfile.TemporaryDirectory() as folder:
        target = Path(folder) / "dump"
        pages = Source(data)
        memory, free_bytes, zero_bytes = dumpfile.write(target, core, ranges, pages)
        written = target.read_bytes()
        assert list(Path(folder).iterdir()) == [target]
    assert memory == SIZE
    assert free_bytes == len(left_out) * PAGE_SIZE
    assert pages.asked == PAGES - len(left_out)
    found = elfcore.parse(written)
    assert found.notes == core.notes
    # crash reads the program headers behind the file header, and the notes behind them, and nowhere else.
    table, count = struct.unpack_from("<28xI12xH", written)
    kind, notes_at = struct.unpack_from("<2I", written, 52)
    assert (table, kind, notes_at) == (52, elf.PT_NOTE, 52 + 32 * count)
    expected = bytearray(source.memory)
    for number in left_out:
        expected[number * PAGE_SIZE : (number + 1) * PAGE_SIZE] = bytes(PAGE_SIZE)
    assert found.memory(VIRT, SIZE) == expected
    stored = sum(load.filesz for load in found.loads)
    kept = sum(any(expected[at : at + PAGE_SIZE]) for at in range(0, SIZE, PAGE_SIZE))
    assert stored >= kept * PAGE_SIZE
    assert zero_bytes == (PAGES - len(left_out) - kept) * PAGE_SIZE
    # All of RAM is named, whatever is stored of it.
    assert sum(load.memsz for load in found.loads) == SIZE
    assert found.loads[0].paddr == PHYS


def test_large_gaps_take_no_room_and_small_ones_no_program_header(tmp_path: Path) -> None:
    source = Dump()
    for number in (0, 2, 4, 100, 200):
        source.put(VIRT + number * PAGE_SIZE, b"x")
    data = source.build()
    dumpfile.write(tmp_path / "dump", elfcore.parse(data), (), Source(data))
    found = elfcore.parse((tmp_path / "dump").read_bytes())
    assert [(load.filesz // PAGE_SIZE, load.memsz // PAGE_SIZE) for load in found.loads] == [
        (5, 100),
        (1, 100),
        (1, PAGES - 200),
    ]


@pytest.mark.parametrize(("gap", "loads"), [(15, [(17, PAGES)]), (16, [(1, 17), (1, PAGES - 17)])])
def test_a_gap_of_16_pages_is_worth_a_program_header(
    gap: int, loads: list[tuple[int, int]], tmp_path: Path
) -> None:
    source = Dump()
    for number in (0, gap + 1):
        source.put(VIRT + number * PAGE_SIZE, b"x")
    data = source.build()
    dumpfile.write(tmp_path / "dump", elfcore.parse(data), (), Source(data))
    found = elfcore.parse((tmp_path / "dump").read_bytes())
    assert [(load.filesz // PAGE_SIZE, load.memsz // PAGE_SIZE) for load in found.loads] == loads


def test_memory_at_another_place_within_its_page_is_refused(tmp_path: Path) -> None:
    core = elfcore.parse(Dump().build())
    moved = replace(core, loads=(replace(core.loads[0], offset=core.loads[0].offset + 8),))
    with pytest.raises(InputError, match="which differ within a page"):
        dumpfile.write(tmp_path / "dump", moved, (), Source(b""))
    assert list(tmp_path.iterdir()) == []


def test_what_is_pulled_is_what_show_reads(tmp_path: Path) -> None:
    data = with_ring().build()
    dumpfile.write(tmp_path / "dump", elfcore.parse(data), [page_range(100, 100)], Source(data))
    found = analysis.read(tmp_path / "dump")
    assert found.panic
    assert found.ram == (page_range(0, PAGES),)
    assert found.stored < SIZE // 4


def test_a_dump_that_breaks_off_leaves_no_file(tmp_path: Path) -> None:
    class Broken(Source):
        def pages(
            self, runs: Sequence[tuple[int, int]], advance: Advance | None = None
        ) -> Iterator[bytes | None]:
            yield next(super().pages(runs, advance))
            raise DeviceError("gone", state="-", fix="-")

    data = with_ring().build()
    with pytest.raises(DeviceError):
        dumpfile.write(tmp_path / "dump", elfcore.parse(data), (), Broken(data))
    assert list(tmp_path.iterdir()) == []
