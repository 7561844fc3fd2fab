"""Sony's boot images: an ELF file of 32 or 64 bits whose segments are the parts of a boot image.

Sources: DualBootPatcher libmbbootimg, sony_elf_{glibc_p.h,writer.cpp} (types, flags, and that parts are not
padded); Magisk 12's jni/magiskboot/bootimg.c (64 bits, for which the machine still is 32-bit ARM; what the
parts are by their order; at most one section, the command line). Sony's own images leave gaps between them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hardboot.base.sizes import align_up
from hardboot.formats import elf
from hardboot.formats.boot.paged import Part
from hardboot.formats.reading import Data, malformed, view, windows

_WHAT = "Sony ELF boot image"
_ARM_ABI = 0x61
_ARM = bytes((elf.ET_EXEC, 0, elf.EM_ARM, 0))  # type and machine, behind 16 bytes of identification
_AARCH64 = bytes((elf.ET_EXEC, 0, elf.EM_AARCH64, 0))
MAX_PARTS = 16  # Sony's images have up to six
_NAMES = {  # by the flags of a program header
    0x00000000: "kernel",
    0x80000000: "ramdisk",
    0x40000000: "ipl",
    0x20000000: "cmdline",
    0x01000000: "rpm",
    0x02000000: "appsbl",
}
_ORDER = ("kernel", "ramdisk", "dt")  # of parts whose flags say nothing
_PAGE = 4096  # bytes


@dataclass(frozen=True)
class SonyPart:
    """One part: its name, its offset in the file, the physical address it is loaded to, its content."""

    name: str
    offset: int
    addr: int
    data: Data = field(repr=False)


@dataclass(frozen=True)
class SonyElf:
    """A Sony boot image.

    Attributes:
        loaded: The parts, in the order of their program headers.
        entry: Physical address the kernel is started at.
        lead: Everything in front of the first part, with the headers.
        gaps: The bytes behind each part up to the next one or the end of the file, in file order.
    """

    loaded: tuple[SonyPart, ...]
    entry: int
    lead: bytes = field(repr=False)
    gaps: tuple[Data, ...] = field(repr=False)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The parts in file order, without their addresses."""
        return tuple(Part(part.name, part.offset, part.data) for part in _in_file_order(self.loaded))

    @property
    def end(self) -> int:
        """The end of the last part, in bytes from the start of the file."""
        return max(len(self.lead), *(part.offset + len(part.data) for part in self.loaded))


def _in_file_order(parts: tuple[SonyPart, ...]) -> list[SonyPart]:
    return sorted(parts, key=lambda part: part.offset)


def is_sony_elf(data: Data) -> bool:
    """Return True if `data` is an ELF file as only Sony's are: with ARM's own ABI, or of 64 bits for ARM."""
    head = bytes(view(data)[:20])
    if len(head) < 20 or not head.startswith(elf.ELF_MAGIC) or head[4] not in (1, 2) or head[5:7] != b"\1\1":
        return False
    kind = head[16:]
    return kind in (_ARM, _AARCH64) if head[7] == _ARM_ABI else (head[4], kind) == (2, _ARM)


def parse(data: Data) -> SonyElf:
    """Read a Sony boot image; its parts are views into `data`.

    Raises:
        InputError: If it is something else, is truncated, or its parts overlap.
    """
    content = view(data)
    if not is_sony_elf(content):
        raise malformed(_WHAT, "magic", 0, "this is another file", fix="Give a boot image of a Sony phone.")
    file = elf.parse(_WHAT, content, limit=MAX_PARTS)
    parts: list[SonyPart] = []
    for index, row in enumerate(file.program_headers):
        span = file.span(index)
        name = _name(index, row.flags, [part.name for part in parts])
        parts.append(SonyPart(name, row.offset, row.paddr, content[span.start : span.stop]))
    ordered = _in_file_order(tuple(parts))
    headers_end = max(file.header.phoff + len(parts) * file.header.phentsize, file.header.SIZE)
    lead = bytes(content[: max(headers_end, ordered[0].offset)])
    end = len(lead)
    gaps: list[Data] = []
    for part in ordered:
        if part.offset < end:
            problem = f"{part.name} begins before {end:#x}, the end of the headers or another part"
            raise malformed(_WHAT, "offset", part.offset, problem)
        if part is not ordered[0]:
            gaps.append(bytes(content[end : part.offset]))
        end = part.offset + len(part.data)
    return SonyElf(tuple(parts), file.header.entry, lead, (*gaps, content[end:]))


