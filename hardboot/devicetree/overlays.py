"""Choose the overlays that a bootloader applies to a device tree, and apply them: libfdt does that."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hardboot.base.errors import RefusedError, ToolError
from hardboot.devicetree.candidate import Candidate, PhoneIds
from hardboot.devicetree.matching import match
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt
from hardboot.formats.trees.tree import WORD

_ROOM = 4096  # bytes; for phandles and names that libfdt adds
_TOTALSIZE = slice(4, 8)  # of the header


@dataclass(frozen=True)
class Overlays:
    """The overlays that a device tree gets.

    Attributes:
        trees: In the order in which they are applied.
        reason: Which they are and why, for people.
    """

    trees: tuple[Fdt, ...] = field(repr=False)
    reason: str


def choose_overlays(
    candidates: Sequence[Candidate], phone: PhoneIds, indexes: tuple[int, ...] | None
) -> Overlays:
    """Choose overlays by their index, as the bootloader told its kernel, else by the phone's ids.

    Args:
        candidates: The overlays of the table.
        phone: The phone's ids.
        indexes: Those of androidboot.dtbo_idx; None if the bootloader told none.

    Raises:
        RefusedError: If it is not clear which ones the bootloader applies.
        InputError: If a tree that is chosen is malformed.
    """
    count = len(candidates)
    if indexes is not None:
        if any(index >= count for index in indexes):
            shown = ",".join(map(str, indexes))
            raise _unclear(f"the bootloader applies number {shown}, and dtbo has {count}")
        reason = f"number {', '.join(map(str, indexes))} of dtbo, as the bootloader says"
        return Overlays(tuple(candidates[index].tree for index in indexes), reason)
    if count == 1:
        return Overlays((candidates[0].tree,), "the only one of dtbo")
    matched = match(candidates, phone)
    if matched.index is None:
        raise _unclear(f"the phone does not say which of the {count} in dtbo fits: {matched.reason}")
    tree = candidates[matched.index].tree
    return Overlays((tree,), f"number {matched.index} of dtbo: {matched.reason}")


def parse_indexes(text: str) -> tuple[int, ...] | None:
    """Return the indexes in the value of androidboot.dtbo_idx ("0,3"); None if it holds none.

    Source: AOSP's documentation of DTB and DTBO partitions.
    """
    words = [word.strip() for word in text.split(",")]
    if not all(word.isascii() and word.isdecimal() and len(word) < 6 for word in words):
        return None
    return tuple(map(int, words))


def apply_overlays(tree: Fdt, overlays: Sequence[Fdt]) -> Fdt:
    """Return `tree` with overlays applied, in their order.

    Raises:
        RefusedError: If one does not fit the tree.
        ToolError: If libfdt is not installed.
    """
    for number, overlay in enumerate(overlays):
        tree = _apply(tree, overlay, number)
    return tree


def _apply(tree: Fdt, overlay: Fdt, number: int) -> Fdt:
    try:
        import libfdt
    except ImportError as error:
        raise ToolError(
            "the ROM's device tree needs the overlays of dtbo, and libfdt for Python is not installed",
            state="Nothing was changed.",
            fix="Install it: pip install 'hardboot[overlays]'. It is built from source, with a C compiler.",
        ) from error
    # Both are written anew: libfdt gets no tree that breaks a rule.
    base, change = fdt.build(tree), bytearray(fdt.build(overlay))
    size = len(base) + 2 * len(change) + _ROOM
    target = bytearray(base.ljust(size, b"\0"))
    target[_TOTALSIZE] = WORD.pack(size)
    code: int = libfdt.fdt_overlay_apply(target, change)
    if code:
        raise RefusedError(
            f"overlay {number} of dtbo does not fit the ROM's device tree: {libfdt.strerror(code)}",
            state="Nothing was changed.",
            fix="Use a dtbo image that belongs to the ROM (--dtbo FILE), or a device tree without overlays "
            "(--dtb FILE).",
        )
    return fdt.parse(bytes(target))


def _unclear(why: str) -> RefusedError:
    return RefusedError(
        f"cannot choose the overlays for the ROM's device tree: {why}",
        state="Nothing was changed.",
        fix="List them: hardboot dtb dtbo.img. Or use a device tree without overlays: --dtb FILE",
    )
