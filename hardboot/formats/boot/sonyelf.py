"""Sony's boot images: an ELF file whose program headers are the parts of a boot image.

Sources: DualBootPatcher libmbbootimg, sony_elf_{glibc_p.h,writer.cpp} (types, flags, and that parts are not
padded); Sony's own images leave gaps between them.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

from hardboot.base.sizes import align_up
from hardboot.formats.boot.paged import Part
from hardboot.formats.header import Layout
from hardboot.formats.reading import Data, malformed, view, windows

_WHAT = "Sony ELF boot image"
_IDENT = b"\x7fELF\x01\x01\x01\x61"  # 32 bits, little-endian, version 1, the ABI is ARM's
MAX_PARTS = 16  # Sony's have up to six
_FILE = Layout(
    _WHAT,
    "<",
    ("ident", "16s"),
    ("type", "H"),
    ("machine", "H"),
    ("version", "I"),
    ("entry", "I"),
    ("phoff", "I"),
    ("shoff", "I"),
    ("flags", "I"),
    ("ehsize", "H"),
    ("phentsize", "H"),
    ("phnum", "H"),
    ("shentsize", "H"),
    ("shnum", "H"),
    ("shstrndx", "H"),
)
_SEGMENT = Layout(
    _WHAT,
    "<",
    *((name, "I") for name in ("type", "offset", "vaddr", "paddr", "filesz", "memsz", "flags", "align")),
)
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
class Segment:
    """One part: its name, where it lies in the file, the physical address it is loaded to."""

    name: str
    offset: int
    addr: int
    data: Data = field(repr=False)


@dataclass(frozen=True)
class SonyElf:
    """A Sony boot image.

    Attributes:
        segments: In the order of their program headers.
        entry: Physical address the kernel is started at.
        lead: All in front of the first segment: the headers, and what else is there.
        gaps: What lies between segments, by their order in the file, and in the end behind the last one.
    """

    segments: tuple[Segment, ...]
    entry: int
    lead: bytes = field(repr=False)
    gaps: tuple[Data, ...] = field(repr=False)

    @property
    def parts(self) -> tuple[Part, ...]:
        """The segments in file order."""
        return tuple(Part(one.name, one.offset, one.data) for one in _in_file_order(self.segments))


def _in_file_order(segments: tuple[Segment, ...]) -> list[Segment]:
    return sorted(segments, key=lambda one: one.offset)


def is_sony_elf(data: Data) -> bool:
    """True if `data` is an ELF file as only Sony's boot images are."""
    seen = view(data)
    return seen[: len(_IDENT)] == _IDENT and bytes(seen[16:20]) == b"\x02\0\x28\0"


def parse(data: Data) -> SonyElf:
    """Read a Sony boot image; its parts are views into `data`.

    Raises:
        InputError: If it is something else, cut off, or its parts overlap.
    """
    seen = view(data)
    if not is_sony_elf(seen):
        raise malformed(_WHAT, "magic", 0, "this is another file", fix="Give a boot image of a Sony phone.")
    head = _FILE.parse(seen)
    if head["phentsize"] != _SEGMENT.size or not 0 < head["phnum"] <= MAX_PARTS:
        problem = f"{head['phnum']} program headers of {head['phentsize']} bytes"
        raise malformed(_WHAT, "phnum", _FILE.offsets["phnum"], problem)
    table_end = head["phoff"] + head["phnum"] * _SEGMENT.size
    segments: list[Segment] = []
    for index in range(head["phnum"]):
        at = head["phoff"] + index * _SEGMENT.size
        entry = _SEGMENT.parse(seen, at)
        end = entry["offset"] + entry["filesz"]
        if end > len(seen):
            problem = f"{entry['filesz']} bytes from {entry['offset']:#x}, the file ends at {len(seen):#x}"
            raise malformed(_WHAT, "filesz", at + _SEGMENT.offsets["filesz"], problem)
        name = _name(entry, [one.name for one in segments])
        segments.append(Segment(name, entry["offset"], entry["paddr"], seen[entry["offset"] : end]))
    gaps, end = [], max(table_end, _FILE.size)
    ordered = _in_file_order(tuple(segments))
    lead = bytes(seen[: max(end, ordered[0].offset)])
    end = len(lead)
    for one in ordered:
        if one.offset < end:
            raise malformed(_WHAT, "offset", one.offset, f"{one.name} begins inside of what ends at {end:#x}")
        if one is not ordered[0]:
            gaps.append(bytes(seen[end : one.offset]))
        end = one.offset + len(one.data)
    return SonyElf(tuple(segments), head["entry"], lead, (*gaps, seen[end:]))


def _name(entry: dict[str, Any], taken: list[str]) -> str:
    name = _NAMES.get(entry["flags"], "segment")
    return name if name not in taken and name != "segment" else f"{name}{len(taken)}"


def with_parts(image: SonyElf, parts: dict[str, Data]) -> SonyElf:
    """`image` with the data of its segments replaced by name; segments behind one that grew move."""
    segments = {one.name: replace(one, data=parts[one.name]) for one in image.segments}
    moved, end = 0, 0
    ordered = _in_file_order(image.segments)
    gaps = list(image.gaps)
    for index, old in enumerate(ordered):
        offset = max(old.offset + moved, end)
        segments[old.name] = replace(segments[old.name], offset=offset)
        end = offset + len(segments[old.name].data)
        if len(segments[old.name].data) != len(old.data) and index + 1 < len(ordered):
            following = ordered[index + 1].offset
            start = end if following == old.offset + len(old.data) else align_up(end, _PAGE)
            gaps[index] = bytes(start - end)
            moved = start - following
    return replace(image, segments=tuple(segments[one.name] for one in image.segments), gaps=tuple(gaps))


def build(image: SonyElf) -> Iterator[Data]:
    """The file, in chunks; sizes are computed, offsets are those of the segments.

    Raises:
        InputError: If a value does not fit into its field.
    """
    lead = bytearray(image.lead)
    head = _FILE.parse(view(image.lead))
    lead[: _FILE.size] = _FILE.build({**head, "entry": image.entry})
    for index, one in enumerate(image.segments):
        at = head["phoff"] + index * _SEGMENT.size
        was = _SEGMENT.parse(view(image.lead), at)
        now = {**was, "offset": one.offset, "paddr": one.addr, "filesz": len(one.data)}
        if was["filesz"] != len(one.data):
            now["memsz"] = len(one.data)
        if was["vaddr"] == was["paddr"]:
            now["vaddr"] = one.addr
        lead[at : at + _SEGMENT.size] = _SEGMENT.build(now)
    return _chunks(bytes(lead), image)


def _chunks(lead: bytes, image: SonyElf) -> Iterator[Data]:
    yield lead
    for one, gap in zip(_in_file_order(image.segments), image.gaps, strict=True):
        yield from windows(one.data)
        yield from windows(gap)