def _name(index: int, flags: int, used: list[str]) -> str:
    name = _NAMES.get(flags)
    if name is None and index < len(_ORDER) and _ORDER[index] not in used:
        return _ORDER[index]
    return name if name and name not in used else f"{name or 'segment'}{len(used)}"


def with_parts(image: SonyElf, contents: dict[str, Data]) -> SonyElf:
    """Return `image` with other contents of its parts, by name; parts behind one that grew move.

    Raises:
        InputError: If a section would have to move, too.
    """
    if any(len(contents[part.name]) != len(part.data) for part in image.loaded):
        _refuse_sections(image)
    parts = {part.name: replace(part, data=contents[part.name]) for part in image.loaded}
    moved, end = 0, 0
    ordered = _in_file_order(image.loaded)
    gaps = list(image.gaps)
    for index, old in enumerate(ordered):
        offset = max(old.offset + moved, end)
        parts[old.name] = replace(parts[old.name], offset=offset)
        end = offset + len(parts[old.name].data)
        if len(parts[old.name].data) != len(old.data) and index + 1 < len(ordered):
            following = ordered[index + 1].offset
            start = end if following == old.offset + len(old.data) else align_up(end, _PAGE)
            gaps[index] = bytes(start - end)
            moved = start - following
    return replace(image, loaded=tuple(parts[part.name] for part in image.loaded), gaps=tuple(gaps))


def _refuse_sections(image: SonyElf) -> None:
    """Refuse to move parts if the file has sections that are not in front of all of them."""
    file = elf.parse(_WHAT, image.lead, limit=MAX_PARTS)
    record = elf.SECTION_HEADERS[file.bits]
    for index in range(file.header.shnum):
        at = file.header.shoff + index * record.SIZE
        section = record.parse(view(image.lead), at) if at + record.SIZE <= len(image.lead) else None
        if section is None or section.offset + section.size > len(image.lead):
            problem = f"section {index} is behind a part of another size"
            fix = "Keep the sizes of all parts."
            raise malformed(_WHAT, "e_shoff", file.header.offset_of("shoff"), problem, fix=fix)


def build(image: SonyElf) -> Iterator[Data]:
    """Return the file in chunks; sizes are computed, offsets are those of the parts.

    Raises:
        InputError: If a value does not fit into its field.
    """
    lead = bytearray(image.lead)
    file = elf.parse(_WHAT, image.lead, limit=MAX_PARTS)
    lead[: file.header.SIZE] = replace(file.header, entry=image.entry).build()
    for index, part in enumerate(image.loaded):
        old = file.program_headers[index]
        new = replace(
            old,
            offset=part.offset,
            paddr=part.addr,
            vaddr=part.addr if old.vaddr == old.paddr else old.vaddr,
            filesz=len(part.data),
            memsz=old.memsz if old.filesz == len(part.data) else len(part.data),
        )
        at = file.offset_of(index, "type")
        lead[at : at + new.SIZE] = new.build()
    return _chunks(bytes(lead), image)


def _chunks(lead: bytes, image: SonyElf) -> Iterator[Data]:
    yield lead
    for part, gap in zip(_in_file_order(image.loaded), image.gaps, strict=True):
        yield from windows(part.data)
        yield from windows(gap)
