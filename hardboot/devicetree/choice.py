"""Choose the device tree a guest gets, with the reason: the ROM's own, else the phone's."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hardboot.base.errors import RefusedError
from hardboot.devicetree.candidate import Candidate, PhoneIds, phone_ids, profile_phone_ids
from hardboot.devicetree.matching import match
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Profile

_SHOWN = 4  # verdicts in an error; `hardboot dtb` shows all


@dataclass(frozen=True)
class ChosenTree:
    """The device tree a guest gets, before it is adapted.

    Attributes:
        source: `rom` or `live`.
        reason: Why this one, for people.
    """

    tree: Fdt = field(repr=False)
    source: str
    reason: str


def choose_tree(candidates: Sequence[Candidate], profile: Profile, live: Fdt | None) -> ChosenTree:
    """Choose the ROM's own tree if it has one, that for this phone if it has several, else the live tree.

    Args:
        candidates: The ROM's trees.
        profile: The phone; its ids tell trees apart where the live tree states none.
        live: The tree the bootloader gave to the running kernel; None without a phone.

    Raises:
        RefusedError: If there is no tree at all, or it is not clear which one fits.
        InputError: If the tree that would be taken, or an id of the live one, is malformed.
    """
    if not candidates:
        if live is None:
            raise RefusedError(
                "the ROM has no device tree, and no phone is connected whose own could be used",
                state="Nothing was changed.",
                fix="Connect the phone, or use a ROM with a device tree.",
            )
        return ChosenTree(live, "live", "the phone's own, as its bootloader made it; the ROM has none")
    if len(candidates) == 1:
        return ChosenTree(candidates[0].tree, "rom", "the ROM's only one")
    phone = PhoneIds() if live is None else phone_ids(live)
    if not phone.ids:  # what the phone states beats what its profile knows
        phone = PhoneIds(profile_phone_ids(profile).ids, phone.compatible)
    if live is None and not phone.ids:
        raise _ambiguous(candidates, "no phone is connected, and its profile knows no ids")
    result = match(candidates, phone)
    if result.index is None:
        shown = [f"number {index}: {one.reason}" for index, one in enumerate(result.verdicts[:_SHOWN])]
        more = ["…"] if len(result.verdicts) > _SHOWN else []
        raise _ambiguous(candidates, "; ".join([result.reason, *shown, *more]))
    tree = candidates[result.index].tree
    return ChosenTree(tree, "rom", f"number {result.index} of {len(candidates)}: {result.reason}")


def _ambiguous(candidates: Sequence[Candidate], why: str) -> RefusedError:
    return RefusedError(
        f"cannot choose among the ROM's {len(candidates)} device trees: {why}",
        state="Nothing was changed.",
        fix="List them: hardboot dtb IMAGE. Or rebuild the boot image with this phone's device tree alone.",
    )
