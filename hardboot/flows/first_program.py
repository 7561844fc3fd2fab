"""The ramdisk of a ROM with hb-init behind it, the program that runs before the ROM's own init."""

import itertools
from collections.abc import Mapping, Sequence

from hardboot.base import cmdline as cmdlines
from hardboot.base.errors import RefusedError
from hardboot.formats.archives import ramdisk, rootfs
from hardboot.formats.archives.cpio import S_IFREG, Entry
from hardboot.formats.archives.rootfs import Rootfs
from hardboot.formats.reading import Data
from hardboot.payload import hb_init

NAME = "rdinit"  # of the word that names the first program in a ramdisk
RDINIT = f"{NAME}={hb_init.RDINIT}"  # the word for its kernel command line
DEFAULT = "/init"  # Linux init/main.c, ramdisk_execute_command
_NOTHING: Mapping[str, bytes] = {}


def add(
    data: Data,
    arch: str,
    steps: Sequence[str],
    init: str,
    *,
    files: Mapping[str, bytes] = _NOTHING,
    changed: Mapping[str, bytes] = _NOTHING,
    elsewhere: bool = False,
) -> bytes:
    """Return a ramdisk with hb-init in an archive behind the others.

    Args:
        data: The ROM's own ramdisk.
        arch: "arm" or "arm64".
        steps: What hb-init does.
        init: Path of the ROM's own init.
        files: What the steps need, by name.
        changed: New content of files of the ramdisk, by their paths.
        elsewhere: That init lies in another root file system than the ramdisk.

    Raises:
        InputError: If it is not made of archives, or is damaged.
        RefusedError: If there is no init for hb-init to become, or another file of its name.
    """
    fragments, rest = ramdisk.parse(data)
    tree = tree_of(fragments)
    check_absent(tree)
    if not elsewhere:
        check_present(tree, init)
    entries = [*hb_init.entries(arch, steps, init, files)]
    entries += [Entry(path, S_IFREG | 0o640, content) for path, content in changed.items()]
    more = ramdisk.appended(fragments, entries)
    return b"".join((*ramdisk.build(more), bytes(rest)))


def check_absent(tree: Rootfs) -> None:
    """Refuse a ramdisk that has a file or folder of hb-init's name.

    Raises:
        RefusedError: If it has.
    """
    if tree.find(hb_init.FOLDER):
        raise RefusedError(
            f"the ramdisk has a /{hb_init.FOLDER} already",
            state="Nothing was sent.",
            fix="Use the ROM's own image, not one that hardboot made for the recovery partition.",
        )


def check_present(tree: Rootfs, init: str) -> None:
    """Refuse a ramdisk without the program that hb-init is to become.

    Raises:
        RefusedError: If there is none.
    """
    if not is_file(tree, init):
        raise RefusedError(
            f"there is no {init} in the ramdisk: the kernel would mount root= itself, which hb-init cannot",
            state="Nothing was sent.",
            fix="Boot it another way: hardboot boot IMAGE --dry-run shows which.",
        )


def command_line(append: str) -> str:
    """Return words for a kernel command line with hb-init as the first program, whatever else they name."""
    return " ".join([RDINIT, *(word for word in cmdlines.split(append) if cmdlines.key(word) != NAME)])


def named_in(cmdline: str) -> str | None:
    """Return the path of the first program that a kernel command line names; None if it names none."""
    words = itertools.takewhile(lambda word: word != "--", cmdlines.split(cmdline))  # init's words follow
    name = cmdlines.last_value(" ".join(words), NAME)
    return f"/{name.lstrip('/')}" if name else None  # the kernel starts it in the root folder


def tree_of(fragments: Sequence[ramdisk.Fragment]) -> Rootfs:
    """Return the root file system that the kernel makes of a ramdisk."""
    return rootfs.unpack(archive for fragment in fragments for archive in fragment.archives)


def is_file(tree: Rootfs, path: str) -> bool:
    """Return whether a path leads to a file, and can be written into a line of steps."""
    found = tree.find(path, follow=True)
    entry = found.node.entry if found else None
    return entry is not None and entry.is_file and path.isprintable()
