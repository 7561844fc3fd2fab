"""A device tree as files, one a property, as Linux shows it in /proc/device-tree: in a tar or one by one.

Memory reservations are not among them, and phandles only where the tree states them.
"""

import io
import tarfile
from collections.abc import Iterable, Iterator

from hardboot.formats.reading import Data, malformed
from hardboot.formats.trees.fdt_header import MAX_SIZE
from hardboot.formats.trees.tree import MAX_NODES, Fdt

WHAT = "device tree files"
# Linux shows every node's name as a property, too (drivers/of/fdt.c populate_properties()).
_NAME = "name"


def parse_tar(data: Data) -> Fdt:
    """Read an uncompressed tar of the folder; links and devices in it are ignored.

    Raises:
        InputError: If it is not a tar, is truncated, or has no properties or more than a tree may have.
    """
    return build(_members(data))


def build(files: Iterable[tuple[str, bytes]]) -> Fdt:
    """Return the tree of these properties, each with its path below the root node.

    Raises:
        InputError: If a path leaves the folder, or there are none or more than a tree may have.
    """
    tree = Fdt()
    size = count = 0
    for path, value in files:
        names = [name for name in path.split("/") if name not in ("", ".")]
        if not names or ".." in names:
            raise malformed(WHAT, "path", 0, f"{path[:80]!r} is not a property of a node")
        count += len(names)
        size += len(value)
        if count > 4 * MAX_NODES or size > MAX_SIZE:
            raise malformed(WHAT, "size", 0, f"more than {4 * MAX_NODES} names or {MAX_SIZE} bytes")
        node = tree.ensure("/" + "/".join(names[:-1]))
        if names[-1] != _NAME:
            node.properties[names[-1]] = value
    if not count:
        raise malformed(WHAT, "size", 0, "it has no properties")
    return tree


def _members(data: Data) -> Iterator[tuple[str, bytes]]:
    try:
        with tarfile.open(fileobj=io.BytesIO(bytes(data)), mode="r:") as archive:
            for member in archive:
                if not member.isreg() or member.issparse() or member.size > len(data):
                    continue
                stream = archive.extractfile(member)
                yield member.name, stream.read() if stream else b""
    except (tarfile.TarError, OSError, ValueError, OverflowError, EOFError) as error:
        raise malformed(WHAT, "tar", 0, str(error)) from error
