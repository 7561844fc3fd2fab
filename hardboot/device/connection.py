"""Which phone is meant, and how it is reached."""

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.transport.base import Transport


def open_transport(serial: str) -> Transport:
    """Return the transport for a serial: through a running ADB server that lists it, else directly.

    Raises:
        DeviceError: If no phone has this serial, and it is not HOST:PORT.
        InputError: If the environment does not say where the server is.
    """
    from hardboot.transport import server

    states = server.find_states()
    listed = states or {}
    host, _, port = serial.rpartition(":")
    on_network = host and port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536
    # What the server calls offline may be left from before the phone restarted.
    if serial in listed and not (on_network and listed[serial] == "offline"):
        return server.AdbServer(serial)
    if on_network:
        from hardboot.transport.direct import AdbTcp

        return AdbTcp(host.strip("[]"), int(port))
    raise DeviceError(
        f"no phone {serial!r}: the ADB server lists {', '.join(listed)}"
        if listed
        else f"no phone {serial!r}: no ADB server runs, or it lists none",
        state="Nothing was sent.",
        fix="Plug it in, turn on USB debugging and look: adb devices. A phone on the network is HOST:PORT.",
    )


def only_phone() -> str:
    """Return the serial of the only phone that is connected.

    Raises:
        DeviceError: If there is none.
        RefusedError: If there are several.
    """
    from hardboot.transport import server
    from hardboot.virtual import machine

    virtual = [status.serial for status in machine.running() if status.serial]
    states = server.find_states() or {}
    ready = [serial for serial, state in states.items() if state == "device"]
    # A phone that is listed but not ready says why when it is used.
    serials = list(dict.fromkeys(virtual + ready)) or list(states)
    if not serials:
        raise DeviceError(
            "no phone: no ADB server runs or it lists none, no virtual phone runs, and --serial is not given",
            state="Nothing was sent.",
            fix="Plug a phone in, turn on USB debugging and look: adb devices. Or: hardboot virtual start",
        )
    if len(serials) > 1:
        raise RefusedError(
            f"{len(serials)} phones are connected: {', '.join(serials)}",
            state="Nothing was sent.",
            fix=f"Choose one: --serial {serials[0]}",
        )
    return serials[0]
