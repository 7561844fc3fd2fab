"""What `hardboot info` prints of a download: its images and file trees, and why some cannot be read."""

from hardboot.base.errors import InputError
from hardboot.base.sizes import human_size
from hardboot.commands import infopage
from hardboot.commands.common import count
from hardboot.commands.text_output import TextOutput
from hardboot.downloads import Download, ImageSource
from hardboot.formats.sniff import SUPER_IMAGE, sniff
from hardboot.images.describe import Document

_SUPER_NOTE = "system, vendor and others are in it: lpunpack takes them out"


def describe(download: Download) -> Document:
    """Describe what is in a download; of an image only the first bytes are read."""
    return {
        "kind": download.kind,
        "contents": [_image(image) for _, image in sorted(download.images.items())],
        "refused": {
            name: {"problem": error.what, "fix": error.fix}
            for name, error in sorted(download.refused.items())
        },
        "trees": {
            name: {"packing": list(tree.packing), "count": tree.count, "size": tree.size, "note": tree.note}
            for name, tree in download.trees.items()
        },
    }


def _image(image: ImageSource) -> Document:
    document: Document = {
        "name": image.name,
        "size": image.stated_size,
        "packing": list(image.packing),
        "sha256": image.sha256,
    }
    try:
        kind = sniff(image.head or next(image.blocks(), b""))
    except InputError as error:
        return {**document, "kind": None, "note": None, "problem": error.what}
    return {**document, "kind": kind, "note": _SUPER_NOTE if kind == SUPER_IMAGE else image.note}


def show(document: Document) -> None:
    """Print the document of a download."""
    out = TextOutput()
    out.heading(f"{document['path']}: {document['kind']}")
    if document["contents"]:
        rows = [
            (row["name"], _size(row["size"]), ", ".join(row["packing"]) or "plain", _content(row))
            for row in document["contents"]
        ]
        out.table(("image", "size", "packed as", "content"), rows, right=1)
        hashes = [(row["name"], row["sha256"]) for row in document["contents"] if row["sha256"]]
        if hashes:
            out.print()
            out.table(("image", "SHA-256 stated"), hashes, right=0)
    for name, tree in document["trees"].items():
        packed = ", ".join(tree["packing"])
        note = f"; {tree['note']}" if tree["note"] else ""
        files = count(tree["count"], "file", "files and folders")
        out.rows([(name, f"file tree, {files}, {human_size(tree['size'])} ({packed}){note}")])
    for name, refused in document["refused"].items():
        out.rows([(name, f"cannot be read: {refused['problem']}"), ("", f"to do: {refused['fix']}")])
    if not document["contents"] and not document["trees"] and not document["refused"]:
        out.rows([("images", "none")])
    if document["rom"]:
        out.print()
        infopage.show_set(document)


def _size(size: int | None) -> str:
    return "not stated" if size is None else human_size(size)


def _content(row: Document) -> str:
    if "problem" in row:
        return f"damaged: {row['problem']}"
    note = f" ({row['note']})" if row["note"] else ""
    return f"{row['kind'] or 'unknown'}{note}"
