"""Rockchip's resource images (RSCE): device trees and pictures, in a partition or as a boot image's `second`.

Sources: Rockchip's kernels, scripts/resource_tool.c (the header; before hashes came, a path had 256 bytes);
its U-Boot, arch/arm/mach-rockchip/resource_img.c (hashes are over a file's content). Places are in blocks of
512 bytes, sizes of files in bytes.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated

from construct import Bytes

from hardboot.base.sizes import align_up
from hardboot.formats.binary_record import U8, BinaryRecord, Le16, Le32
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.text_field import kept_text, read_text

RSCE_MAGIC = b"RSCE"
BLOCK = 512  # bytes
MAX_FILES = 1024  # resource_tool's pictures of a charging battery are the most: some thirty

_ENTRY_MAGIC = b"ENTR"
_HASHES = {20: "sha1", 32: "sha256"}  # by their size
_WHAT = "Rockchip resource image"


@dataclass(frozen=True)
class RsceHeader(BinaryRecord, what=_WHAT):
    """The header.

    Attributes:
        header_blocks: Blocks of the header.
        table_block: The block where the entries begin.
        entry_blocks: Blocks of an entry.
    """

    magic: Annotated[bytes, Bytes(4)]
    version: Le16
    table_version: Le16
    header_blocks: U8
    table_block: U8
    entry_blocks: U8
    padding: U8
    count: Le32


@dataclass(frozen=True)
class RsceEntry(BinaryRecord, what=_WHAT):
    """A file.

    Attributes:
        hash_size: Bytes of `hash` in use; 0 if there is none.
        block: The block where its content begins.
        size: Bytes of its content.
    """

    magic: Annotated[bytes, Bytes(4)]
    path: Annotated[bytes, Bytes(220)]
    hash: Annotated[bytes, Bytes(32)]
    hash_size: Le32
    block: Le32
    size: Le32

    @property
    def name(self) -> str:
        """Its path."""
        return read_text(self.path)

    def computed_hash(self, content: Data) -> bytes | None:
        """Return the hash over `content` as the entry stores one; None if it stores none."""
        name = _HASHES.get(self.hash_size)
        return hashlib.new(name, content).digest() if name else None

    def matches(self, content: Data) -> bool | None:
        """Return whether the entry's hash is that of `content`; None if it stores none."""
        computed = self.computed_hash(content)
        return None if computed is None else computed == self.hash[: self.hash_size]


@dataclass(frozen=True)
class Rsce:
    """A resource image.

    Attributes:
        entries: Its files, in the order of its table.
        contents: Of each file. Views.
        head: Everything in front of the first content.
        end: Offset of what follows the last content and its padding.
    """

    header: RsceHeader
    entries: tuple[RsceEntry, ...]
    contents: tuple[memoryview, ...] = field(repr=False)
    head: bytes = field(repr=False)
    end: int


def parse(data: Data) -> Rsce:
    """Read a resource image; hashes are not compared.

    Raises:
        InputError: If it is something else, or an entry is damaged or points outside of it.
    """
    whole = view(data)
    header = RsceHeader.parse(whole)
    if header.magic != RSCE_MAGIC:
        raise malformed(_WHAT, "magic", 0, f"{header.magic!r}, not {RSCE_MAGIC!r}")
    start, step = header.table_block * BLOCK, header.entry_blocks * BLOCK
    table_end = start + header.count * step
    if not start or not step or header.count > MAX_FILES or table_end > len(whole):
        problem = f"{header.count} entries of {step} bytes from {start:#x} do not fit into {len(whole)}"
        raise malformed(_WHAT, "entries", header.offset_of("count"), problem)
    entries = []
    contents = []
    for at in range(start, table_end, step):
        entry = RsceEntry.parse(whole, at)
        first = entry.block * BLOCK
        if entry.magic != _ENTRY_MAGIC:
            raise malformed(_WHAT, "entry", at, f"magic {entry.magic!r}, not {_ENTRY_MAGIC!r}")
        if entry.size and not table_end <= first <= first + entry.size <= len(whole):
            problem = f"{entry.size} bytes from {first:#x}, outside of {table_end:#x} to {len(whole):#x}"
            raise malformed(_WHAT, "entry", at, problem)
        entries.append(entry)
        contents.append(whole[first : first + entry.size])
    places = [entry.block * BLOCK for entry in entries if entry.size]
    ends = [entry.block * BLOCK + entry.size for entry in entries if entry.size]
    end = min(align_up(max(ends, default=table_end), BLOCK), len(whole))
    head = bytes(whole[: min(places, default=table_end)])
    return Rsce(header, tuple(entries), tuple(contents), head, end)


def build(image: Rsce, names: Sequence[str], contents: Sequence[Data]) -> bytes:
    """Return a resource image with other names and contents of its files; hashes are computed.

    The files follow each other in the order in which the old ones do.

    Raises:
        InputError: If a name or a number does not fit into its field.
    """
    out = bytearray(image.head.ljust(align_up(len(image.head), BLOCK), b"\0"))
    step = image.header.entry_blocks * BLOCK
    order = sorted(range(len(image.entries)), key=lambda index: image.entries[index].block)
    for index in order:
        old, content = image.entries[index], bytes(view(contents[index]))
        at = image.header.table_block * BLOCK + index * step
        path = kept_text(old.path, names[index], _WHAT, "path", at + old.offset_of("path"))
        entry = replace(old, path=path, block=len(out) // BLOCK, size=len(content))
        digest = entry.computed_hash(content)
        if digest is not None:
            entry = replace(entry, hash=digest.ljust(len(entry.hash), b"\0"))
        out[at : at + entry.SIZE] = entry.build()
        out += content.ljust(align_up(len(content), BLOCK), b"\0")
    return bytes(out)
