"""Trees to ask the status of: with another author's support, with ours, and changed by hand."""

from pathlib import Path

import kernel_trees as trees

from hardboot.patches.status import PlaceStatus, SupportStatus

MACHINE = "arch/arm/kernel/machine_kexec.c"
RELOCATE = "arch/arm/kernel/relocate_kernel.S"
HEAD = "arch/arm/boot/compressed/head.S"
MEMORY = "arch/arm/mach-msm/include/mach/memory.h"
NEEDED = ["flag", "kimage", "load", "prepare", "relocation", "decompressor", "kconfig"]
PLACES = [*NEEDED[:6], "reservation", "kconfig", "reset", "config"]


def foreign(folder: Path, *without: str) -> Path:
    """Return a tree with another author's support, but for some places."""
    places = {place: edits for place, edits in trees.FOREIGN.items() if place not in without}
    return trees.write(folder / "linux", trees.edited(trees.BASE, places))


def ours(folder: Path) -> Path:
    return trees.write(folder / "linux", trees.edited(trees.BASE, trees.OURS))


def change(tree: Path, name: str, old: str, new: str) -> None:
    text = (tree / name).read_text()
    assert old in text, text
    (tree / name).write_text(text.replace(old, new))


def states(found: SupportStatus) -> dict[str, str]:
    return {place.name: place.state for place in found.places}


def place(found: SupportStatus, name: str) -> PlaceStatus:
    return next(one for one in found.places if one.name == name)
