"""Choose the slot the bootloader starts next: by the boot control block in misc, elsewhere by bootctl."""

from dataclasses import replace

from hardboot.device.phone import Phone
from hardboot.device.slot_state import MISC, SlotState
from hardboot.flows import transaction
from hardboot.flows.transaction import NewBytes
from hardboot.flows.ways.way import SLOT
from hardboot.formats.boot import bootcontrol
from hardboot.formats.boot.bootcontrol import HIGHEST_PRIORITY, BootControl, Slot


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


def prefer_home(phone: Phone, state: SlotState) -> None:
    """Lower the priority of the other slot, unless it is lower: a mark by the ROM must not make it the first.

    Raises:
        HardbootError: If misc cannot be written.
    """
    if state.control is None or state.slots[state.other].priority < state.slots[state.running].priority:
        return
    block = new_bytes(preferred(state.control, state.running))
    transaction.write(phone, SLOT, {}, put_back=False, also=[block])
