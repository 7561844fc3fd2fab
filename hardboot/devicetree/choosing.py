"""The device tree a guest gets, with the reason."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from hardboot.base.errors import RefusedError
from hardboot.devicetree.selecting import Candidate, Wanted, of_profile, select, wanted
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Profile

_SHOWN = 4  # verdicts in an error; `hardboot dtb` shows all


@dataclass(frozen=True)
class Choice:
    """The device tree a guest gets, before it is adapted.

    Attributes:
        source: `rom` or `live`.
        reason: Why this one, for people.
    """

    tree: Fdt = field(repr=False)
    source: str
    reason: str


def choose(candidates: Sequence[Candidate], profile: Profile, live: Fdt | None) -> Choice:
    """The ROM's own tree if it has one, the one of this phone if it has several, else the phone's live tree.

    Args:
        candidates: The trees that came with the ROM.
        profile: The phone; its ids tell trees apart where the live tree states none.
        live: The tree the bootloader gave to the running kernel; None if no phone is asked.

    Raises:
        RefusedError: If there is no tree at all, or it is not clear which one fits.
        InputError: If the tree that would be taken, or an id of the live one, is malformed.
    """
    if not candidates:
        if live is None:
            raise RefusedError(
                "the ROM brings no device tree, and no phone is there to take its own from",
                state="Nothing was sent.",
                fix="Connect the phone, or use a ROM with a device tree.",
            )
        return Choice(live, "live", "the ROM brings none: the phone's own, as its bootloader made it")
    if len(candidates) == 1:
        return Choice(candidates[0].tree, "rom", "the only one the ROM brings")
    phone = Wanted() if live is None else wanted(live)
    if not phone.ids:  # what the phone says of itself beats what is known of its like
        phone = Wanted(of_profile(profile).ids, phone.compatible)
    if live is None and not phone.ids:
        raise _ambiguous(
            f"the ROM brings {len(candidates)} device trees, and no phone tells which one is its own"
        )
    result = select(candidates, phone)
    if result.choice is None:
        shown = [f"{index}: {one.reason}" for index, one in enumerate(result.verdicts[:_SHOWN])]
        more = ["…"] if len(result.verdicts) > _SHOWN else []
        raise _ambiguous(
            f"of the {len(candidates)} device trees of the ROM {result.reason} "
            f"on {profile.name} ({'; '.join([*shown, *more])})"
        )
    tree = candidates[result.choice].tree
    return Choice(tree, "rom", f"number {result.choice} of {len(candidates)}: {result.reason}")


def _ambiguous(what: str) -> RefusedError:
    return RefusedError(
        what,
        state="Nothing was sent.",
        fix="See hardboot dtb IMAGE for all of them, or build the ROM's boot image with the one device tree "
        "of this phone.",
    )
