"""ELF core files of a kernel's memory: what /proc/vmcore shows, and what hardboot keeps of it.

Sources: Linux 6.1 include/uapi/linux/elf.h, fs/proc/vmcore.c (which reads the headers that are built here),
kexec-tools' kexec/crashdump-elf.c for what others expect in them (p_vaddr of memory without an address).
"""

import io
import struct
from bisect import bisect_right
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from hardboot.base.errors import InputError
from hardboot.formats.reading import Data, malformed, view

PT_LOAD = 1
PT_NOTE = 4
EM_ARM = 40

_WHAT = "crash dump"
_NOTES_LIMIT = 4 << 20  # bytes; a CPU's registers take some hundred, VMCOREINFO 4 KiB
_NOTE = struct.Struct("<3I")
_READ_LIMIT = 256 << 20  # bytes of one read
_EXTENDED = 0xFFFF  # PN_XNUM: from here on the number of headers lies elsewhere
_FILE = {
    32: struct.Struct("<16sHHIIIIIHHHHHH"),
    64: struct.Struct("<16sHHIQQQIHHHHHH"),
}
_HEADER = {32: struct.Struct("<8I"), 64: struct.Struct("<2I6Q")}

Read = Callable[[int, int], bytes]
"""Bytes of a file: offset, size."""


@dataclass(frozen=True)
class Load:
    """A stretch of the crashed kernel's memory; what lies between `filesz` and `memsz` was left out.

    Attributes:
        paddr: Physical address.
        vaddr: Where the crashed kernel maps it for good; None if it does not, or it is not known.
        offset: Where its bytes lie in the file.
        filesz: Bytes in the file.
        memsz: Bytes of memory; what is not in the file reads as zero.
    """

    paddr: int
    vaddr: int | None
    offset: int
    filesz: int
    memsz: int


@dataclass(frozen=True)
class Note:
    """A note: who defined it, its type, its bytes."""

    name: str
    type: int
    data: bytes = field(repr=False)


