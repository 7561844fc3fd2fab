"""Describe the parts of an image, the headers in front of them, and the bytes behind them."""

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.binary_record import BinaryRecord
from hardboot.formats.boot import tail, wrappers
from hardboot.formats.boot.paged import Part
from hardboot.formats.reading import Data, sha256, view
from hardboot.images.describe.document import UNSIGNED, Document, Signed


def describe_part(
    part: Part, lead_size: int, address: int | None, padding: bytes, signed: Signed = UNSIGNED
) -> Document:
    """Describe a part; damage in it is its `problem`, so that the rest can be shown.

    Args:
        part: Its offset counts from the end of the lead.
        lead_size: Bytes in front of the image.
        address: Physical load address; None if the header has none.
        padding: Behind the part, where it is not zeros.
        signed: What a signature among the parts is over.
    """
    document: Document = {
        "name": part.name,
        "offset": part.offset + lead_size,
        "size": len(part.data),
        "address": address,
        "sha256": sha256(part.data),
        "padding": "other" if padding else "zeros",
    }
    if not len(part.data):
        return {**document, "kind": None}
    data = view(part.data)
    mtk = wrappers.split_mtk(data)
    if mtk:
        document["mtk"] = {"name": mtk.name, "size": len(mtk.data), "sha256": sha256(mtk.data)}
        data = mtk.data
    kind = sniff.sniff(data)
    from hardboot.images.describe.contents import describe_content

    try:
        document |= describe_content(kind, data, signed) or {"kind": kind}
    except InputError as error:
        document |= {"kind": kind, "problem": error.what}
    if mtk and mtk.warning:
        document["warning"] = "; ".join(filter(None, (mtk.warning, document.get("warning"))))
    return document


def describe_header(data: bytes, kind: type[BinaryRecord]) -> Document:
    """Describe the fields of a header as stored, without those that the image's document has as text."""
    header = kind.parse(view(data.ljust(kind.SIZE, b"\0")))
    values = {name: getattr(header, name) for name in kind.names()}
    return {
        name: value.rstrip(b"\0").hex() if isinstance(value, bytes) else value
        for name, value in values.items()
        if name not in ("magic", "cmdline", "extra_cmdline", "name", "id")
    }


def describe_tail(data: Data, offset: int, signed: Signed) -> Document:
    """Describe what follows the last part.

    Args:
        data: The tail.
        offset: Of the tail in the file.
        signed: The whole file, which a signature in the tail is over.
    """
    items = []
    for item in tail.items(data, offset):
        row: Document = {"kind": item.name, "offset": offset + item.offset, "size": item.size}
        if item.name == tail.VBMETA:
            from hardboot.images.describe.vbmeta import describe_vbmeta

            try:
                row |= describe_vbmeta(signed.image[row["offset"] : row["offset"] + item.size], signed)
            except InputError as error:
                row["problem"] = error.what
        items.append(row)
    return {"trailing_size": len(data), "trailing": items, "signed": tail.is_signed(data, offset)}


def describe_dhtb(data: memoryview) -> Document:
    """Describe the DHTB header in front of an image, or behind it."""
    document: Document = {"kind": "DHTB header", "size": wrappers.DHTB_SIZE}
    try:
        read = wrappers.read_dhtb if wrappers.is_dhtb(data) else wrappers.read_dhtb_behind
        check = read(data)
    except InputError as error:
        return {**document, "problem": error.what}
    return {
        **document,
        "covers": check.size,
        "sha256": check.stored.hex(),
        "computed": check.computed.hex(),
        "matches": check.stored == check.computed,
    }
