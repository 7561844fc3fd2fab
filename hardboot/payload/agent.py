"""Speak with the agent: its command lines and its answers."""

import re
import shlex
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import DeviceError, InputError
from hardboot.base.memory import PAGE_SIZE
from hardboot.payload.agent_errors import STILL_RUNS

KEXEC_ON_CRASH = 0x1  # include/uapi/linux/kexec.h
KEXEC_ARCH_DEFAULT = 0x0

_PAYLOAD = Path(__file__).parent


@dataclass(frozen=True)
class AgentSegment:
    """A file on the phone, and the physical address and size of its place in RAM, both page aligned.

    Attributes:
        skip: The file is repeated to fill its place, the first time from this byte on; None if it is not.
    """

    file: str
    addr: int
    size: int
    skip: int | None = None

    def __str__(self) -> str:
        """Return the word for the agent."""
        repeated = "" if self.skip is None else f"*{self.skip:#x}"
        return f"{self.file}{repeated}@{self.addr:#x}:{self.size:#x}"


@dataclass(frozen=True)
class AgentInfo:
    """The answer to `agent info`; None where the phone does not tell.

    Attributes:
        probe: Errno of an empty load with the flag, 0 if it was accepted; None if it was not tried.
    """

    release: str
    boot_id: str | None
    kexec_loaded: bool | None
    kexec_crash_loaded: bool | None
    hardboot_page: int | None
    hardboot_flag: int | None
    hardboot_version: str | None
    probe: int | None


def binary(arch: str) -> Path:
    """Return the path of the agent built for `arch` ("arm" or "arm64").

    Raises:
        InputError: If there is no such agent.
    """
    return _program("agent", arch)


def phone_program(arch: str) -> Path:
    """Return the path of the program that starts stored ROMs on the phone itself; see `binary`."""
    return _program("hardboot", arch)


def image_files(arch: str) -> Path:
    """Return the path of the program that reaches the files in an image; see `binary`."""
    return _program("image-files", arch)


def _program(name: str, arch: str) -> Path:
    path = _PAYLOAD / f"{name}-{arch}"
    if not re.fullmatch(r"[a-z0-9]+", arch) or not path.is_file():
        raise InputError(
            f"there is no {name} for the architecture {arch!r}",
            state="Nothing was sent.",
            fix="Correct the arch in the profile of this phone; hardboot knows arm and arm64.",
        )
    return path


def load_command(agent: str, flags: int, entry: int, segments: Iterable[AgentSegment]) -> str:
    """Return the shell command that loads `segments`; `agent` is the path of the agent on the phone."""
    words = [agent, "load", f"{flags:#x}", f"{entry:#x}"]
    words += map(str, segments)
    return shlex.join(words)


def unload_command(agent: str, flags: int) -> str:
    """Return the shell command that unloads: the crash kernel with KEXEC_ON_CRASH in `flags`."""
    return shlex.join([agent, "unload", f"{flags:#x}"])


def exec_command(agent: str) -> str:
    """Return the shell command that starts what is loaded; it returns only if that fails."""
    return shlex.join([agent, "exec"])


def info_command(agent: str, flag: int | None = None) -> str:
    """Return the shell command that describes the kernel; with `flag`, also whether the kernel accepts it."""
    return shlex.join([agent, "info"] if flag is None else [agent, "info", f"{flag:#x}"])


def pages_command(agent: str, file: str, runs: str, first: int, count: int) -> str:
    """Return the shell command that prints pages of a large file, without zero pages, for `parse_pages`.

    Args:
        agent: Path of the agent on the phone.
        file: File to read.
        runs: File with the content of `build_runs`.
        first: Number of the first page, counted over all runs.
        count: Number of pages, at most 4096 (PAGES_MAX in pages.c).
    """
    return shlex.join([agent, "pages", file, runs, f"{first:#x}", f"{count:#x}"])


def pour_command(agent: str, file: str, first: int, end: int) -> str:
    """Return the shell command that writes pages of a file, which it reads; zeros where it is given none.

    Args:
        agent: Path of the agent on the phone.
        file: File to write, made unless it is there.
        first: Number of the first page.
        end: Number of the page behind the last one.
    """
    return shlex.join([agent, "pour", file, f"{first:#x}", f"{end:#x}"])


def build_runs(runs: Iterable[tuple[int, int]]) -> bytes:
    """Build the list of runs of pages: the number of the first page in the file, and how many."""
    return b"".join(struct.pack("<II", first, count) for first, count in runs)


def parse_pages(data: bytes, count: int) -> list[bytes | None]:
    """Read the pages that `pages_command` wrote, None for a zero page.

    Raises:
        DeviceError: If it is no answer for `count` pages.
    """
    pages = max(0, len(data) - (count + 7) // 8)
    bits = int.from_bytes(data[pages:], "little")
    if bits.bit_count() * PAGE_SIZE != pages or bits >> count or len(data) - pages != (count + 7) // 8:
        raise _unexpected(f"{len(data)} bytes for {count} pages")
    found: list[bytes | None] = []
    at = 0
    for index in range(count):
        if bits >> index & 1:
            found.append(data[at : at + PAGE_SIZE])
            at += PAGE_SIZE
        else:
            found.append(None)
    return found


def parse_info(text: str) -> AgentInfo:
    """Read the answer to `info_command`.

    Raises:
        DeviceError: If it is no such answer.
    """
    fields = dict(line.strip().split("=", 1) for line in text.splitlines() if "=" in line)

    def number(key: str) -> int | None:
        value = fields.get(key)
        if value is None:
            return None
        if not re.fullmatch(r"0x[0-9a-fA-F]{1,16}|[0-9]{1,20}", value):
            raise _unexpected(f"{key}={value}")
        return int(value, 16) if value.startswith("0x") else int(value)

    def loaded(key: str) -> bool | None:
        value = fields.get(key)
        if value not in ("0", "1", "unknown"):
            raise _unexpected(text)
        return None if value == "unknown" else value == "1"

    probe = fields.get("probe", "skipped")
    release = fields.get("release")
    if not release:
        raise _unexpected(text)
    boot_id = fields.get("boot_id", "unknown")
    return AgentInfo(
        release=release,
        boot_id=None if boot_id == "unknown" else boot_id,
        kexec_loaded=loaded("kexec_loaded"),
        kexec_crash_loaded=loaded("kexec_crash_loaded"),
        hardboot_page=number("hardboot_page"),
        hardboot_flag=number("hardboot_flag"),
        hardboot_version=fields.get("hardboot_version"),
        probe={"ok": 0, "skipped": None}[probe] if probe in ("ok", "skipped") else number("probe"),
    )


def _unexpected(text: str) -> DeviceError:
    shown = text.strip()[-300:] or "nothing"
    return DeviceError(
        f"unexpected answer from the agent on the phone: {shown!r}",
        state=STILL_RUNS,
        fix="Run the command again, which copies the agent again. If the error stays, report it with -v.",
    )
