"""Whether a phone that does not answer over ADB is there all the same."""

import time
from enum import StrEnum
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import HardbootError
from hardboot.transport import server_requests
from hardboot.transport.errors import LinkError

_SERVER_S = 1.0  # for an ADB server on this computer, which answers in milliseconds
_DEVICES = Path("/sys/bus/usb/devices")  # Linux; readable without rights on the device
# Class, subclass and protocol of the interface: AOSP packages/modules/adb, adb.h; system/core/fastboot.
_ADB_INTERFACE, _FASTBOOT_INTERFACE = "ff4201", "ff4203"


class Presence(StrEnum):
    """Where a phone is seen that does not answer."""

    UNAUTHORIZED = "unauthorized"  # by the ADB server: its dialog is not confirmed
    OFFLINE = "offline"  # by the ADB server: adbd does not answer
    FASTBOOT = "fastboot"  # on USB, in its bootloader
    ADB = "adb"  # on USB, with an ADB interface that does not answer
    USB = "usb"  # on USB, without ADB
    ABSENT = "absent"  # not on USB
    UNKNOWN = "unknown"


def look(address: str, serialno: str) -> Presence:
    """Return where the phone is seen now.

    Args:
        address: Its ADB serial, or HOST:PORT.
        serialno: ro.serialno, which most phones also have as the serial number of their USB device.
    """
    on_network = ":" in address and address.rpartition(":")[2].isdecimal()
    on_usb = None if on_network else _on_usb({address, serialno})
    if on_usb not in (None, Presence.ADB):
        return on_usb
    by_server = _by_server(address)
    return on_usb if on_usb and by_server is Presence.UNKNOWN else by_server


def _by_server(address: str) -> Presence:
    try:
        state = server_requests.list_states(time.monotonic() + _SERVER_S).get(address)
    except (HardbootError, LinkError) as error:
        log.detail(str(error))
        return Presence.UNKNOWN
    known = {"unauthorized": Presence.UNAUTHORIZED, "authorizing": Presence.UNAUTHORIZED}
    return known.get(state or "", Presence.OFFLINE if state == "offline" else Presence.UNKNOWN)


def _on_usb(serials: set[str]) -> Presence | None:
    """Return what is on USB with one of the serial numbers; None if that cannot be found out."""
    if not _DEVICES.is_dir():
        return None
    for path in sorted(_DEVICES.glob("*/serial")):
        if _text(path) in serials:
            break
    else:
        return Presence.ABSENT
    device = path.parent
    names = ("bInterfaceClass", "bInterfaceSubClass", "bInterfaceProtocol")
    found = {"".join(_text(one / name) for name in names) for one in device.glob(f"{device.name}:*")}
    if _FASTBOOT_INTERFACE in found:
        return Presence.FASTBOOT
    return Presence.ADB if _ADB_INTERFACE in found else Presence.USB


def _text(path: Path) -> str:
    try:
        return path.read_text(errors="replace").strip()
    except OSError:  # it was unplugged meanwhile
        return ""
