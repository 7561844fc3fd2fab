"""The partitions of a phone by their names: those of the profile, and those that only the phone knows."""

import re
import shlex

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device.phone import BlockDevice, Phone
from hardboot.device.shells import read
from hardboot.profile import SLOTS

# Where the links by name lie: init makes the first on today's phones, and one of the others on older ones.
_FOLDERS = (
    "/dev/block/by-name",
    "/dev/block/bootdevice/by-name",
    "/dev/block/platform/*/by-name",
    "/dev/block/platform/*/*/by-name",
)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,71}")


def full_name(phone: Phone, name: str, slot: str | None = None) -> str:
    """Return the name of a partition on the phone, with its slot if it has any; see `Phone.partition_name`.

    Args:
        phone: The phone.
        name: Of a partition, also with the suffix of its slot; the profile need not know it.
        slot: "a" or "b"; None is the running one.

    Raises:
        RefusedError: If the phone does not say its slot.
    """
    if name in phone.profile.partitions or name in phone.profile.all_partitions:
        return phone.partition_name(name, slot)
    slotted = f"{name}_{SLOTS[0]}"
    return f"{name}_{slot or phone.slot()}" if _find(phone, slotted) is not None else name


def partition(phone: Phone, name: str) -> BlockDevice:
    """Return the block device of a partition, after checking it.

    Args:
        phone: The phone.
        name: As `full_name` returns it.

    Raises:
        RefusedError: If there is none, or it is write-protected or not as the profile says; or if the phone
            lacks a tool.
    """
    if name in phone.profile.all_partitions:
        return phone.partition(name)
    found = _find(phone, name)
    if found is None:
        raise RefusedError(
            f"the phone has no partition {name}",
            state="Nothing was written.",
            fix="Look at its partitions: adb shell su -c 'ls /dev/block/by-name'",
        )
    device, read_only = found
    if read_only:
        raise RefusedError(
            f"the partition {name} ({device.path}) is write-protected",
            state="Nothing was written.",
            fix="A locked bootloader protects it: unlock the phone the way its maker intends.",
        )
    return device


def _find(phone: Phone, name: str) -> tuple[BlockDevice, bool] | None:
    """Return a partition that the profile does not know, and whether it is write-protected; None if none."""
    if not _NAME.fullmatch(name):
        return None
    places = " ".join(f"{folder}/{shlex.quote(name)}" for folder in _FOLDERS)
    command = (
        f"for one in {places}; do if test -b $one; then "
        "readlink -f $one; blockdev --getsize64 $one; blockdev --getro $one; exit 0; fi; done"
    )
    words = read(command, phone.root(f"sh -c {shlex.quote(command)}")).split()
    if not words:
        return None
    if len(words) != 3 or not re.fullmatch(r"[0-9]{1,18}", words[1]):
        raise DeviceError(
            f"the phone does not tell the size of the partition {name}: {' '.join(words)[:80]!r}",
            state="Nothing was written.",
            fix=f"Look at it on the phone, as root: blockdev --getsize64 /dev/block/by-name/{name}",
        )
    return BlockDevice(words[0], int(words[1])), words[2] != "0"
