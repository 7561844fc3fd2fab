"""Start and stop virtual phones. Each has a folder with its disk, flash, console log and state."""

import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
import time
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError, InputError, ToolError
from hardboot.base.files import make_folder, state_dir, write_atomic
from hardboot.base.process import find_tool
from hardboot.virtual import bootloader, disk, model
from hardboot.virtual.model import Model

LOCK = "lock"  # held while the phone runs; holds the supervisor's process id
EVENTS = "events.jsonl"  # QEMU's events since the last start
CONSOLE_SOCKET = "console.sock"
GDB_SOCKET = "gdb.sock"
QMP_SOCKET = "qmp.sock"  # all relative to the folder: socket addresses are at most 107 bytes long
DEFAULT_NAME = model.VIRT_ARM.name
BOOT_COMPLETED = "init: boot completed"  # printed by /init on the console
IN_FASTBOOT = "Listening for fastboot command"  # printed by U-Boot
_MESSAGES = {"fastboot": disk.BOOT_BOOTLOADER, "recovery": disk.BOOT_RECOVERY}
_FIRST_PORT = 6520  # as Android's own virtual devices
_PORTS = 200
_BOOT_TIMEOUT_S = 120
_STOP_TIMEOUT_S = 15
_LOG_MAX = 16 << 20  # bytes of console.log; a start beyond it keeps the last _LOG_KEPT
_LOG_KEPT = 4 << 20
# QEMU's cache of translated code. After a reset, each store to a page with code of the previous kernel
# discards that code piece by piece: with QEMU's default of 1 GiB, decompression takes a second longer.
# What the bootloader reads over the previous kernel (`overwrite` in uboot.env) discards its code at once.
_CODE_CACHE_MIB = 32


@dataclass(frozen=True)
class Status:
    """State of a virtual phone.

    Attributes:
        running: Whether QEMU runs.
        device: Name of its profile.
        serial: HOST:PORT where its adbd answers; None if it was never started.
        console: Log of its serial port since the first start.
        resets: Hardware resets since it was started, counted by QEMU.
        factory_image: Boot image, or folder of images, that it was created with.
        fastboot: Serial of its bootloader for `fastboot -s`; None if it was never started.
    """

    name: str
    running: bool
    device: str
    serial: str | None
    console: Path
    resets: int
    factory_image: Path
    fastboot: str | None = None


def folder(name: str = DEFAULT_NAME) -> Path:
    """Return the folder of the phone `name`."""
    if not name or not all(char.isalnum() or char in "-_" for char in name):
        raise InputError(
            f"{name!r} is not a name for a virtual phone",
            state="Nothing was started.",
            fix="Use letters, digits, - and _.",
        )
    return state_dir() / "virtual" / name


def names() -> list[str]:
    """Return the names of all virtual phones that were ever started, sorted."""
    base = state_dir() / "virtual"
    return sorted(path.name for path in base.iterdir() if path.is_dir()) if base.is_dir() else []


def running() -> list[Status]:
    """Return all virtual phones that run, by name."""
    return [found for found in map(status, names()) if found.running]


def status(name: str = DEFAULT_NAME) -> Status:
    """Return the state of the phone `name`, which need not exist."""
    home = folder(name)
    port = _settings(home).get("port")
    kind = find_model(name)
    return Status(
        name=name,
        running=_is_running(home),
        device=kind.name,
        serial=f"127.0.0.1:{port}" if port else None,
        fastboot=f"udp:127.0.0.1:{port}" if port else None,
        console=home / "console.log",
        resets=sum(event.get("event") == "RESET" and _by_guest(event) for event in _events(home)),
        factory_image=home / kind.factory,
    )


def find_model(name: str, device: str | None = None) -> Model:
    """Return what kind of phone `name` is; a new one is `device`, or the kind it is named after.

    Raises:
        InputError: If it is of another kind than `device`, or there is no such kind.
    """
    known = _settings(folder(name)).get("device")
    if device and known and device != known:
        raise InputError(
            f"the virtual phone {name} is a {known}, not a {device}",
            state="Nothing was changed.",
            fix=f"Choose another name: --device {device} --name NAME",
        )
    return model.find(str(known or device or (name if name in model.MODELS else DEFAULT_NAME)))


