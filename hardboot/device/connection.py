"""Which phone is meant, and how it is reached."""

from hardboot.base import log
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.transport.base import Transport

_ASK_S = 5.0  # for a phone that answers at all
_LOOK = "Plug it in, turn on USB debugging and look: adb devices. A phone on the network is HOST:PORT."
_NO_USB = " USB without an ADB server needs: pip install 'hardboot[usb]'"


def open_transport(serial: str) -> Transport:
    """Return the transport for a serial: through a running ADB server that lists it, else directly.

    Args:
        serial: As `adb devices` prints it, ro.serialno as `hardboot status` prints it, or HOST:PORT.

    Raises:
        DeviceError: If no phone has this serial, and it is not HOST:PORT.
        InputError: If the environment does not say where the server is.
    """
    from hardboot.transport import server

    states = server.find_states()
    host, _, port = serial.rpartition(":")
    on_network = host and port.isascii() and port.isdecimal() and len(port) <= 5 and 0 < int(port) < 65536
    if states and serial in states and (not on_network or server.is_online(serial, states[serial])):
        return server.AdbServer(serial)
    if on_network:
        from hardboot.transport.direct import AdbTcp

        return AdbTcp(host.strip("[]"), int(port))
    try:
        if states is None:
            return _open_usb(serial)
        raise DeviceError(
            f"no phone {serial!r}: the ADB server lists {', '.join(states) or 'none'}",
            state="Nothing was sent.",
            fix=_LOOK,
        )
    except DeviceError:
        found = _find_serialno(serial, states or {})
        if found is None:
            raise
        return found


def _find_serialno(serialno: str, states: dict[str, str]) -> Transport | None:
    """Return the transport for the connected phone with this ro.serialno; None if there is none.

    Args:
        serialno: As `hardboot status` prints it; over the network it is not the ADB serial.
        states: The phones that the ADB server lists.
    """
    ready = [serial for serial, state in states.items() if state == "device"]
    for serial in dict.fromkeys(_virtual_serials() + ready):
        transport = open_transport(serial)
        try:
            if transport.shell("getprop ro.serialno", timeout_s=_ASK_S).text.strip() == serialno:
                return transport
        except DeviceError as error:
            log.detail(error.what)
        transport.close()
    return None


def _virtual_serials() -> list[str]:
    from hardboot.virtual import machine

    return [status.serial for status in machine.running() if status.serial]


def _open_usb(serial: str) -> Transport:
    """Return the transport for a phone on USB while no ADB server runs."""
    from hardboot.transport.direct import AdbUsb, find_usb_serials

    serials = find_usb_serials()
    if serials and serial in serials:
        return AdbUsb(serial)
    if serials is None:
        raise DeviceError(
            f"no phone {serial!r}: no ADB server runs", state="Nothing was sent.", fix=_LOOK + _NO_USB
        )
    raise DeviceError(
        f"no phone {serial!r}: no ADB server runs, and on USB there is {', '.join(serials) or 'none'}",
        state="Nothing was sent.",
        fix=_LOOK,
    )


def only_phone() -> str:
    """Return the serial of the only phone that is connected.

    Raises:
        DeviceError: If there is none.
        RefusedError: If there are several.
    """
    from hardboot.transport import server

    virtual = _virtual_serials()
    states = server.find_states()
    usb: list[str] | None = []
    if states is None:
        from hardboot.transport.direct import find_usb_serials

        usb = find_usb_serials()
    ready = [serial for serial, state in (states or {}).items() if state == "device"]
    # A phone that is listed but not ready says why when it is used.
    serials = list(dict.fromkeys(virtual + ready + (usb or []))) or list(states or {})
    if not serials:
        reason = "the ADB server lists none" if states is not None else "no ADB server runs, none is on USB"
        if usb is None:
            reason = "no ADB server runs"
        nobody = DeviceError(
            f"no phone: {reason}, no virtual phone runs, and --serial is not given",
            state="Nothing was sent.",
            fix="Plug a phone in, turn on USB debugging and look: adb devices. Or: hardboot virtual start."
            + (_NO_USB if usb is None else ""),
        )
        nobody.result["serials"] = []
        raise nobody
    if len(serials) > 1:
        several = RefusedError(
            f"{len(serials)} phones are connected: {', '.join(serials)}",
            state="Nothing was sent.",
            fix=f"Choose one: --serial {serials[0]}",
        )
        several.result["serials"] = serials
        raise several
    return serials[0]
