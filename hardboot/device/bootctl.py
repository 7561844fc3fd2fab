"""The phone's own boot control, by its client bootctl: AOSP system/extras/bootctl, bootctl.cpp."""

from hardboot.base.errors import DeviceStateError
from hardboot.device.phone import Phone
from hardboot.profile import SLOTS


def start_anew(phone: Phone, slot: int, *, home: int) -> None:
    """Let the bootloader start a slot next, as one that never booted; it gets all the tries there are.

    It is made unbootable first: AOSP's libboot_control takes the mark of a successful boot only then.

    Args:
        phone: The phone.
        slot: Index of the slot.
        home: Index of the one that runs, for the error.

    Raises:
        RefusedError: If another command uses the phone.
        DeviceStateError: If it fails.
    """
    _run(phone, f"bootctl set-slot-as-unbootable {slot} && bootctl set-active-boot-slot {slot}", home)


def activate(phone: Phone, home: int) -> None:
    """Let the bootloader start a slot next, and keep its mark of a successful boot.

    Raises:
        RefusedError: If another command uses the phone.
        DeviceStateError: If it fails.
    """
    _run(phone, f"bootctl set-active-boot-slot {home}", home)


def _run(phone: Phone, command: str, home: int) -> None:
    output = phone.root_locked(command)
    if output.code:
        raise DeviceStateError(
            f"bootctl failed with exit code {output.code}: {' '.join(output.text.split())[-200:]}",
            state="The other slot holds the ROM; which slot the bootloader starts next is not known.",
            fix=f"Choose it in the bootloader: fastboot set_active {SLOTS[home]}. Then: hardboot home",
        )
