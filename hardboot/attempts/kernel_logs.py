"""What the logs that a phone kept tell of a ROM: whether it ran, how far it came, and how it ended."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

_SHOWN = 160  # characters of a line
# init/version.c of every kernel; the release ends at the space.
_VERSION = re.compile(r"Linux version (\S+)")
# kernel/panic.c, lib/bug.c, arch/*/kernel/traps.c and arch/*/mm/fault.c
_DEATHS = (
    re.compile(r"Kernel panic - not syncing.*"),
    re.compile(r"(?:Unable to handle kernel|Internal error: |kernel BUG at ).*"),
)
_TIME = re.compile(r"^(?:<\d+>)?\[\s*\d+\.\d+\](?:\[[^\]]*\])?\s*")
# What follows a panic, and ends every kernel: not its last word.
_NOISE = re.compile(
    r"^(?:---\[ end|Rebooting in \d|Restarting system|CPU\d*: stopping|SMP: stopping|reboot: |Call trace|"
    r"Kernel Offset|CPU features|Memory Limit|Backtrace|Hardware name|CPU: \d|Function entered|Code: |\s|$)"
)
# init/main.c, run_init_process(); Android's init and systemd write to the kernel's log, too.
_USERLAND = re.compile(r"Run \S+ as init process|\binit: |\bsystemd\[1\]")
# What the host kernel's hardboot code says itself, at the start of a line, perhaps behind the name
# of a module. A command line, or who built the kernel, is none of it.
_HARDBOOT = re.compile(r"(?:\w+: )?(?:hardboot page\b|(?:kexec[_ ])?hardboot: )", re.IGNORECASE)
_HARDBOOT_INFO = re.compile(r"hardboot page reserved|hardboot: record at", re.IGNORECASE)
# fs/pstore/platform.c, pstore_register_console(): such a kernel keeps its console over a warm reset.
_KEEPS_CONSOLE = re.compile(r"console \[(?:ramoops|pstore)-1\] enabled")
_RECORD_WRITTEN = re.compile(r"hardboot: record at", re.IGNORECASE)


@dataclass(frozen=True)
class GuestLog:
    """A log of the ROM that was started.

    Attributes:
        file: Its name.
        last: Its last line, without the time.
        death: The line that tells a crash; None if there is none.
        userland: Whether its init had started.
    """

    file: str
    last: str
    death: str | None
    userland: bool


def find_guest(
    logs: Iterable[tuple[str, str]], *, mark: str | None, release: str | None, host_release: str | None
) -> GuestLog | None:
    """Return what the ROM's log tells; None if none of the logs is known to be its own.

    A log is the ROM's if it holds the mark of this start, or the version of its kernel, if the host's is
    another.

    Args:
        logs: Names and texts, the most telling first.
        mark: Of this start.
        release: Of the ROM's kernel.
        host_release: Of the kernel that ran before.
    """
    for name, text in logs:
        lines = text.splitlines()
        start = max((at for at, line in enumerate(lines) if _VERSION.search(line)), default=0)
        own = lines[start:]  # an old ram_console keeps several kernels in one file
        versions = [found[1] for line in own if (found := _VERSION.search(line))]
        marked = mark is not None and any(mark in line.split() for line in own)
        named = release is not None and release != host_release and release in versions
        if marked or named:
            return _read(name, [_TIME.sub("", line).rstrip() for line in own])
    return None


def _read(name: str, lines: Sequence[str]) -> GuestLog:
    deaths = [found[0] for one in _DEATHS for line in lines if (found := one.search(line))]
    telling = [line for line in lines if not _NOISE.match(line)]
    return GuestLog(
        file=name,
        last=_short(telling[-1]) if telling else "",
        death=_short(deaths[0]) if deaths else None,
        userland=any(_USERLAND.search(line) for line in lines),
    )


def hardboot_problem(kernel_log: str) -> str | None:
    """Return what the host kernel's hardboot code complains about in its log; None if it does not."""
    lines = [_TIME.sub("", line).strip() for line in kernel_log.splitlines()]
    problems = [one for one in lines if _HARDBOOT.match(one) and not _HARDBOOT_INFO.search(one)]
    return _short(problems[-1]) if problems else None


def keeps_console(kernel_log: str) -> bool:
    """Return whether the kernel of this log keeps its console in RAM."""
    return _KEEPS_CONSOLE.search(kernel_log) is not None


def wrote_record(logs: Iterable[tuple[str, str]]) -> bool:
    """Return whether one of the logs ends with the host kernel's that wrote the record and did the reset."""
    for _, text in logs:
        _, version, after = text.rpartition("Linux version ")
        if _RECORD_WRITTEN.search(after if version else text):
            return True
    return False


def _short(line: str) -> str:
    line = line.strip()
    return line if len(line) <= _SHOWN else f"{line[: _SHOWN - 1]}…"
