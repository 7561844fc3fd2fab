"""ELF core files of a kernel's memory: what /proc/vmcore shows, and what hardboot keeps of it.

Sources: Linux 6.1 include/uapi/linux/elf.h, fs/proc/vmcore.c (which reads the headers that are built here),
kexec-tools' kexec/crashdump-elf.c for the p_vaddr of memory that has no virtual address.
"""

import re
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats import elf
from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.elf import Elf, ProgramHeader, Read
from hardboot.formats.reading import Data, malformed, view

_WHAT = "crash dump"
_NOTES_LIMIT = 4 << 20  # bytes; a CPU's registers take some hundred, VMCOREINFO 4 KiB
_MAX_NOTES = 4096  # a kernel writes one a CPU, and a handful
_READ_LIMIT = 256 << 20  # bytes of one read
_NOT_ZERO = re.compile(rb"[^\0]")


@dataclass(frozen=True)
class Load:
    """A stretch of the crashed kernel's memory: a program header of type PT_LOAD.

    Attributes:
        paddr: Physical address.
        vaddr: Virtual address in the crashed kernel's linear mapping; None if it has none, or it is unknown.
        offset: Offset of its bytes in the file.
        filesz: Bytes in the file.
        memsz: Bytes of memory; those that are not in the file were left out and read as zero.
    """

    paddr: int
    vaddr: int | None
    offset: int
    filesz: int
    memsz: int


@dataclass(frozen=True)
class Note:
    """An ELF note: the name of its owner, its type, its bytes."""

    name: str
    type: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class _NoteHeader(BinaryRecord, what=_WHAT):
    """struct elf32_note; name and descriptor follow, each padded to 4 bytes."""

    name_size: Le32
    size: Le32
    type: Le32


