"""Whether an image was made for another phone, by what it says of itself."""

from collections.abc import Sequence

from hardboot import devicetree, profile
from hardboot.base import log
from hardboot.base.cmdline import last_value
from hardboot.base.errors import InputError, RefusedError
from hardboot.devicetree import Candidate, PhoneIds
from hardboot.formats.boot.bootconfig import NO_ENTRIES, Entries
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Profile

_OTHER_LINE = "give it another command line (--cmdline, or hardboot unpack and pack)"
_HARDWARE = "androidboot.hardware"  # init names its files after it: init.NAME.rc, fstab.NAME


def hardware(cmdline: str, bootconfig: Entries = NO_ENTRIES) -> str | None:
    """Return the hardware that a kernel command line, else a bootconfig names; None if none does."""
    named = last_value(cmdline, _HARDWARE)
    return (",".join(bootconfig.get(_HARDWARE, ())) if named is None else named) or None


def check(
    phone: Profile, named: str | None, trees: Sequence[Candidate], *, live: Fdt | None, running: str | None
) -> None:
    """Refuse an image for another phone; warn of one that may be.

    Args:
        phone: The phone.
        named: The hardware that the image is started for, as `hardware` returns it.
        trees: The image's own device trees.
        live: The tree of the running kernel; None if it is not known.
        running: The hardware that the phone's own system was started for; None if it is not known.

    Raises:
        RefusedError: If the image names another phone that hardboot knows.
        InputError: If an id in the live tree is malformed.
    """
    _check_hardware(phone, named, running)
    if len(trees) == 1 and phone.dtb.kind != "none":  # among several, the choice finds the phone's
        _check_tree(phone, trees[0], live)


def _check_hardware(phone: Profile, named: str | None, running: str | None) -> None:
    """Refuse the hardware of another phone; warn of hardware that is not known as this phone's."""
    stock = hardware(phone.cmdline.stock or "")
    known = {one.casefold() for one in (*phone.codenames, phone.name, stock, running) if one}
    if named is None or named.casefold() in known:
        return
    other = profile.match(named)
    if other is not None:
        raise _refused(phone, other, f"it has {_HARDWARE}={named}", _OTHER_LINE)
    if running or stock:
        source = "its running system was started with" if running else "images for it usually have"
        log.warn(
            f"the image may be for another phone: it has {_HARDWARE}={named}; {phone.title}: {source} "
            f"{_HARDWARE}={running or stock}"
        )


def _check_tree(phone: Profile, own: Candidate, live: Fdt | None) -> None:
    """Refuse a tree that names another phone and not this one; warn of one that is unlike this phone's."""
    models = [name.partition(",")[2] for name in own.compatible]
    if {name.casefold() for name in (*phone.codenames, phone.name)} & {one.casefold() for one in models}:
        return
    running = {name.casefold() for name in devicetree.phone_ids(live).compatible} if live else set()
    for name, model in zip(own.compatible, models, strict=True):
        other = profile.match(model)
        if other is not None and name.casefold() not in running:
            what = f'its device tree is for "{", ".join(own.compatible)}"'
            raise _refused(phone, other, what, "rebuild it with this phone's device tree")
    problem = _unlike(phone, own, live)
    if problem:
        log.warn(f"the image's device tree may be for another phone than {phone.title}: {problem}")


def _unlike(phone: Profile, own: Candidate, live: Fdt | None) -> str | None:
    """Return how a tree differs from what is known of the phone's; None if it does not."""
    running = PhoneIds() if live is None else devicetree.phone_ids(live)
    ids = running.ids or devicetree.profile_phone_ids(phone).ids
    try:
        schemes = {one.scheme for one in own.ids}
    except InputError:
        schemes = set()
    if any(one.scheme in schemes for one in ids):
        result = devicetree.match([own], PhoneIds(ids))
        return None if result.index is not None else f"{result.reason} ({result.verdicts[0].reason})"
    mine, other = ({name.casefold() for name in one.compatible} for one in (own, running))
    if not mine or not other or mine & other:
        return None
    return f'it is for "{", ".join(own.compatible)}", the phone runs with "{", ".join(running.compatible)}"'


def _refused(phone: Profile, other: Profile, what: str, override: str) -> RefusedError:
    return RefusedError(
        f"the image is for another phone: {what}, which is {other.title}; this is {phone.title}",
        state="Nothing was sent.",
        fix=f"Use an image for {phone.title}. If it is one, {override}.",
    )