@dataclass(frozen=True)
class Core:
    """A core file of 32 or 64 bits, little-endian.

    Attributes:
        machine: The ELF number of its architecture.
        loads: By their order in the file.
        note_bytes: All notes as they stand in the file.
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
            InputError: If one ends behind all of them.
        """
        return tuple(_notes(self.note_bytes))

    @property
    def vmcoreinfo(self) -> bytes | None:
        """What the crashed kernel tells of itself: the text of its VMCOREINFO note."""
        return next((note.data for note in self.notes if note.name == "VMCOREINFO"), None)

    @cached_property
    def _mapped(self) -> list[tuple[int, Load]]:
        known = [(load.vaddr, load) for load in self.loads if load.vaddr is not None and load.memsz]
        return sorted(known, key=lambda pair: pair[0])

    def memory(self, vaddr: int, size: int) -> bytes:
        """`size` bytes of the crashed kernel's memory from the virtual address `vaddr`.

        Raises:
            InputError: If they are not in the dump.
        """
        if not 0 <= size <= _READ_LIMIT:
            raise _absent(vaddr, f"{size} bytes, the limit of one read is {_READ_LIMIT}")
        out = bytearray()
        while len(out) < size:
            at = vaddr + len(out)
            index = bisect_right(self._mapped, at, key=lambda pair: pair[0]) - 1
            start, load = self._mapped[index] if index >= 0 else (0, None)
            if load is None or at >= start + load.memsz:
                raise _absent(at, "no stretch of memory in the dump holds it")
            inside = at - start
            take = min(size - len(out), load.memsz - inside)
            stored = max(0, min(take, load.filesz - inside))
            if stored:
                out += self.read(load.offset + inside, stored)
            out += bytes(take - stored)
        return bytes(out)

    def word(self, vaddr: int) -> int:
        """The unsigned word (of `bits`) at the virtual address `vaddr`."""
        return int.from_bytes(self.memory(vaddr, self.bits // 8), "little")


def parse(data: Data) -> Core:
    """Read a core file; its memory is read when it is looked at.

    Raises:
        InputError: If it is something else, cut off, or its notes are malformed.
    """
    seen = view(data)
    return parse_with(len(seen), lambda offset, size: bytes(seen[offset : offset + size]))


def parse_with(size: int, read: Read) -> Core:
    """Read a core file of `size` bytes that is reached by `read` only.

    Raises:
        InputError: As `parse`.
    """
    from elftools.common.exceptions import ELFError

    head = read(0, min(size, 64))
    try:
        bits, machine, rows = _headers(size, read, head)
    except (ELFError, UnicodeDecodeError) as error:
        raise malformed(_WHAT, "ELF header", 0, f"it cannot be read: {error}") from error
    loads: list[Load] = []
    notes = b""
    for row in rows:
        if row["p_offset"] + row["p_filesz"] > size and row["p_type"] in ("PT_LOAD", "PT_NOTE"):
            problem = f"{row['p_filesz']} bytes from {row['p_offset']:#x}, the file ends at {size:#x}"
            raise malformed(_WHAT, "program header", row["p_offset"], problem)
        if row["p_type"] == "PT_LOAD":
            loads.append(_load(row, bits))
        elif row["p_type"] == "PT_NOTE":
            if len(notes) + row["p_filesz"] > _NOTES_LIMIT:
                problem = f"more than {_NOTES_LIMIT} bytes of notes"
                raise malformed(_WHAT, "notes", row["p_offset"], problem)
            notes += read(row["p_offset"], row["p_filesz"])
    core = Core(bits, machine, tuple(loads), notes, read)
    core.notes  # noqa: B018  # refuse malformed ones now
    return core


def _headers(size: int, read: Read, head: bytes) -> tuple[int, int, list[Any]]:
    """Width, machine and program headers, by pyelftools."""
    from elftools.common.utils import struct_parse
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(io.BytesIO(head))
    if not elf.little_endian or elf["e_type"] != "ET_CORE":
        raise malformed(
            _WHAT,
            "e_type",
            16,
            f"{elf['e_type']}, it must be a little-endian ET_CORE",
            fix="Give a file that `hardboot crash pull OUT` wrote, or a copy of /proc/vmcore.",
        )
    kind = elf.structs.Elf_Phdr
    count, width = elf["e_phnum"], kind.sizeof()
    end = elf["e_phoff"] + count * width
    if elf["e_phentsize"] != width or not 0 < count < _EXTENDED or end > size:
        problem = (
            f"{count} of {elf['e_phentsize']} bytes from {elf['e_phoff']:#x}, the file ends at {size:#x}"
        )
        raise malformed(_WHAT, "program headers", 0x1C, problem)
    table = io.BytesIO(read(elf["e_phoff"], count * width))
    rows = [struct_parse(kind, table) for _ in range(count)]
    machine = int.from_bytes(head[18:20], "little")
    return elf.elfclass, machine, rows


def _load(row: Any, bits: int) -> Load:
    if row["p_memsz"] < row["p_filesz"] or row["p_paddr"] + row["p_memsz"] > 1 << bits:
        problem = f"{row['p_memsz']:#x} bytes of memory for {row['p_filesz']:#x} of the file"
        raise malformed(_WHAT, "p_memsz", row["p_offset"], problem)
    vaddr = row["p_vaddr"]
    known = 0 < vaddr < (1 << bits) - 1
    return Load(row["p_paddr"], vaddr if known else None, row["p_offset"], row["p_filesz"], row["p_memsz"])


def _notes(data: bytes) -> Iterable[Note]:
    at = 0
    while at + _NOTE.size <= len(data):
        name_size, size, kind = _NOTE.unpack_from(data, at)
        if not name_size:  # fs/proc/vmcore.c: the end; what follows is padding
            at += _NOTE.size
            continue
        start = at + _NOTE.size + (name_size + 3) // 4 * 4
        end = start + size
        if end > len(data):
            raise malformed(_WHAT, "note", at, f"{name_size} + {size} bytes, all notes have {len(data)}")
        name = data[at + _NOTE.size : at + _NOTE.size + name_size].partition(b"\0")[0]
        yield Note(name.decode("ascii", "replace"), kind, data[start:end])
        at = start + (size + 3) // 4 * 4


def build_headers(bits: int, machine: int, loads: Sequence[Load], notes: Sequence[tuple[int, int]]) -> bytes:
    """The start of a core file: file header and program headers, as many bytes as `headers_size` says.

    Args:
        bits: 32 or 64.
        machine: The ELF number of the architecture.
        loads: Memory.
        notes: Offset and size of each part of the file that holds notes.

    Raises:
        InputError: If there are too many, or a number does not fit into `bits`.
    """
    entries = [_entry(bits, PT_NOTE, offset, 0, offset, size, size, 0) for offset, size in notes]
    unknown = (1 << bits) - 1
    for load in loads:
        vaddr = unknown if load.vaddr is None else load.vaddr
        entries.append(_entry(bits, PT_LOAD, load.offset, vaddr, load.paddr, load.filesz, load.memsz, 7))
    if len(entries) >= _EXTENDED:
        raise malformed(
            _WHAT, "e_phnum", 0x2C, f"{len(entries)} program headers, the limit is {_EXTENDED - 1}"
        )
    ident = b"\x7fELF" + bytes((bits // 32, 1, 1)) + bytes(9)
    size, width = _FILE[bits].size, _HEADER[bits].size
    head = _FILE[bits].pack(*(ident, 4, machine, 1, 0, size, 0, 0, size, width, len(entries), 0, 0, 0))
    return b"".join([head, *entries])


def headers_size(bits: int, count: int) -> int:
    """Bytes of a file header and `count` program headers."""
    return _FILE[bits].size + count * _HEADER[bits].size


def _entry(
    bits: int, kind: int, offset: int, vaddr: int, paddr: int, filesz: int, memsz: int, flags: int
) -> bytes:
    fields = (offset, vaddr, paddr, filesz, memsz)
    try:
        if bits == 32:
            return _HEADER[32].pack(kind, *fields, flags, 0)
        return _HEADER[64].pack(kind, flags, *fields, 0)
    except struct.error as error:
        problem = f"a number does not fit into {bits} bits: {offset:#x} {paddr:#x} {memsz:#x}"
        raise malformed(_WHAT, "program header", offset, problem) from error


def _absent(vaddr: int, problem: str) -> InputError:
    return InputError(
        f"{_WHAT}: memory at {vaddr:#x}: {problem}",
        state="Nothing was changed.",
        fix="Open the dump with a debugger for what it does hold: gdb-multiarch VMLINUX DUMP",
    )
