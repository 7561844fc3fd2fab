"""ELF files: their file header and program headers, read by pyelftools and written with construct.

Only these headers are read, and no more of them than a limit: pyelftools' own segments and sections would
read whatever sizes a hostile file states. Files that are written are little-endian. pyelftools is imported
when an ELF file is read: every command that reads boot images imports this module.
Source: Linux 6.1 include/uapi/linux/elf.h.
"""

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Annotated, TypeAlias

from construct import Bytes

from hardboot.base.errors import InputError
from hardboot.formats.binary_record import BinaryRecord, Le16, Le32, Le64
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.sniff import described

if TYPE_CHECKING:
    from elftools.elf.elffile import ELFFile

ELF_MAGIC = b"\x7fELF"
ET_EXEC, ET_CORE = 2, 4
EM_ARM, EM_AARCH64 = 40, 183
PT_LOAD, PT_NOTE = 1, 4
MAX_PROGRAM_HEADERS = 0xFFFF - 1  # from PN_XNUM on, their number is in a section header

_FIX = "Check that this is the right file, and that it is complete."
Read = Callable[[int, int], bytes]
"""Return bytes of a file: offset, size."""


@dataclass(frozen=True)
class FileHeader32(BinaryRecord, what="ELF file"):
    """struct elf32_hdr.

    Attributes:
        ident: Magic, class, byte order, version, ABI and padding.
        machine: The number of the architecture, such as EM_ARM.
        entry: Virtual address.
        phoff: Offset of the program headers in the file.
        shoff: Offset of the section headers.
    """

    ident: Annotated[bytes, Bytes(16)]
    type: Le16
    machine: Le16
    version: Le32
    entry: Le32
    phoff: Le32
    shoff: Le32
    flags: Le32
    ehsize: Le16
    phentsize: Le16
    phnum: Le16
    shentsize: Le16
    shnum: Le16
    shstrndx: Le16


@dataclass(frozen=True)
class FileHeader64(FileHeader32):
    """struct elf64_hdr."""

    entry: Le64
    phoff: Le64
    shoff: Le64


@dataclass(frozen=True)
class ProgramHeader32(BinaryRecord, what="ELF file"):
    """struct elf32_phdr.

    Attributes:
        offset: Offset of the segment in the file.
        vaddr: Virtual address.
        paddr: Physical address.
        filesz: Bytes in the file.
        memsz: Bytes in memory.
    """

    type: Le32
    offset: Le32
    vaddr: Le32
    paddr: Le32
    filesz: Le32
    memsz: Le32
    flags: Le32
    align: Le32


@dataclass(frozen=True)
class ProgramHeader64(BinaryRecord, what="ELF file"):
    """struct elf64_phdr; attributes as in ProgramHeader32."""

    type: Le32
    flags: Le32
    offset: Le64
    vaddr: Le64
    paddr: Le64
    filesz: Le64
    memsz: Le64
    align: Le64


@dataclass(frozen=True)
class SectionHeader32(BinaryRecord, what="ELF file"):
    """struct elf32_shdr; `rest` is what follows the size.

    Attributes:
        offset: Offset of the section in the file.
        size: Bytes in the file.
    """

    name: Le32
    type: Le32
    flags: Le32
    addr: Le32
    offset: Le32
    size: Le32
    rest: Annotated[bytes, Bytes(16)]


@dataclass(frozen=True)
class SectionHeader64(SectionHeader32):
    """struct elf64_shdr."""

    flags: Le64
    addr: Le64
    offset: Le64
    size: Le64
    rest: Annotated[bytes, Bytes(24)]


ProgramHeader: TypeAlias = ProgramHeader32 | ProgramHeader64
FILE_HEADERS: dict[int, type[FileHeader32]] = {32: FileHeader32, 64: FileHeader64}
PROGRAM_HEADERS: dict[int, type[ProgramHeader32] | type[ProgramHeader64]] = {
    32: ProgramHeader32,
    64: ProgramHeader64,
}
SECTION_HEADERS: dict[int, type[SectionHeader32]] = {32: SectionHeader32, 64: SectionHeader64}


@dataclass(frozen=True)
class Elf:
    """The headers of an ELF file.

    Attributes:
        what: The format, for errors.
        bits: 32 or 64.
        size: Bytes of the file.
    """

    what: str
    bits: int
    little_endian: bool
    size: int
    header: FileHeader32
    program_headers: tuple[ProgramHeader, ...]

    def span(self, index: int) -> range:
        """Return the offsets in the file of the segment that program header `index` describes.

        Raises:
            InputError: If the file ends before the segment does.
        """
        row = self.program_headers[index]
        end = row.offset + row.filesz
        if end > self.size:
            problem = f"{row.filesz} bytes from {row.offset:#x}, the file ends at {self.size:#x}"
            raise malformed(self.what, "p_filesz", self.offset_of(index, "filesz"), problem)
        return range(row.offset, end)

    def offset_of(self, index: int, name: str) -> int:
        """Return the offset in the file of a field of program header `index`."""
        at = self.header.phoff + index * self.header.phentsize
        return at + PROGRAM_HEADERS[self.bits].offset_of(name)


