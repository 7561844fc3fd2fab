"""Images of every kind behind a maker's header that states their size: MediaTek's, or a DHTB header."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from hardboot.formats import sniff
from hardboot.formats.avb.vbmeta import VBMETA_MAGIC, parse_footer
from hardboot.formats.boot import wrappers
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container, Rebuilt
from hardboot.formats.reading import Data, malformed


@dataclass(frozen=True)
class _Header:
    """A kind of header.

    Attributes:
        size: Bytes.
        suffix: Of the kind of a container with this header.
    """

    size: int
    suffix: str


_HEADERS: Mapping[str, _Header] = {
    sniff.MTK_PART: _Header(wrappers.MTK_SIZE, ", MediaTek header"),
    sniff.DHTB_IMAGE: _Header(wrappers.DHTB_SIZE, ", DHTB header"),
}


def is_wrapped(data: memoryview) -> bool:
    """Return whether `data` begins with a header for `open_wrapped`; that of a boot image belongs to it."""
    header = _HEADERS.get(sniff.sniff(data) or "")
    return header is not None and not _is_boot_lead(data, header)


def _is_boot_lead(data: memoryview, header: _Header) -> bool:
    content = data[header.size :]
    boot = sniff.sniff(content) == sniff.BOOT_IMAGE and not wrappers.is_amonet(content)
    return boot and wrappers.is_dhtb(data)


def split(data: memoryview) -> tuple[memoryview, memoryview]:
    """Split a file into its header and the image behind it.

    Raises:
        InputError: If another header or a sparse image follows.
    """
    kind = sniff.sniff(data) or ""
    size = _HEADERS[kind].size
    inner = sniff.sniff(data[size:])
    if inner in (*_HEADERS, sniff.SPARSE_IMAGE):
        problem = f"it is {sniff.described(data[size:])}"
        fix = f"Take the first {size} bytes off, and try again."
        raise malformed(kind, "content", size, problem, fix=fix)
    return data[:size], data[size:]


def footer_base(data: memoryview) -> int:
    """Return from which offset an AVB footer counts: 0, or that of an image signed without the header."""
    footer = parse_footer(data)
    if footer is None or _is_vbmeta(data, footer.vbmeta_offset):
        return 0
    size = len(split(data)[0])
    return size if _is_vbmeta(data, size + footer.vbmeta_offset) else 0


def _is_vbmeta(data: memoryview, offset: int) -> bool:
    return data[offset : offset + len(VBMETA_MAGIC)] == VBMETA_MAGIC


def open_wrapped(data: memoryview, open_inner: Callable[[memoryview, int], Container]) -> Container:
    """Take an image behind a header apart.

    Args:
        data: A file for which `is_wrapped` is true.
        open_inner: Takes the image apart, given it and the bytes in front of it from which a footer counts.

    Raises:
        InputError: If another header follows, or as `open_inner`.
    """
    header, content = split(data)
    inner = open_inner(content, len(header) - footer_base(data))

    def rebuild(changes: Changes) -> Rebuilt:
        rebuilt = inner.rebuild(changes)
        new = _header(bytes(header), len(content), rebuilt.growth, lambda: inner.rebuild(changes).chunks)
        return replace(rebuilt, chunks=chain([new], rebuilt.chunks))

    return replace(
        inner,
        kind=inner.kind + _HEADERS[sniff.sniff(data) or ""].suffix,
        parts=_moved(inner.parts, len(header)),
        rebuild=rebuild,
    )


def open_wrapped_frame(
    kind: str,
    data: memoryview,
    parts: tuple[Part, ...],
    open_inner: Callable[[str, memoryview, tuple[Part, ...], int], Container],
) -> Container | None:
    """Open an image behind a header whose parts were replaced by zeros; None if `kind` names no header.

    Args:
        kind: As the image's container had it.
        data: The file.
        parts: As the image's container had them.
        open_inner: Opens the image behind the header, from the same of it; otherwise as for `open_wrapped`.

    Raises:
        InputError: If the header is another one, or as `open_inner`.
    """
    name = next((name for name, header in _HEADERS.items() if kind.endswith(header.suffix)), None)
    if name is None:
        return None
    if sniff.sniff(data) != name:
        raise malformed(kind, "header", 0, f"this is {sniff.described(data)}")
    header = _HEADERS[name]
    inner_kind = kind.removesuffix(header.suffix)
    inner_parts = _moved(parts, -header.size)
    return open_wrapped(data, lambda content, base: open_inner(inner_kind, content, inner_parts, base))


def _moved(parts: tuple[Part, ...], by: int) -> tuple[Part, ...]:
    return tuple(replace(part, offset=part.offset + by) for part in parts)


def _header(old: bytes, old_size: int, growth: int, content: Callable[[], Iterator[Data]]) -> bytes:
    """Return the header for another content; a size of less than all that follows grows with the image.

    Args:
        old: The header.
        old_size: Bytes that followed it.
        growth: Bytes by which the image grew, without what follows it in the partition.
        content: Returns all that follows the header now.
    """
    if wrappers.is_dhtb(old):
        return wrappers.dhtb_header(old, content(), growth)
    whole = wrappers.mtk_size(old) == old_size
    new_size = sum(len(chunk) for chunk in content()) if whole else old_size + growth
    return wrappers.mtk_header(old, old_size, new_size)
