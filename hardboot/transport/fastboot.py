"""A phone's bootloader, through the official fastboot client of this computer.

Source of the client's behaviour: AOSP system/core, fastboot/fastboot.cpp, fastboot_driver.cpp and README.md.
"""

import re
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log, process
from hardboot.base.errors import InputError, ToolError
from hardboot.base.process import Ended

_ASK_S = 3.0  # for a variable; a client whose phone is not there waits forever
_REBOOT_S = 10.0
_SEND_S = 30.0  # for an image, besides its bytes
_SLOWEST = 256 * 1024  # bytes per second
_VERSION_S = 10.0
_FIRST_VERSION = 7  # of Android: the first one whose client takes tcp: and udp:, and boot images as they are
_NETWORK = re.compile(r"(?:tcp|udp):(?:\[[0-9A-Fa-f:.]{2,45}\]|[A-Za-z0-9._-]{1,253})(?::[0-9]{1,5})?")
_USB = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}")
_PACKAGE = "fastboot"
# Clients write the bootloader's reason in quotes since Android 9.
_REASON = re.compile(r"FAILED \(remote: '?(.*?)'?\)\s*$", re.MULTILINE)


@dataclass(frozen=True)
class Answer:
    """How the client ended.

    Attributes:
        done: Whether the bootloader did what it was told.
        reason: Why it refused, in its own words; None if it did not answer.
        text: All that the client printed.
    """

    done: bool
    reason: str | None
    text: str


@dataclass(frozen=True)
class Fastboot:
    """The bootloader of one phone; made by `find`.

    Attributes:
        program: Path of the client.
        serial: Where it reaches the bootloader.
    """

    program: str
    serial: str

    def variable(self, name: str) -> str | None:
        """Return a variable of the bootloader; None if it has none, or does not answer."""
        answer = self._run(_ASK_S, "getvar", name)
        found = re.search(rf"^(?:\(bootloader\) )?{re.escape(name)}:[ \t]*(.*)$", answer.text, re.MULTILINE)
        return found[1].strip() if answer.done and found else None

    def answers(self) -> bool:
        """Return whether the bootloader answers; refusing is an answer, too."""
        answer = self._run(_ASK_S, "getvar", "product")
        return answer.done or answer.reason is not None

    def boot(self, image: Path) -> Answer:
        """Send a boot image and start it; it is not written to flash."""
        return self._run(_SEND_S + image.stat().st_size / _SLOWEST, "boot", image)

    def reboot(self) -> bool:
        """Restart the phone into its system; return whether the bootloader agreed."""
        return self._run(_REBOOT_S, "reboot").done

    def _run(self, timeout_s: float, *words: str | Path) -> Answer:
        command = [self.program, "-s", self.serial, *map(str, words)]
        ended = process.attempt(command, timeout_s=timeout_s)
        log.detail(f"fastboot {' '.join(map(str, words))}: {ended.code} {' '.join(ended.text.split())}")
        return _answer(ended)


def _answer(ended: Ended) -> Answer:
    reason = _REASON.search(ended.text)
    return Answer(ended.code == 0, reason[1].strip() if reason else None, ended.text)


def find(serial: str) -> Fastboot:
    """Return the bootloader at `serial`; whether it answers is not asked.

    Args:
        serial: Of a phone on USB, or tcp:HOST[:PORT] or udp:HOST[:PORT].

    Raises:
        ToolError: If the official client is not installed, or too old.
        InputError: If `serial` is none.
    """
    known = _NETWORK if serial.startswith(("tcp:", "udp:")) else _USB
    if not known.fullmatch(serial):
        raise InputError(
            f"{serial!r} is not a serial for fastboot",
            state="Nothing was sent.",
            fix="Give that of a phone on USB (fastboot devices), tcp:HOST[:PORT] or udp:HOST[:PORT].",
        )
    program = process.find_tool("fastboot", _PACKAGE)
    _check_version(program)
    return Fastboot(program, serial)


def _check_version(program: str) -> None:
    """Refuse a program that is no official client, or one that is too old.

    It is numbered as Android is (7.0.0) in distributions, as the SDK's platform-tools (34.0.5) elsewhere;
    from 24 to 26 these printed a revision instead.
    """
    said = process.attempt([program, "--version"], timeout_s=_VERSION_S).text
    found = re.search(r"^fastboot version (\S+)", said, re.MULTILINE)
    if found is None:
        raise ToolError(
            f"{program} is not the official fastboot client: it does not tell its version",
            state="Nothing was sent.",
            fix=f"Install the SDK's platform-tools, or on Debian: apt-get install {_PACKAGE}",
        )
    number = re.match(r"(?:\d+:)?(\d+)\.", found[1])
    if number and int(number[1]) < _FIRST_VERSION:
        raise ToolError(
            f"{program} is version {found[1]}: too old, {_FIRST_VERSION} is needed",
            state="Nothing was sent.",
            fix="Install the SDK's platform-tools, and put them first in PATH.",
        )
