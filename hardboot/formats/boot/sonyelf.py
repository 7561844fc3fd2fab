"""Sony's boot images: an ELF file whose segments are the parts of a boot image.

Sources: DualBootPatcher libmbbootimg, sony_elf_{glibc_p.h,writer.cpp} (types, flags, and that parts are not
padded); Sony's own images leave gaps between them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from hardboot.base.sizes import align_up
from hardboot.formats import elf
from hardboot.formats.boot.paged import Part
from hardboot.formats.reading import Data, malformed, view, windows

_WHAT = "Sony ELF boot image"
_IDENT = b"\x7fELF\x01\x01\x01\x61"  # 32 bits, little-endian, version 1, the ABI is ARM's
_KIND = bytes((elf.ET_EXEC, 0, elf.EM_ARM, 0))  # type and machine, behind 16 bytes of identification
MAX_PARTS = 16  # Sony's images have up to six
_NAMES = {  # by the flags of a program header
    0x00000000: "kernel",
    0x80000000: "ramdisk",
    0x40000000: "ipl",
    0x20000000: "cmdline",
    0x01000000: "rpm",
    0x02000000: "appsbl",
}
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
    """Return True if `data` is an ELF file for ARM's own ABI, as only Sony's boot images are."""
    content = view(data)
    return content[: len(_IDENT)] == _IDENT and content[16:20] == _KIND


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
        name = _name(row.flags, [part.name for part in parts])
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


def _name(flags: int, used: list[str]) -> str:
    name = _NAMES.get(flags, "segment")
    return name if name not in used and name != "segment" else f"{name}{len(used)}"


def with_parts(image: SonyElf, contents: dict[str, Data]) -> SonyElf:
    """Return `image` with other contents of its parts, by name; parts behind one that grew move."""
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