def start(
    name: str = DEFAULT_NAME,
    *,
    device: str | None = None,
    reset_disk: bool = False,
    stop_in: str | None = None,
    locked: bool = False,
    clear_ram: bool = False,
    adb_key: str | None = None,
    adb_maxdata: int | None = None,
    gdb: bool = False,
) -> Status:
    """Start a phone and wait until it has booted; a new phone is created first.

    Args:
        name: Name of the phone.
        device: Model of a new phone; None for the model it is named after.
        reset_disk: Create a new disk: stock kernel, empty userdata.
        stop_in: "fastboot" to wait in the bootloader, "recovery" to start recovery instead of the system.
        locked: Whether the bootloader refuses to flash, and to boot other images than the factory's.
        clear_ram: Whether the bootloader clears all RAM at every reset.
        adb_key: Text of an adbkey.pub, the only key that the phone then accepts; None for no authorisation.
        adb_maxdata: Largest ADB packet in bytes; None for the default of the phone's adbd.
        gdb: Accept a debugger at GDB_SOCKET in the phone's folder.

    Raises:
        InputError: If it runs already and one of the other arguments is given.
        ToolError: If QEMU or a tool is missing.
        DeviceError: If it does not boot.
    """
    home, kind = folder(name), find_model(name, device)
    make_folder(home)
    if _is_running(home):
        keys = adb_key is not None or adb_maxdata is not None
        if reset_disk or stop_in or locked or clear_ram or keys or gdb:
            raise InputError(
                f"the virtual phone {name} is already running",
                state="It keeps running.",
                fix="Stop it first: hardboot virtual stop",
            )
        return status(name)
    qemu = find_tool(kind.qemu, "qemu-system-arm")
    if importlib.util.find_spec("qemu") is None:
        raise ToolError(
            "the Python package qemu.qmp is not installed",
            state="The phone was not started.",
            fix="Install it: pip install 'hardboot[virtual]'",
        )
    flash, factory = home / "disk.img", home / kind.factory
    if reset_disk or not flash.exists():
        kind.write_images(factory)
        kind.write_disk(flash, factory)
    words = [] if adb_key is None else ["androidboot.adb_auth=1"]
    words += [] if adb_maxdata is None else [f"androidboot.adb_maxdata={adb_maxdata}"]
    disk.write_adb_key(flash, kind.table, adb_key or "")
    if stop_in:
        disk.write_message(flash, kind.table, _MESSAGES[stop_in])
    environment = home / "flash1.img"
    kind.write_environment(
        environment,
        factory,
        serialno=f"HB{name.upper()}",
        words=words,
        locked=locked,
        clear_ram=clear_ram,
    )
    port = _free_port(home)
    (home / "phone.json").write_text(json.dumps({"port": port, "device": kind.name}) + "\n")
    console = home / "console.log"
    trim_log(console)
    seen = console.stat().st_size if console.exists() else 0
    with log.step(f"Starting the virtual phone {name}"):
        (home / GDB_SOCKET).unlink(missing_ok=True)
        process = _launch(home, _command(kind, qemu, port, gdb=gdb))
        _wait_until_booted(home, process, seen, IN_FASTBOOT if stop_in == "fastboot" else BOOT_COMPLETED)
    return status(name)


def trim_log(path: Path) -> None:
    """Keep the last lines of a log that has grown beyond _LOG_MAX; it must not be open for writing."""
    if not path.exists() or path.stat().st_size <= _LOG_MAX:
        return
    with path.open("rb") as stream:
        stream.seek(-_LOG_KEPT, os.SEEK_END)
        stream.readline()  # begins somewhere
        rest = stream.read()
    write_atomic(path, [rest])


def stop(name: str = DEFAULT_NAME) -> bool:
    """Switch a phone off at once, and return whether it was running."""
    home = folder(name)
    if not _is_running(home):
        return False
    os.kill(int((home / LOCK).read_text()), signal.SIGTERM)
    deadline = time.monotonic() + _STOP_TIMEOUT_S
    while _is_running(home):
        if time.monotonic() > deadline:
            raise DeviceError(
                f"the virtual phone {name} did not stop within {_STOP_TIMEOUT_S} s",
                state="It may still run.",
                fix=f"End process {(home / LOCK).read_text().strip()} yourself.",
            )
        time.sleep(0.05)
    return True


