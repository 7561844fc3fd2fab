"""The header of a flattened device tree, checked, and its memory reservations.

Source: Devicetree Specification v0.4, sections 5.2 to 5.4. Offsets and sizes are in bytes.
"""

from dataclasses import dataclass

from hardboot.base.errors import InputError
from hardboot.formats.binary_record import Be32, Be64, BinaryRecord
from hardboot.formats.reading import malformed
from hardboot.formats.trees.tree import WHAT

FDT_MAGIC = 0xD00DFEED
VERSION = 17
LAST_COMP_VERSION = 16  # before 16 a node had its full path: no tree of a phone hardboot knows
MAX_SIZE = 16 << 20  # bytes; Linux itself maps 2 MiB (arch/arm64/include/asm/boot.h, MAX_FDT_SIZE)
MAX_RESERVATIONS = 4096  # a phone's tree has up to three

# Tokens of the structure block, section 5.4.1.
BEGIN_NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9

_LEAST_STRUCTURE = 16  # bytes; a root node without properties


@dataclass(frozen=True)
class FdtHeader(BinaryRecord, what=WHAT):
    """struct fdt_header; names as in the specification."""

    magic: Be32
    totalsize: Be32
    off_dt_struct: Be32
    off_dt_strings: Be32
    off_mem_rsvmap: Be32
    version: Be32
    last_comp_version: Be32
    boot_cpuid_phys: Be32
    size_dt_strings: Be32
    size_dt_struct: Be32

    @property
    def structure(self) -> range:
        """The offsets of the structure block; version 16 does not state its size."""
        start = self.off_dt_struct
        size = self.size_dt_struct if self.version >= VERSION else (self.totalsize - start) // 4 * 4
        return range(start, start + size)

    @property
    def strings(self) -> range:
        """The offsets of the strings block."""
        return range(self.off_dt_strings, self.off_dt_strings + self.size_dt_strings)


@dataclass(frozen=True)
class Reservation(BinaryRecord, what=WHAT):
    """struct fdt_reserve_entry: physical memory that the kernel must not use."""

    address: Be64
    size: Be64


def read(data: memoryview, *, limit: int = MAX_SIZE) -> FdtHeader:
    """Read the header that `data` begins with; its blocks are inside the tree.

    Raises:
        InputError: If it is not the header of a device tree, or a field breaks a rule.
    """
    head = FdtHeader.parse(data)
    if head.magic != FDT_MAGIC:
        raise _wrong("magic", f"{head.magic:08x}, not {FDT_MAGIC:08x}")
    total = head.totalsize
    if not FdtHeader.SIZE < total <= len(data):
        raise _wrong("totalsize", f"{total} bytes, there are {len(data)}")
    if total > limit:
        raise _wrong("totalsize", f"{total} bytes, the limit is {limit}")
    if head.version < LAST_COMP_VERSION:
        raise _wrong("version", f"{head.version}, the oldest that can be read is {LAST_COMP_VERSION}")
    if head.last_comp_version > VERSION:
        raise _wrong("last_comp_version", f"{head.last_comp_version}, the newest known is {VERSION}")
    block = head.structure
    # Version 16's header ends 4 bytes earlier.
    if block.start % 4 or not FdtHeader.SIZE - 4 <= block.start < total:
        raise _wrong("off_dt_struct", f"{block.start:#x} is not aligned to 4 inside {total:#x} bytes")
    if len(block) % 4 or block.stop > total or len(block) < _LEAST_STRUCTURE:
        problem = f"{len(block):#x} bytes from {block.start:#x} do not fit into {total:#x}"
        raise _wrong("size_dt_struct", problem)
    if head.strings.stop > total:
        raise _wrong("size_dt_strings", f"the strings end behind the tree's {total:#x} bytes")
    if head.off_mem_rsvmap % 8 or head.off_mem_rsvmap + Reservation.SIZE > total:
        problem = f"{head.off_mem_rsvmap:#x} is not aligned to 8 inside {total:#x} bytes"
        raise _wrong("off_mem_rsvmap", problem)
    return head


def _wrong(name: str, problem: str) -> InputError:
    return malformed(WHAT, name, FdtHeader.offset_of(name), problem)


def read_reservations(data: memoryview, head: FdtHeader) -> list[tuple[int, int]]:
    """Return the memory reservations: physical address and size in bytes.

    Raises:
        InputError: If the list does not end inside the tree, or has more than MAX_RESERVATIONS.
    """
    reservations: list[tuple[int, int]] = []
    for at in range(head.off_mem_rsvmap, head.totalsize - Reservation.SIZE + 1, Reservation.SIZE):
        entry = Reservation.parse(data, at)
        if not entry.address and not entry.size:
            return reservations
        if len(reservations) == MAX_RESERVATIONS:
            raise malformed(WHAT, "reservations", at, f"more than {MAX_RESERVATIONS}")
        reservations.append((entry.address, entry.size))
    raise malformed(WHAT, "reservations", head.off_mem_rsvmap, "the list does not end inside the tree")
