"""Extract a ramdisk into a folder."""

import errno
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import atomic_folder, naming
from hardboot.formats.archives import rootfs
from hardboot.formats.archives.compression import MAX_UNPACKED
from hardboot.formats.archives.cpio_changes import SEE_NAMES
from hardboot.formats.archives.rootfs import Ignored, Node, Parts, Rootfs
from hardboot.images.ramdisk import host_names
from hardboot.images.ramdisk.opening import permissions, read

_NAME_ERRORS = (errno.EINVAL, errno.EILSEQ, errno.ENAMETOOLONG)
_GIVE_NAMES = "Give the names of the files you need."

_Nodes = list[tuple[Parts, Node]]


@dataclass(frozen=True)
class Extracted:
    """Result of an extraction.

    Attributes:
        written: Number of files, folders and links written.
        left_out: Names of devices, pipes and sockets, which are not written.
        ignored: Entries that Linux cannot unpack either.
    """

    folder: Path
    written: int
    left_out: tuple[str, ...]
    ignored: tuple[Ignored, ...]


def extract(path: Path, folder: Path, names: Sequence[str] = ()) -> Extracted:
    """Extract the ramdisk at `path` into `folder`: all of it, or nothing.

    The result is what Linux makes of the ramdisk: a file behind a link to a folder is in that folder.
    Permissions are kept, with read and write for the owner added; owners are not. A file with several names
    becomes several files.

    Args:
        path: The ramdisk.
        folder: Must not exist or be empty.
        names: Files and folders to extract, with everything below them; none means all.

    Raises:
        InputError: If a name is not in the ramdisk or this computer cannot hold it, or it cannot be written.
    """
    ramdisk = read(path)
    with naming(path):
        tree = rootfs.unpack(ramdisk.archives)
        nodes = _chosen(tree, names)
        _check_names(nodes)
    size = sum(len(node.data) for _, node in nodes)
    if size > MAX_UNPACKED:
        raise InputError(
            f"{size} bytes with every name of a file counted, the limit is {MAX_UNPACKED}",
            file=str(path),
            state="Nothing was written.",
            fix=_GIVE_NAMES,
        )
    with atomic_folder(folder) as made, naming(path):
        written = _write(made, nodes)
    left_out = tuple("/".join(parts) for parts, node in nodes if _is_special(node))
    return Extracted(folder, written, left_out, tuple(tree.ignored))


def _chosen(tree: Rootfs, names: Sequence[str]) -> _Nodes:
    """Return what is called one of `names` or is below it, and the links to it; all if there are no names."""
    wanted: set[Parts] = set()
    for name in names:
        found = tree.find(name)
        if found is None:
            raise InputError(
                f"{name[:80]!r} is not in the ramdisk", state="Nothing was written.", fix=SEE_NAMES
            )
        wanted |= {found.parts, *found.links}
    if not names:
        return list(tree.walk())
    return [
        (parts, node)
        for parts, node in tree.walk()
        if any(parts[:depth] in wanted for depth in range(len(parts) + 1))
    ]


def _check_names(nodes: _Nodes) -> None:
    """Refuse what this computer's file systems cannot hold."""
    for part in dict.fromkeys(part for parts, node in nodes if not _is_special(node) for part in parts):
        problem = host_names.problem_of(part)
        if problem:
            raise InputError(
                f"{part[:80]!r} cannot be written: {problem}",
                state="Nothing was written.",
                fix=f"{_GIVE_NAMES} Linux and macOS can hold all of them.",
            )


def _is_special(node: Node) -> bool:
    entry = node.entry
    return not (entry is None or entry.is_folder or entry.is_file or entry.is_link)


def _write(root: Path, nodes: _Nodes) -> int:
    """Write `nodes` below `root`, an empty folder, and follow no link; return how many have an entry."""
    folders: set[Parts] = set()
    written = 0
    for parts, node in nodes:
        if _is_special(node):
            continue
        for above in (parts[:depth] for depth in range(1, len(parts))):
            if above not in folders:  # it is not extracted itself
                _write_node(root, above, Node(None))
                folders.add(above)
        _write_node(root, parts, node)
        if node.is_folder:
            folders.add(parts)
        written += node.entry is not None
    return written


def _write_node(root: Path, parts: Parts, node: Node) -> None:
    path = root.joinpath(*parts)
    try:
        if node.is_folder:
            path.mkdir()
        elif node.is_link:
            path.symlink_to(os.fsdecode(bytes(node.data)))
        else:
            with path.open("xb") as stream:
                stream.write(node.data)
    except FileExistsError as error:
        raise _refused(parts, "and another name are the same here: this file system ignores case") from error
    except OSError as error:
        if error.errno not in _NAME_ERRORS:
            raise
        reason = error.strerror or str(error)
        raise _refused(parts, f"cannot be written: {reason[:1].lower()}{reason[1:]}") from error
    if node.entry is not None and not node.is_link:
        path.chmod(permissions(node.entry))


def _refused(parts: Parts, problem: str) -> InputError:
    name = "/".join(parts)
    return InputError(f"{name[:80]!r} {problem}", state="Nothing was written.", fix=_GIVE_NAMES)
