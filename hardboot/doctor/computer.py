"""This computer: the programs and files with which it reaches phones, and the room for backups."""

import os
import re
import shutil
import sys
from pathlib import Path

from hardboot.base import log, process
from hardboot.base.errors import HardbootError
from hardboot.base.files import state_dir
from hardboot.base.sizes import human_size
from hardboot.doctor.line import Line, missing, ok, unknown
from hardboot.transport import server
from hardboot.transport.fastboot import Fastboot

_TOOL_S = 5.0  # seconds; they answer in milliseconds
_INSTALL = "Install Android's platform-tools, on Debian: apt-get install {}"
# fastboot learned init_boot with Android 13's platform-tools; 34.0 is the release avbroot asks for.
_FASTBOOT_RELEASE = 34
# Three backups of the largest boot partitions in use, 192 MiB, and logs.
_LEAST_ROOM = 640 << 20  # bytes
_RULES = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/lib/udev/rules.d", "/lib/udev/rules.d")
# Since systemd 258, 70-uaccess.rules has ID_DEBUG_APPLIANCE=android; before, distributions had own files.
_ANDROID = re.compile(rb"android|\badb", re.IGNORECASE)
_RULE_LIMIT = 1 << 20  # bytes of a file of rules


def lines() -> list[Line]:
    """Return the lines of this computer."""
    return [_adb(), _fastboot(), _server(), _udev(), _room()]


def fastboot_serials() -> list[str]:
    """Return the serials of the phones on USB that are in their bootloader; none without a client."""
    listed = (line.split() for line in _run("fastboot", "devices").splitlines())
    return [words[0] for words in listed if len(words) == 2 and words[1].startswith("fastboot")]


def fastboot_variable(serial: str, name: str) -> str | None:
    """Return a variable of a phone's bootloader; None if it does not tell."""
    program = shutil.which("fastboot")
    return Fastboot(program, serial).variable(name) if program else None


def _adb() -> Line:
    path, text = shutil.which("adb"), _run("adb", "version")
    if path is None:
        how = _INSTALL.format("adb")
        return missing("adb", "not installed; only phones on the network are reached without it", how)
    # "Android Debug Bridge version 1.0.41" is the protocol, "Version 34.0.5-debian" the program.
    release = re.search(r"^Version (\S+)", text, re.MULTILINE) or re.search(r"version (\S+)", text)
    if release is None:
        return missing("adb", f"{path} does not tell its version", "Run it by hand: adb version")
    return ok("adb", f"{release[1]}, {path}")


def _fastboot() -> Line:
    path, text = shutil.which("fastboot"), _run("fastboot", "--version")
    if path is None:
        return missing("fastboot", "not installed", _INSTALL.format("fastboot"))
    release = re.search(r"fastboot version (\S+)", text)
    if release is None:
        return missing("fastboot", f"{path} does not tell its version", "Run it by hand: fastboot --version")
    number = re.match(r"\d{1,4}", release[1])
    old = number is not None and int(number[0]) < _FASTBOOT_RELEASE
    how = f"Older than {_FASTBOOT_RELEASE}: it may not know partitions such as init_boot." if old else ""
    return ok("fastboot", f"{release[1]}, {path}", how)


def _server() -> Line:
    try:
        states = server.find_states()
    except HardbootError as error:
        return missing("ADB server", error.what, error.fix)
    if states is None:
        return missing("ADB server", "does not run", "Start it: adb start-server")
    listed = ", ".join(f"{serial} ({state})" for serial, state in states.items())
    return ok("ADB server", f"runs; it lists {listed or 'no phone'}")


def _udev() -> Line:
    if not sys.platform.startswith("linux"):
        return unknown("udev rules", "only Linux has them", "If no phone is found, look at its USB driver.")
    found = next((path for folder in _RULES for path in _rules(Path(folder))), None)
    if found is not None:
        return ok("udev rules", str(found))
    if os.geteuid() == 0:
        return ok("udev rules", "none for Android, and root needs none")
    how = "On Debian: apt-get install android-sdk-platform-tools-common; then plug the phone in anew."
    return missing("udev rules", "none for Android: a phone on USB may not be accessible", how)


def _rules(folder: Path) -> list[Path]:
    """Return the files of rules for Android phones in a folder."""
    found = []
    for path in sorted(folder.glob("*.rules")):
        try:
            with path.open("rb") as stream:
                if _ANDROID.search(stream.read(_RULE_LIMIT)):
                    found.append(path)
        except OSError as error:
            log.detail(f"{path}: {error.strerror}")
    return found


def _room() -> Line:
    name = "state folder"
    try:
        folder = state_dir()
    except HardbootError as error:
        return missing(name, error.what, error.fix)
    existing = next(path for path in (folder, *folder.parents) if path.exists())
    try:
        free = shutil.disk_usage(existing).free
    except OSError as error:
        return missing(name, f"{folder}: {error.strerror}", "Set XDG_STATE_HOME to a folder of yours.")
    if not os.access(existing, os.W_OK | os.X_OK):
        return missing(name, f"{folder} cannot be written", "Set XDG_STATE_HOME to a folder of yours.")
    value = f"{human_size(free)} free for {folder}"
    if free < _LEAST_ROOM:
        return missing(name, value, f"Free some space: backups may need {human_size(_LEAST_ROOM)}.")
    return ok(name, value)


def _run(*command: str) -> str:
    """Return what a program prints; nothing if it is missing or takes too long."""
    path = shutil.which(command[0])
    if path is None:
        return ""
    try:
        return process.attempt([path, *command[1:]], timeout_s=_TOOL_S).text
    except HardbootError as error:
        log.detail(error.what)
        return ""
