"""Write a memory dump as an ELF core, without free and zero pages.

readelf, gdb and crash open the file; what was left out reads as zero.
"""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, Protocol

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import atomic_file
from hardboot.base.log import Advance
from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_up
from hardboot.formats import elf
from hardboot.formats.crashdump import elfcore
from hardboot.formats.crashdump.elfcore import Core, Load

# A gap of fewer pages is kept in the file: every stretch takes a program header, and there are at most 65534.
_LEAST_GAP = 16


class Source(Protocol):
    """A source of the pages of a dump."""

    def pages(
        self, runs: Sequence[tuple[int, int]], advance: Advance | None = None
    ) -> Iterator[bytes | None]:
        """Yield pages, None for a zero page.

        Args:
            runs: First page and number of pages of each run.
            advance: Called with the bytes done.
        """


def write(target: Path, core: Core, free: Sequence[Range], source: Source) -> tuple[int, int, int]:
    """Write the memory of `core` to `target`: all of it, or nothing.

    Args:
        target: Replaced if it exists.
        core: Describes the memory, which is not read through it.
        free: Physical memory to leave out, sorted.
        source: Yields the pages.

    Returns:
        Bytes of memory, bytes left out as free, bytes left out as zero.

    Raises:
        InputError: If `core` makes no sense, or `target` cannot be written.
    """
    with atomic_file(target) as stream:
        return _write(stream, core, free, source)


def _write(stream: BinaryIO, core: Core, free: Sequence[Range], source: Source) -> tuple[int, int, int]:
    loads = [_whole_pages(load) for load in core.loads]
    wanted = [subtract([Range.sized(load.paddr, load.filesz)], free) for load in loads]
    runs = [
        ((load.offset + piece.start - load.paddr) // PAGE_SIZE, piece.size // PAGE_SIZE)
        for load, pieces in zip(loads, wanted, strict=True)
        for piece in pieces
    ]
    total = sum(count for _, count in runs) * PAGE_SIZE
    # crash expects the program headers at the start and the notes behind them: leave room for the most.
    most = sum(load.filesz // PAGE_SIZE // (_LEAST_GAP + 1) + 2 for load in loads)
    start = elf.headers_size(core.bits, 1 + most) + len(core.note_bytes)
    out = _Stretches(stream, align_up(start, PAGE_SIZE))
    with log.progress("Pulling the dump", total) as advance:
        pages = source.pages(runs, advance)
        for load, pieces in zip(loads, wanted, strict=True):
            out.begin(load)
            at = load.paddr
            for piece in pieces:
                out.skip((piece.start - at) // PAGE_SIZE)
                for _ in range(piece.size // PAGE_SIZE):
                    out.add(next(pages))
                at = piece.end
            out.skip((load.paddr + load.filesz - at) // PAGE_SIZE)
            out.end()
    notes_at = elf.headers_size(core.bits, 1 + len(out.loads))
    notes = [(notes_at, len(core.note_bytes))]
    stream.seek(0)
    stream.write(elfcore.build_headers(core.bits, core.machine, out.loads, notes))
    stream.write(core.note_bytes)
    stream.truncate(out.at)  # at least the headers, if no page was stored
    memory = sum(load.memsz for load in loads)
    return memory, sum(load.filesz for load in loads) - total, out.zero * PAGE_SIZE


def _whole_pages(load: Load) -> Load:
    """Extend `load` to complete pages, as /proc/vmcore has them."""
    lead = load.paddr % PAGE_SIZE
    if load.offset % PAGE_SIZE != lead or load.offset < lead:
        raise InputError(
            f"the dump has memory of {load.paddr:#x} at {load.offset:#x}, which differ within a page",
            state="Nothing was written.",
            fix="Copy /proc/vmcore from the phone without hardboot.",
        )
    return replace(
        load,
        paddr=load.paddr - lead,
        vaddr=None if load.vaddr is None else load.vaddr - lead,
        offset=load.offset - lead,
        filesz=align_up(load.filesz + lead, PAGE_SIZE),
        memsz=align_up(load.memsz + lead, PAGE_SIZE),
    )


class _Stretches:
    """Writes pages in order, and records which stretches of memory they are."""

    def __init__(self, stream: BinaryIO, at: int) -> None:
        self.loads: list[Load] = []
        self.at = at  # bytes from the start of the file
        self.zero = 0  # pages
        self._stream = stream

    def begin(self, load: Load) -> None:
        """Start with the pages of `load`."""
        self._load = load
        # In pages: start of the stretch, its length, length of the gap behind it.
        self._start = self._stored = self._gap = 0

    def skip(self, count: int) -> None:
        """Leave out `count` pages."""
        self._gap += count

    def add(self, page: bytes | None) -> None:
        """Add the next page; None is a zero page."""
        if page is None:
            self.zero += 1
            self._gap += 1
            return
        if self._gap >= _LEAST_GAP or (self._gap and not self._stored):
            self.end()
        else:
            self.at += self._gap * PAGE_SIZE  # a hole in the file
            self._stored += self._gap
            self._gap = 0
        self._stream.seek(self.at)
        self._stream.write(page)
        self.at += PAGE_SIZE
        self._stored += 1

    def end(self) -> None:
        """Complete the stretch."""
        pages = self._stored + self._gap
        if pages:
            offset = self._start * PAGE_SIZE
            vaddr = self._load.vaddr
            self.loads.append(
                Load(
                    self._load.paddr + offset,
                    None if vaddr is None else vaddr + offset,
                    self.at - self._stored * PAGE_SIZE,
                    self._stored * PAGE_SIZE,
                    pages * PAGE_SIZE,
                )
            )
        self._start += pages
        self._stored = self._gap = 0