@dataclass(frozen=True)
class Core:
    """A core file of 32 or 64 bits, little-endian.

    Attributes:
        machine: The ELF number of its architecture.
        loads: In the order of their program headers.
        note_bytes: All notes as stored in the file.
        read: Reads the file.
    """

    bits: int
    machine: int
    loads: tuple[Load, ...]
    note_bytes: bytes = field(repr=False)
    read: Read = field(repr=False)

    @cached_property
    def notes(self) -> tuple[Note, ...]:
        """All notes.

        Raises:
            InputError: If one ends behind all of them, or there are too many.
        """
        return tuple(_notes(self.note_bytes))

    @property
    def vmcoreinfo(self) -> bytes | None:
        """The text of the VMCOREINFO note, in which the crashed kernel describes itself; None without one."""
        return next((note.data for note in self.notes if note.name == "VMCOREINFO"), None)

    @cached_property
    def _mapped(self) -> list[tuple[int, Load]]:
        known = [(load.vaddr, load) for load in self.loads if load.vaddr is not None and load.memsz]
        return sorted(known, key=lambda pair: pair[0])

    @cached_property
    def _stored(self) -> list[tuple[int, Load]]:
        return sorted(((load.paddr, load) for load in self.loads if load.memsz), key=lambda pair: pair[0])

    def memory(self, vaddr: int, size: int) -> bytes:
        """Return `size` bytes of the crashed kernel's memory from the virtual address `vaddr`.

        Raises:
            InputError: If the dump does not have them, or it is more than one read may be.
        """
        return self._collect(self._mapped, vaddr, size)

    def physical(self, paddr: int, size: int) -> bytes:
        """Return `size` bytes of the crashed kernel's memory from the physical address `paddr`.

        Raises:
            InputError: As `memory`.
        """
        return self._collect(self._stored, paddr, size)

    def _collect(self, known: list[tuple[int, Load]], address: int, size: int) -> bytes:
        """Return the bytes from an address on; `known` has the stretches by the address they begin at."""
        if not 0 <= size <= _READ_LIMIT:
            raise _absent(address, f"{size} bytes, the limit of one read is {_READ_LIMIT}")
        out = bytearray()
        while len(out) < size:
            at = address + len(out)
            index = bisect_right(known, at, key=lambda pair: pair[0]) - 1
            start, load = known[index] if index >= 0 else (0, None)
            if load is None or at >= start + load.memsz:
                raise _absent(at, "it is not in the dump")
            inside = at - start
            take = min(size - len(out), load.memsz - inside)
            stored = max(0, min(take, load.filesz - inside))
            if stored:
                out += self.read(load.offset + inside, stored)
            out += bytes(take - stored)
        return bytes(out)

    def word(self, vaddr: int) -> int:
        """Return the unsigned word (of `bits`) at the virtual address `vaddr`."""
        return int.from_bytes(self.memory(vaddr, self.bits // 8), "little")


def parse(data: Data) -> Core:
    """Read a core file; its memory is only read when it is asked for.

    Raises:
        InputError: If it is something else, is truncated, or its notes are malformed.
    """
    content = view(data)
    return parse_with(len(content), lambda offset, size: bytes(content[offset : offset + size]))


def parse_with(size: int, read: Read) -> Core:
    """Read a core file of `size` bytes through `read`.

    Raises:
        InputError: As `parse`.
    """
    file = elf.parse_with(_WHAT, size, read)
    if not file.little_endian or file.header.type != elf.ET_CORE:
        problem = f"type {file.header.type}, it must be a little-endian core file ({elf.ET_CORE})"
        fix = "Give a file that `hardboot crash pull OUT` wrote, or a copy of /proc/vmcore."
        raise malformed(_WHAT, "e_type", file.header.offset_of("type"), problem, fix=fix)
    loads: list[Load] = []
    notes = b""
    for index, row in enumerate(file.program_headers):
        if row.type == elf.PT_LOAD:
            loads.append(_load(file, index))
        elif row.type == elf.PT_NOTE:
            span = file.span(index)
            if len(notes) + len(span) > _NOTES_LIMIT:
                problem = f"more than {_NOTES_LIMIT} bytes of notes"
                raise malformed(_WHAT, "p_filesz", file.offset_of(index, "filesz"), problem)
            notes += read(span.start, len(span))
    core = Core(file.bits, file.header.machine, tuple(loads), notes, read)
    core.notes  # noqa: B018  # refuse malformed notes now
    return core


def _load(file: Elf, index: int) -> Load:
    span, row = file.span(index), file.program_headers[index]
    if row.memsz < row.filesz or row.paddr + row.memsz > 1 << file.bits:
        problem = f"{row.memsz:#x} bytes of memory from {row.paddr:#x}, {row.filesz:#x} in the file"
        raise malformed(_WHAT, "p_memsz", file.offset_of(index, "memsz"), problem)
    known = 0 < row.vaddr < (1 << file.bits) - 1
    return Load(row.paddr, row.vaddr if known else None, span.start, row.filesz, row.memsz)


def _notes(data: bytes) -> Iterator[Note]:
    at = count = 0
    while at + _NoteHeader.SIZE <= len(data):
        head = _NoteHeader.parse(memoryview(data), at)
        if not head.name_size:  # fs/proc/vmcore.c: the end of a CPU's notes; zeros follow
            more = _NOT_ZERO.search(data, at + 4)
            at = more.start() & ~3 if more else len(data)
            continue
        count += 1
        if count > _MAX_NOTES:
            raise malformed(_WHAT, "note", at, f"more than {_MAX_NOTES} notes")
        name_at = at + _NoteHeader.SIZE
        start = name_at + align_up(head.name_size, 4)
        end = start + head.size
        if end > len(data):
            problem = f"{head.name_size} + {head.size} bytes, all notes have {len(data)}"
            raise malformed(_WHAT, "note", at, problem)
        name = data[name_at : name_at + head.name_size].partition(b"\0")[0]
        yield Note(name.decode("ascii", "replace"), head.type, data[start:end])
        at = start + align_up(head.size, 4)


def build_headers(bits: int, machine: int, loads: Sequence[Load], notes: Sequence[tuple[int, int]]) -> bytes:
    """Return the start of a core file: file header and program headers.

    Args:
        bits: 32 or 64.
        machine: The ELF number of the architecture.
        loads: Memory.
        notes: Offset and size of each part of the file that holds notes.

    Raises:
        InputError: If there are too many, or a number does not fit into `bits`.
    """
    record = elf.PROGRAM_HEADERS[bits]
    unknown = (1 << bits) - 1
    rows: list[ProgramHeader] = []
    for offset, size in notes:
        rows.append(
            record(
                type=elf.PT_NOTE,
                offset=offset,
                vaddr=0,
                paddr=offset,
                filesz=size,
                memsz=size,
                flags=0,
                align=0,
            )
        )
    for load in loads:
        rows.append(
            record(
                type=elf.PT_LOAD,
                offset=load.offset,
                vaddr=unknown if load.vaddr is None else load.vaddr,
                paddr=load.paddr,
                filesz=load.filesz,
                memsz=load.memsz,
                flags=7,  # readable, writable, executable
                align=0,
            )
        )
    return elf.build(bits, machine, elf.ET_CORE, rows)


def _absent(vaddr: int, problem: str) -> InputError:
    return InputError(
        f"{_WHAT}: memory at {vaddr:#x}: {problem}",
        state="Nothing was changed.",
        fix="Open the dump with a debugger for what it does hold: gdb-multiarch VMLINUX DUMP",
    )