def parse(what: str, data: Data, *, limit: int = MAX_PROGRAM_HEADERS) -> Elf:
    """Read the headers of an ELF file.

    Args:
        what: The format, for errors: "crash dump".
        data: The file.
        limit: Highest number of program headers.

    Raises:
        InputError: If it is not an ELF file, is truncated, or has no program headers or more than `limit`.
    """
    content = view(data)

    def read(offset: int, size: int) -> bytes:
        return bytes(content[offset : offset + size])

    return parse_with(what, len(content), read, limit=limit)


def parse_with(what: str, size: int, read: Read, *, limit: int = MAX_PROGRAM_HEADERS) -> Elf:
    """Read the headers of an ELF file of `size` bytes through `read`.

    Raises:
        InputError: As `parse`.
    """
    from elftools.common.exceptions import ELFError

    head = read(0, min(size, FileHeader64.SIZE))
    if not head.startswith(ELF_MAGIC):
        raise malformed(what, "magic", 0, f"this is {described(head)}, not an ELF file", fix=_FIX)
    try:
        return _parse(what, size, read, head, limit)
    except ELFError as error:
        raise malformed(what, "ELF header", 0, str(error), fix=_FIX) from error


def _parse(what: str, size: int, read: Read, head: bytes, limit: int) -> Elf:
    from elftools.common.utils import struct_parse
    from elftools.elf.elffile import ELFFile

    elf = ELFFile(io.BytesIO(head))
    header = _file_header(elf)
    width = elf.structs.Elf_Phdr.sizeof()
    if header.phentsize != width:
        raise _wrong(what, header, "phentsize", f"{header.phentsize} bytes, a program header has {width}")
    if not 0 < header.phnum <= limit:
        raise _wrong(what, header, "phnum", f"{header.phnum} program headers, from 1 to {limit} are allowed")
    end = header.phoff + header.phnum * width
    if end > size:
        raise _wrong(what, header, "phoff", f"the program headers end at {end:#x}, the file at {size:#x}")
    table = io.BytesIO(read(header.phoff, header.phnum * width))
    rows = [struct_parse(elf.structs.Elf_Phdr, table) for _ in range(header.phnum)]
    record = PROGRAM_HEADERS[elf.elfclass]
    return Elf(
        what=what,
        bits=elf.elfclass,
        little_endian=elf.little_endian,
        size=size,
        header=header,
        program_headers=tuple(
            record(**{name: _number(row[f"p_{name}"]) for name in record.names()}) for row in rows
        ),
    )


def _file_header(elf: "ELFFile") -> FileHeader32:
    record = FILE_HEADERS[elf.elfclass]
    numbers = {name: _number(elf[f"e_{name}"]) for name in record.names() if name != "ident"}
    return record(ident=elf.e_ident_raw, **numbers)


def _number(value: int | str) -> int:
    return value if isinstance(value, int) else _numbers()[value]


@cache
def _numbers() -> dict[str, int]:
    """Return the numbers for which pyelftools has names; no name stands for two numbers."""
    from elftools.elf import enums

    return {
        **enums.ENUM_E_TYPE,
        **enums.ENUM_E_MACHINE,
        **enums.ENUM_E_VERSION,
        **enums.ENUM_P_TYPE_BASE,
        **enums.ENUM_P_TYPE_ARM,
        **enums.ENUM_P_TYPE_AARCH64,
        **enums.ENUM_P_TYPE_MIPS,
        **enums.ENUM_P_TYPE_RISCV,
    }


def _wrong(what: str, header: FileHeader32, name: str, problem: str) -> InputError:
    return malformed(what, f"e_{name}", header.offset_of(name), problem)


def build(bits: int, machine: int, kind: int, program_headers: Sequence[ProgramHeader]) -> bytes:
    """Return the start of an ELF file: a file header, and the program headers right behind it.

    Args:
        bits: 32 or 64; also of the program headers.
        machine: The number of the architecture, such as EM_ARM.
        kind: The type of file, such as ET_CORE.
        program_headers: At most MAX_PROGRAM_HEADERS.

    Returns:
        As many bytes as `headers_size` says.

    Raises:
        InputError: If there are too many, or a number does not fit into its field.
    """
    record = FILE_HEADERS[bits]
    if len(program_headers) > MAX_PROGRAM_HEADERS:
        problem = f"{len(program_headers)} program headers, the limit is {MAX_PROGRAM_HEADERS}"
        raise malformed("ELF file", "e_phnum", record.offset_of("phnum"), problem)
    header = record(
        ident=ELF_MAGIC + bytes((bits // 32, 1, 1)) + bytes(9),
        type=kind,
        machine=machine,
        version=1,
        entry=0,
        phoff=record.SIZE,
        shoff=0,
        flags=0,
        ehsize=record.SIZE,
        phentsize=PROGRAM_HEADERS[bits].SIZE,
        phnum=len(program_headers),
        shentsize=0,
        shnum=0,
        shstrndx=0,
    )
    return b"".join((header.build(), *(row.build() for row in program_headers)))


def headers_size(bits: int, count: int) -> int:
    """Return the size in bytes of a file header and `count` program headers."""
    return FILE_HEADERS[bits].SIZE + count * PROGRAM_HEADERS[bits].SIZE
