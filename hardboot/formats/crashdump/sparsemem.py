"""The page structures of a crashed arm64 kernel: sections of memory, each with its own array of them.

The arrays lie in a map of their own (vmemmap), which the kernel's page tables tell.
Sources: Linux mm/sparse.c and include/linux/mmzone.h (SPARSEMEM_EXTREME, SPARSEMEM_VMEMMAP),
Documentation/arm64/memory.rst; Arm ARM D8.3 for the tables, with pages of 4 KiB.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hardboot.base.memory import PAGE_SIZE
from hardboot.formats.crashdump.elfcore import Core
from hardboot.formats.crashdump.vmcoreinfo import Vmcoreinfo
from hardboot.formats.elf import EM_AARCH64
from hardboot.formats.reading import malformed

_WHAT = "page structures of the dump"
_WORD = 8
_VA_BITS = range(36, 49)
_INDEX_BITS = 9
_ADDRESS = 0x0000_FFFF_FFFF_F000
_VALID, _TABLE = 1, 2
_SECTION_BITS = range(21, 33)  # bytes of a section as a power of 2; arm64 has 27 or 30
_SECTIONS_LIMIT = 1 << 12  # 512 GiB of the usual ones
_FLAGS = 0xFF  # the low bits of section_mem_map, more than kernels use
_HAS_MEM_MAP = 2  # SECTION_HAS_MEM_MAP


@dataclass(frozen=True)
class _Tables:
    """The kernel's page tables.

    Attributes:
        root: Physical address of the first one.
        levels: How many there are, one below the other.
    """

    core: Core
    root: int
    levels: int
    _read: dict[int, bytes] = field(default_factory=dict)

    def memory(self, vaddr: int, size: int) -> bytes:
        """Return `size` bytes from a virtual address; what is not mapped reads as zero."""
        out = bytearray()
        while len(out) < size:
            place, left = self._translate(vaddr + len(out))
            take = min(left, size - len(out))
            out += bytes(take) if place is None else self.core.physical(place, take)
        return bytes(out)

    def _translate(self, vaddr: int) -> tuple[int | None, int]:
        """Return the physical address, None if there is none, and the bytes up to the end of the mapping."""
        table = self.root
        for level in range(self.levels - 1, -1, -1):
            shift = 12 + _INDEX_BITS * level
            inside = vaddr & ((1 << shift) - 1)
            if table not in self._read:
                self._read[table] = self.core.physical(table, PAGE_SIZE)
            at = (vaddr >> shift & ((1 << _INDEX_BITS) - 1)) * _WORD
            entry = int.from_bytes(self._read[table][at : at + _WORD], "little")
            left = (1 << shift) - inside
            if not entry & _VALID:
                return None, left
            table = entry & _ADDRESS
            if not level or not entry & _TABLE:
                return (table & -(1 << shift)) + inside, left
        raise AssertionError(self.levels)


def arrays(core: Core, info: Vmcoreinfo, page_size: int) -> Iterator[tuple[int, bytes]] | None:
    """Return the arrays of page structures: the number of the first page, and the structures.

    Args:
        core: The dump.
        info: What its kernel tells.
        page_size: Bytes of a page structure.

    Returns:
        None if VMCOREINFO does not say how to find them.

    Raises:
        InputError: If what it says makes no sense, or the dump does not have them.
    """
    facts = (
        info.number("VA_BITS"),
        info.number("kimage_voffset"),
        info.symbol("swapper_pg_dir"),
        info.symbol("mem_section"),
        info.size("mem_section"),
        info.offset("mem_section.section_mem_map"),
        info.number("SECTION_SIZE_BITS"),
    )
    known = [fact for fact in facts if fact is not None]
    if len(known) < len(facts) or core.machine != EM_AARCH64:
        return None
    bits, offset, root, sections, size, at, section_bits = known
    if bits not in _VA_BITS or info.fields.get("PAGESIZE") != str(PAGE_SIZE):
        return None
    if not 0 <= at <= size - _WORD or size > PAGE_SIZE or section_bits not in _SECTION_BITS:
        problem = f"sections of 2^{section_bits} bytes, their structures of {size}, section_mem_map at {at}"
        raise malformed(_WHAT, "VMCOREINFO", 0, problem)
    if sum((load.memsz >> section_bits) + 2 for load in core.loads) > _SECTIONS_LIMIT:
        return None
    tables = _Tables(core, root - offset & (1 << 64) - 1, -(-(bits - 12) // _INDEX_BITS))
    return _arrays(_Sections(core, sections, size, at), tables, section_bits, page_size)


@dataclass(frozen=True)
class _Sections:
    """The structures of the sections, in pages of their own (SPARSEMEM_EXTREME).

    Attributes:
        roots: Virtual address of the pointers to those pages.
        size: Bytes of a structure.
        at: Where section_mem_map is in it.
    """

    core: Core
    roots: int
    size: int
    at: int

    def mem_map(self, number: int) -> int | None:
        """Return where the page structure of page 0 would be, by the array of a section; None without one."""
        in_root = PAGE_SIZE // self.size
        root = self.core.word(self.roots + number // in_root * _WORD)
        if not root:
            return None
        coded = self.core.word(root + number % in_root * self.size + self.at)
        return coded & ~_FLAGS if coded & _HAS_MEM_MAP else None


def _arrays(
    sections: _Sections, tables: _Tables, section_bits: int, page_size: int
) -> Iterator[tuple[int, bytes]]:
    numbers = {
        number
        for load in tables.core.loads
        if load.memsz
        for number in range(load.paddr >> section_bits, ((load.paddr + load.memsz - 1) >> section_bits) + 1)
    }
    count = 1 << (section_bits - 12)
    for number in sorted(numbers):
        mem_map = sections.mem_map(number)
        if mem_map is not None:
            first = number * count
            vaddr = mem_map + first * page_size & (1 << 64) - 1
            yield first, tables.memory(vaddr, count * page_size)
