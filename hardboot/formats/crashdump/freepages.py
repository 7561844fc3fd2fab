"""The pages of a crashed kernel that were free: a dump does not need them.

For kernels with one array of page structures (FLATMEM), and arm64 kernels with one a section of memory.
The first page of a free block is marked in `_mapcount`, `private` is the order of the block.
Source: Linux Documentation/admin-guide/kdump/vmcoreinfo.rst, PAGE_BUDDY_MAPCOUNT_VALUE.
"""

import struct
from collections.abc import Iterator
from dataclasses import dataclass

from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.formats.crashdump import sparsemem
from hardboot.formats.crashdump.elfcore import Core
from hardboot.formats.crashdump.vmcoreinfo import Vmcoreinfo
from hardboot.formats.reading import malformed

_WHAT = "page structures of the dump"
_PAGES_LIMIT = 1 << 21  # 8 GiB, more than a 32-bit ARM phone can have
_ORDERS = range(1, 32)  # how many sizes of blocks a kernel may have; MAX_ORDER is 11
_STRUCT_SIZES = range(16, 257)  # bytes


@dataclass(frozen=True)
class _Layout:
    """Where the facts are in page structures: sizes and offsets in bytes."""

    size: int
    mapcount: int
    private: int
    free: int
    orders: int


def find(core: Core, info: Vmcoreinfo) -> tuple[Range, ...] | None:
    """Return the free memory, physical and sorted; None if VMCOREINFO does not say how to find it.

    The array begins with the page at the lowest address of RAM. If it did not, blocks would not be aligned to
    their size, and the dump would be refused.

    Raises:
        InputError: If the page structures are malformed, or the dump does not have them.
    """
    layout = _layout(info)
    if layout is None or not core.loads:
        return None
    if info.symbol("mem_section") is not None:
        arrays = sparsemem.arrays(core, info, layout.size)
        return None if arrays is None else tuple(_joined(arrays, layout, core.bits))
    mem_map = info.symbol("mem_map")
    if mem_map is None:
        return None
    first = min(load.paddr for load in core.loads) // PAGE_SIZE
    last = max(load.paddr + load.memsz for load in core.loads) // PAGE_SIZE
    if last - first > _PAGES_LIMIT:
        return None
    array = core.memory(core.word(mem_map), (last - first) * layout.size)
    return tuple(_blocks(array, layout, first, core.bits))


def _layout(info: Vmcoreinfo) -> _Layout | None:
    facts = (
        info.size("page"),
        info.offset("page._mapcount"),
        info.offset("page.private"),
        info.number("PAGE_BUDDY_MAPCOUNT_VALUE"),
        info.length("zone.free_area"),
    )
    known = [fact for fact in facts if fact is not None]
    if len(known) < len(facts):
        return None
    size, mapcount, private, free, orders = known
    inside = 0 <= mapcount <= size - 4 and 0 <= private <= size - 8
    if size not in _STRUCT_SIZES or not inside or orders not in _ORDERS:
        problem = f"{size} bytes, _mapcount at {mapcount}, private at {private}, {orders} orders"
        raise malformed(_WHAT, "VMCOREINFO", 0, problem)
    return _Layout(size, mapcount, private, free & 0xFFFFFFFF, orders)


def _joined(arrays: Iterator[tuple[int, bytes]], layout: _Layout, bits: int) -> list[Range]:
    """Return the free blocks of all arrays; no block is in two of them."""
    blocks: list[Range] = []
    for first, array in arrays:
        for one in _blocks(array, layout, first, bits):
            start = blocks.pop().start if blocks and blocks[-1].end == one.start else one.start
            blocks.append(Range(start, one.end))
    return blocks


def _blocks(array: bytes, layout: _Layout, first: int, bits: int) -> list[Range]:
    # With struct, not construct: 8 GiB have two million page structures.
    counts = struct.Struct(f"<{layout.mapcount}xI{layout.size - layout.mapcount - 4}x")
    blocks: list[Range] = []
    end = first
    for index, (count,) in enumerate(counts.iter_unpack(array)):
        page = first + index
        if count != layout.free or page < end:
            continue
        at = index * layout.size + layout.private
        order = int.from_bytes(array[at : at + bits // 8], "little")
        if order >= layout.orders or page % (1 << order):
            raise malformed(_WHAT, "order", at, f"a block of 2^{order} pages at page {page:#x}")
        end = page + (1 << order)
        start = page * PAGE_SIZE
        if blocks and blocks[-1].end == start:
            start = blocks.pop().start
        blocks.append(Range(start, end * PAGE_SIZE))
    return blocks