def _settings(home: Path) -> dict[str, str | int]:
    path = home / "phone.json"
    found: dict[str, str | int] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _command(kind: Model, qemu: str, port: int, *, gdb: bool) -> list[str]:
    # Relative names: the supervisor runs in the phone's folder.
    return [
        *(qemu, *kind.machine, "-S", "-accel", f"tcg,tb-size={_CODE_CACHE_MIB}"),
        *("-display", "none", "-monitor", "none", "-bios", str(bootloader.build(kind.target))),
        *(("-gdb", f"unix:{GDB_SOCKET},server=on,wait=off") if gdb else ()),
        *("-qmp", f"unix:{QMP_SOCKET},server=on,wait=off"),
        *(
            "-chardev",
            f"socket,id=console,path={CONSOLE_SOCKET},server=on,wait=off,logfile=console.log,logappend=on",
        ),
        *("-serial", "chardev:console"),
        *("-drive", "if=none,id=d0,file=disk.img,format=raw", "-device", "virtio-blk-device,drive=d0"),
        *("-drive", "if=pflash,unit=1,format=raw,file=flash1.img,readonly=on"),
        "-netdev",
        f"user,id=n0,hostfwd=tcp:127.0.0.1:{port}-:5555,hostfwd=udp:127.0.0.1:{port}-:5554",
        *("-device", "virtio-net-device,netdev=n0", "-device", "virtio-rng-device"),
    ]


def _launch(home: Path, command: Sequence[str]) -> "subprocess.Popen[bytes]":
    module = "hardboot.virtual.supervisor"
    with (home / "supervisor.log").open("wb") as output:
        return subprocess.Popen(
            [sys.executable, "-m", module, str(home), *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
        )


def _wait_until_booted(home: Path, process: "subprocess.Popen[bytes]", seen: int, wanted: str) -> None:
    """Wait for the words `wanted` on the console, from byte `seen` of its log on."""
    console = home / "console.log"
    deadline = time.monotonic() + _BOOT_TIMEOUT_S
    while True:
        if console.exists():
            with console.open("rb") as stream:
                stream.seek(seen)
                said = stream.read().decode(errors="replace")
            if wanted in said:
                return
            if IN_FASTBOOT in said:
                raise DeviceError(
                    f"the bootloader did not boot: {_last_words(said)}",
                    state="The phone waits in fastboot.",
                    fix="Flash what is missing with fastboot, or get a new disk: hardboot virtual stop, then"
                    " hardboot virtual start --reset-disk",
                )
        if process.poll() is not None:
            output = (home / "supervisor.log").read_text(errors="replace").strip().splitlines()
            raise ToolError(
                f"QEMU exited with {process.returncode}: {output[-1] if output else 'no message'}",
                state="The phone is off; its disk is as it was.",
                fix=f"Read {home / 'supervisor.log'} and {console}.",
            )
        if time.monotonic() > deadline:
            stop(home.name)
            raise DeviceError(
                f"the virtual phone did not boot within {_BOOT_TIMEOUT_S} s",
                state="It was switched off; its disk is as it was.",
                fix=f"Read {console}, or start with a new disk: hardboot virtual start --reset-disk",
            )
        time.sleep(0.05)


def _is_running(home: Path) -> bool:
    import fcntl  # Windows lacks it, and drives real phones

    try:
        with (home / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _free_port(home: Path) -> int:
    """Return the port the phone had last time if it is free, or the first free one.

    The search begins at a port that depends on the phone's folder, so that phones that start at the same
    moment choose different ports.
    """
    settings = _settings(home)
    last = [settings["port"]] if "port" in settings else []
    taken = {found.serial for found in running()}
    first = zlib.crc32(bytes(home)) % _PORTS
    for port in [*last, *(_FIRST_PORT + (first + number) % _PORTS for number in range(_PORTS))]:
        if f"127.0.0.1:{port}" in taken:
            continue
        if _is_free(int(port)):
            return int(port)
    raise ToolError(
        f"no port from {_FIRST_PORT} to {_FIRST_PORT + _PORTS - 1} is free",
        state="The phone was not started.",
        fix="Stop another virtual phone: hardboot virtual stop --name NAME",
    )


def _is_free(port: int) -> bool:
    """Whether nobody has this port, over TCP for ADB and over UDP for fastboot."""
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        with socket.socket(type=kind) as probe:
            if kind == socket.SOCK_STREAM:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                return False
    return True


def _last_words(said: str) -> str:
    """Return what the bootloader said last before it entered fastboot."""
    before = said.partition(IN_FASTBOOT)[0].splitlines()
    lines = [line.strip() for line in before if line.strip() and not line.startswith("Using ")]
    return lines[-1] if lines else "it said nothing"


def _events(home: Path) -> list[dict[str, object]]:
    path = home / EVENTS
    if not path.exists():
        return []
    lines = path.read_text().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _by_guest(event: dict[str, object]) -> bool:
    data = event.get("data")
    return isinstance(data, dict) and data.get("guest") is True
