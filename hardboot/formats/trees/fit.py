"""U-Boot's FIT images (.itb, boot.img of newer Rockchips): a device tree whose nodes are kernels and more.

Source: U-Boot doc/usage/fit/source_file_format.rst and include/image.h (names of properties); data is in the
tree, or behind it ("external", mkimage -E). The tree is only walked, as data in it can have any size.
"""

import hashlib
import zlib
from dataclasses import dataclass, field

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.trees import fdt_header
from hardboot.formats.trees.fdt_header import BEGIN_NODE, END_NODE, PROP, FdtHeader
from hardboot.formats.trees.fdt_tokens import value, walk

MAX_SIZE = 1 << 30  # bytes of the tree with the data in it
MAX_IMAGES = 256
_MAX_HASHES = 16  # of one image
_TEXT_SIZE = 256  # bytes; longer texts are cut
_WHAT = "U-Boot FIT image"
_DEPTH = 4  # of the nodes of hashes: root, images, an image, a hash
_DIGESTS = ("md5", "sha1", "sha256", "sha384", "sha512")


@dataclass(frozen=True)
class FitHash:
    """A hash of an image.

    Attributes:
        algorithm: As U-Boot names it, such as "sha256".
        value: The hash that is stated.
        offset: Of the value in the FIT, in bytes.
    """

    algorithm: str
    value: bytes
    offset: int

    def computed(self, content: Data) -> bytes | None:
        """Return the hash over `content`; None if the algorithm is unknown."""
        if self.algorithm == "crc32":
            return zlib.crc32(content).to_bytes(4, "big")
        return hashlib.new(self.algorithm, content).digest() if self.algorithm in _DIGESTS else None


@dataclass(frozen=True)
class FitPlace:
    """Where the numbers of data behind the tree are, as offsets in the FIT, in bytes.

    Attributes:
        size_at: Of data-size.
        start_at: Of data-offset or data-position.
        base: What the start counts from: the end of the tree, or 0.
    """

    size_at: int
    start_at: int
    base: int


@dataclass(frozen=True)
class FitImage:
    """A file in a FIT.

    Attributes:
        type: As U-Boot names it: "kernel", "flat_dt", "ramdisk", "firmware".
        compression: As U-Boot names it, such as "none" or "gzip".
        offset: Of its content in the FIT, in bytes.
        data: Its content.
        place: Of the numbers of data behind the tree; None if the data is inside of it.
        signed: Whether it has a signature.
    """

    name: str
    type: str
    description: str
    compression: str
    offset: int
    data: memoryview = field(repr=False)
    place: FitPlace | None = None
    hashes: tuple[FitHash, ...] = ()
    signed: bool = False


@dataclass(frozen=True)
class Fit:
    """A FIT: its images, the names of the configurations that combine them, and whether these are signed."""

    description: str
    images: tuple[FitImage, ...]
    configurations: tuple[str, ...]
    default: str
    signed: bool
    header: FdtHeader


@dataclass
class _Node:
    """A node while the tree is walked: where the values of its properties are."""

    name: str
    values: dict[str, slice] = field(default_factory=dict)
    children: list["_Node"] = field(default_factory=list)


def parse(data: Data) -> Fit | None:
    """Read a FIT; None if it is another device tree, or a damaged one.

    Raises:
        InputError: If an image does not lie inside of `data`, or they overlap.
    """
    whole = view(data)
    try:
        head = fdt_header.read(whole, limit=MAX_SIZE)
        root = _read_nodes(whole, head)
    except InputError:
        return None
    folders = {node.name: node for node in root.children}
    if "images" not in folders or not folders["images"].children:
        return None
    nodes = folders["images"].children
    if len(nodes) > MAX_IMAGES:
        raise malformed(_WHAT, "images", head.structure.start, f"{len(nodes)}, the limit is {MAX_IMAGES}")
    images = tuple(_image(whole, node, align_up(head.totalsize, 4)) for node in nodes)
    if sum(len(image.data) for image in images) > len(whole):  # each is hashed
        raise malformed(_WHAT, "images", head.structure.start, "they overlap")
    choices = folders.get("configurations", _Node(""))
    return Fit(
        description=_text(whole, root, "description"),
        images=images,
        configurations=tuple(node.name for node in choices.children),
        default=_text(whole, choices, "default"),
        signed=any(_is_signed(node) for node in choices.children),
        header=head,
    )


def _read_nodes(data: memoryview, head: FdtHeader) -> _Node:
    """Return the root node with those below it, down to hashes, and no more of them than a FIT may have."""
    top = _Node("")
    stack: list[_Node | None] = [top]
    count = 0
    for kind, name, here, size in walk(data, head):
        parent = stack[-1]
        if kind == BEGIN_NODE:
            count += 1
            kept = parent is not None and len(stack) <= _DEPTH and count <= MAX_IMAGES * _MAX_HASHES
            node = _Node(name) if kept else None
            if node is not None and parent is not None:
                parent.children.append(node)
            stack.append(node)
        elif kind == END_NODE:
            if len(stack) == 1:
                raise malformed(_WHAT, "structure", here, "a node ends that never began")
            stack.pop()
        elif kind == PROP and parent is not None:
            parent.values[name] = value(here, size)
    return top.children[0] if top.children else top


def _image(data: memoryview, node: _Node, external: int) -> FitImage:
    """Return the image of a node; data behind the tree is counted from `external`."""
    span, place = node.values.get("data"), None
    if span is None:
        name, base = ("data-position", 0) if "data-position" in node.values else ("data-offset", external)
        nowhere = slice(0, 0)
        size_at, start_at = (node.values.get(key, nowhere).start for key in ("data-size", name))
        place = FitPlace(size_at, start_at, base)
        size, start = _number(data, node, "data-size"), base + _number(data, node, name)
        if start + size > len(data):
            problem = f"{size} bytes from {start:#x}, the file ends at {len(data):#x}"
            raise malformed(_WHAT, f"image {node.name}", start, problem)
        span = slice(start, start + size)
    below = [child for child in node.children if child.name.startswith("hash")][:_MAX_HASHES]
    return FitImage(
        name=node.name,
        type=_text(data, node, "type"),
        description=_text(data, node, "description"),
        compression=_text(data, node, "compression") or "none",
        offset=span.start,
        data=data[span],
        place=place,
        hashes=tuple(_hash(data, one) for one in below),
        signed=_is_signed(node),
    )


def _is_signed(node: _Node) -> bool:
    return any(child.name.startswith("signature") for child in node.children)


def _hash(data: memoryview, node: _Node) -> FitHash:
    offset = node.values.get("value", slice(0, 0)).start
    return FitHash(_text(data, node, "algo"), _bytes(data, node, "value"), offset)


def _bytes(data: memoryview, node: _Node, name: str) -> bytes:
    span = node.values.get(name, slice(0, 0))
    return bytes(data[span.start : min(span.stop, span.start + _TEXT_SIZE)])


def _text(data: memoryview, node: _Node, name: str) -> str:
    return _bytes(data, node, name).partition(b"\0")[0].decode("utf-8", "replace")


def _number(data: memoryview, node: _Node, name: str) -> int:
    return int.from_bytes(_bytes(data, node, name)[:4], "big")
