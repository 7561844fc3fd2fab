"""What speaks against booting a ROM from the slot that does not run; each refusal names its reason."""

import shlex

from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.device import slot_state
from hardboot.device.copies import Copy
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.device.slot_state import MISC, SlotState
from hardboot.flows.ways.bootloader_checks import OTHER_WAY
from hardboot.flows.ways.way import SLOT
from hardboot.formats.avb import vbmeta
from hardboot.formats.avb.records import VbmetaHeader
from hardboot.formats.boot.image_end import image_end
from hardboot.formats.reading import view
from hardboot.profile import SLOTS

BOOT = "boot"
_FIRST_PAGE = 4096  # bytes
_SHOWN = 4  # names of partitions in an error
_UPDATE = "Let the update end and restart the phone into it, or cancel it; then try again."
_HAL_TRIES = 7  # at most: AOSP's libboot_control gives 6, Qualcomm's bootloader 7


def look(phone: Phone) -> SlotState:
    """Return the state of the phone's slots.

    Raises:
        RefusedError: If it has none, or does not say which one runs.
    """
    known = phone.profile.partitions.get(BOOT)
    if known is None or not known.slots:
        raise RefusedError(
            "the phone has no slots, as far as its profile knows",
            state="Nothing was sent.",
            fix=OTHER_WAY,
        )
    running = phone.slot()
    misc = phone.profile.partitions.get(MISC)
    path = misc.path if misc else f"{_folder(phone)}/{MISC}"
    return slot_state.parse(phone.root(slot_state.query(path, running)), running)


def check(phone: Phone, state: SlotState) -> None:
    """Refuse a phone whose other slot must not be used now.

    Raises:
        RefusedError: If an update is pending, the other slot was never booted, or a restart after the ROM
            would not lead back to the slot that runs.
    """
    own, other = (SLOTS[index] for index in (state.running, state.other))
    if state.pending:
        raise _refused(state.pending, _UPDATE)
    if state.control is None and not state.has_bootctl:
        raise _refused(
            f"hardboot cannot change the active slot: {state.problem}, and the phone has no bootctl",
            f"By hand, after writing the ROM to slot {other}: fastboot set_active {other}; and to return: "
            f"fastboot set_active {own}",
        )
    if state.active not in (state.running, None):
        raise _refused(f"the next restart starts slot {other} already: an update waits for it", _UPDATE)
    home = state.slots[state.running]
    if not (home.successful and home.bootable):
        raise _refused(
            f"slot {own}, which is running, is not marked as successful: the bootloader may not return to it",
            "Wait until the phone has started completely, then try again.",
        )
    target = state.slots[state.other]
    if not target.successful:
        if not target.bootable:
            raise _refused(
                f"slot {other} is marked as unbootable: an update is being written to it, or it failed",
                _UPDATE,
            )
        _check_installed(phone, other)


def check_same_system(phone: Phone, state: SlotState) -> None:
    """Refuse a phone whose other slot may hold another system: an Android ROM would run it with the own data.

    Raises:
        RefusedError: If its vbmeta partitions are not the same in both slots, or there are none.
    """
    problem = _other_system(state, _compare(phone))
    if problem:
        raise _refused(problem, f"If the ROM brings a system of its own: --via {SLOT}")


def check_limited(state: SlotState) -> None:
    """Refuse a phone on which the tries of the ROM cannot be limited to one.

    Raises:
        RefusedError: If only its own bootctl can change the active slot.
    """
    if state.control is None:
        raise _refused(
            "only bootctl can change the active slot: restarts would start the ROM again, up to "
            f"{_HAL_TRIES} times ({state.problem})",
            f"Take it all the same: --via {SLOT}",
        )


def _check_installed(phone: Phone, slot: str) -> None:
    """Refuse a slot that nobody has ever installed anything to: its bootloaders may be missing, too."""
    query = slot_state.blank_query(_folder(phone), slot)
    blank = read(query, phone.root(f"sh -c {shlex.quote(query)}")).split()
    if blank:
        more = f" and {len(blank) - _SHOWN} more" if len(blank) > _SHOWN else ""
        verb = "is" if len(blank) == 1 else "are"
        raise _never_booted(slot, f"{', '.join(blank[:_SHOWN])}{more} {verb} empty")
    name = f"{BOOT}_{slot}"
    page = phone.pull_copy(Copy("first-page", phone.partition(name).path, _FIRST_PAGE)) or b""
    if image_end(page) is None:
        raise _never_booted(slot, f"{name} holds no boot image")


def warn(phone: Phone, state: SlotState) -> None:
    """Warn of what may keep the ROM from starting in the other slot."""
    other = SLOTS[state.other]
    if state.virtual_ab:
        log.warn(
            f"this phone updates by snapshots (Virtual A/B): there may be no system in slot {other}, and a "
            "ROM that mounts one does not start"
        )
    compared = _compare(phone)
    problem = _other_system(state, compared)
    if problem:
        log.warn(problem)
    if compared.get(slot_state.VENDOR_KERNEL_BOOT) == "differs":
        log.warn(
            f"{slot_state.VENDOR_KERNEL_BOOT} is not the same in both slots: the ROM gets that of {other}"
        )
    path = f"{_folder(phone)}/vbmeta_{other}"
    header = phone.root(f"head -c {VbmetaHeader.SIZE} < {shlex.quote(path)} | od -v -An -tx1").text.split()
    try:
        flags = VbmetaHeader.parse(view(bytes.fromhex("".join(header)))).flags
    except (InputError, ValueError):
        return
    if "verification" not in vbmeta.disabled(flags):
        log.warn(
            f"vbmeta_{other} has verification enabled: most unlocked bootloaders start the ROM all the same, "
            "others come back to their menu"
        )


def _compare(phone: Phone) -> dict[str, str]:
    """Return "same" or "differs" by the names of images; see `slot_state.compare_query`."""
    query = slot_state.compare_query(_folder(phone))
    lines = read(query, phone.root(f"sh -c {shlex.quote(query)}")).splitlines()
    return {name: state for state, _, name in (line.strip().partition(" ") for line in lines)}


def _other_system(state: SlotState, compared: dict[str, str]) -> str | None:
    own, other = (SLOTS[index] for index in (state.running, state.other))
    states = {found for name, found in compared.items() if name.startswith("vbmeta")}
    if not states:
        return f"the phone has no vbmeta that tells whether slot {other} holds the same system as slot {own}"
    if "differs" in states:
        return (
            f"slot {other} holds another system than slot {own} (vbmeta differs): an Android ROM would run it"
            " with your data"
        )
    return None


def _folder(phone: Phone) -> str:
    """Return the folder with the partitions by their names."""
    return phone.profile.partitions[BOOT].path.rpartition("/")[0]


def _never_booted(slot: str, reason: str) -> RefusedError:
    return _refused(
        f"slot {slot} was never booted: {reason}",
        "Install an update once: it fills the other slot. To start a slot without bootloaders can brick a "
        "phone.",
    )


def _refused(what: str, fix: str) -> RefusedError:
    return RefusedError(what, state="Nothing was sent.", fix=fix)
