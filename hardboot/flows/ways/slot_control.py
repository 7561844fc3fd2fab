"""Choose the slot the bootloader starts next: by the boot control block in misc, elsewhere by bootctl."""

from collections.abc import Sequence
from dataclasses import replace

from hardboot.base.errors import DeviceStateError
from hardboot.device.phone import Phone
from hardboot.device.slot_state import SlotState
from hardboot.flows import transaction
from hardboot.flows.transaction import NewBytes
from hardboot.flows.ways.way import SLOT
from hardboot.formats.boot import bootcontrol
from hardboot.formats.boot.bootcontrol import HIGHEST_PRIORITY, BootControl, Slot
from hardboot.profile import SLOTS

MISC = "misc"


def one_try(control: BootControl, slot: int) -> BootControl:
    """Return the block with which the bootloader starts `slot` once, and after that another one."""
    return _preferred(control, slot, Slot(HIGHEST_PRIORITY, 1))


def preferred(control: BootControl, slot: int) -> BootControl:
    """Return the block with which the bootloader starts `slot`, whatever the others are marked as later."""
    return _preferred(control, slot, replace(control.slots[slot], priority=HIGHEST_PRIORITY))


def _preferred(control: BootControl, slot: int, state: Slot) -> BootControl:
    slots = [replace(one, priority=min(one.priority, HIGHEST_PRIORITY - 1)) for one in control.slots]
    slots[slot] = state
    return control.with_slots(*slots)


def new_bytes(control: BootControl) -> NewBytes:
    """Return the block for a transaction."""
    return NewBytes(MISC, bootcontrol.OFFSET, control.stored, "the boot control block")


def start_other(phone: Phone, state: SlotState) -> None:
    """Let the bootloader start the other slot next, by bootctl.

    It is made unbootable first: AOSP's libboot_control takes the mark of a successful boot only then.

    Raises:
        DeviceStateError: If that fails.
    """
    other = state.other
    _run(
        phone,
        f"bootctl set-slot-as-unbootable {other} && bootctl set-active-boot-slot {other}",
        state.running,
    )


def prefer_home(phone: Phone, state: SlotState) -> None:
    """Lower the priority of the other slot, unless it is lower: a mark by the ROM must not make it the first.

    Raises:
        HardbootError: If misc cannot be written.
    """
    if state.control is None or state.slots[state.other].priority < state.slots[state.running].priority:
        return
    block = new_bytes(preferred(state.control, state.running))
    transaction.write(phone, SLOT, {}, put_back=False, also=[block])


def lead_home(phone: Phone, partitions: Sequence[str]) -> None:
    """Let the bootloader start the own system next, where bootctl made it start the other slot.

    Args:
        phone: The phone.
        partitions: Those that were written: with misc among them, its old content leads home.

    Raises:
        DeviceStateError: If that fails.
    """
    if MISC not in partitions:
        home = 1 - SLOTS.index(partitions[0].rpartition("_")[2])
        _run(phone, f"bootctl set-active-boot-slot {home}", home)


def _run(phone: Phone, command: str, home: int) -> None:
    output = phone.root(command)
    if output.code:
        raise DeviceStateError(
            f"bootctl failed with exit code {output.code}: {' '.join(output.text.split())[-200:]}",
            state="The other slot holds the ROM; which slot the bootloader starts next is not known.",
            fix=f"Choose it in the bootloader: fastboot set_active {SLOTS[home]}. Then: hardboot home",
        )
