"""Judge what hardboot said, by the disk and the console alone: both are read from outside the phone."""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from commands import Ended
from ways import Target

MISC = "misc"  # the bootloader, hb-init and a ROM that marks its slot write to it by themselves
_COMMAND_LINE = b"Kernel command line: "
_SAYS_UNTOUCHED = (
    "Nothing was written",
    "Nothing was sent",
    "Nothing was changed",
    "was not sent",
)
_SAYS_OLD = ("holds what it held before", "hold what they held before", "Everything was put back")
_SAYS_ROM = ("The ROM is flashed", "The ROM is in the", "holds the ROM")
_SAYS_NOTHING = "The last step may be incomplete"
Content = Mapping[str, bytes]


@dataclass(frozen=True)
class Case:
    """What an attacked command began with, and was asked for.

    Attributes:
        target: What was attacked.
        home: What the partitions hold at home.
        begin: What they held when the command began.
        wanted: The host image to be written; empty if a ROM was booted.
        mark: In the command line of the ROM that was booted.
    """

    target: Target
    home: Content
    begin: Content
    wanted: bytes
    mark: bytes

    def is_home(self, now: Content) -> bool:
        """Return whether the partitions hold what they are to hold in the end."""
        return now == self.home or (bool(self.wanted) and self.is_written(now))

    def is_written(self, now: Content) -> bool:
        """Return whether exactly the host image was written."""
        size = len(self.wanted)
        boot = self.wanted + self.home["boot"][size:]
        return now == {**self.home, "boot": boot}


def runs_rom(console: bytes, mark: bytes) -> bool:
    """Return whether the newest kernel on the console is that of the ROM."""
    _, started, rest = console.rpartition(_COMMAND_LINE)
    return bool(started) and mark in rest.partition(b"\n")[0]


def judge(case: Case, done: Ended, now: Content, console: bytes) -> str | None:
    """Return what is wrong with the end of an attacked command.

    Args:
        case: The attack.
        done: The end.
        now: What the partitions hold.
        console: What was said since the command began.
    """
    if done.bug:
        return done.bug
    if done.code == 0:
        return None if _is_done(case, now, console) else "wrong success"
    untouched = all(now[name] == held for name, held in case.begin.items() if name != MISC)
    old = all(now[name] == held for name, held in case.home.items() if name != MISC)
    state = done.state
    false = (
        (any(text in state for text in _SAYS_UNTOUCHED) and not untouched)
        or (any(text in state for text in _SAYS_OLD) and not old)
        or (any(text in state for text in _SAYS_ROM) and old)
        or ("neither" in state and case.is_home(now))
        or ("Nothing was put back yet" in state and not (untouched if case.target.is_home else not old))
    )
    if (state.startswith(_SAYS_NOTHING) and now != case.begin) or not _names_home(case, done, now):
        return f"not explained: {state}"
    return f"untrue: {state}" if false else None


def _names_home(case: Case, done: Ended, now: Content) -> bool:
    """Return whether a boot that left something in a partition says what ends that, unless it was killed."""
    is_killed = done.code < 0 and not done.state
    return is_killed or case.target.is_home or case.is_home(now) or "hardboot home" in done.text


def _is_done(case: Case, now: Content, console: bytes) -> bool:
    if case.target.is_home:
        return case.is_home(now) and not runs_rom(console, case.mark)
    if not case.target.way.boots:
        return case.is_written(now)
    return case.mark in console


def judge_status(case: Case, status: Ended, now: Content) -> str | None:
    """Return what is wrong with what `hardboot status` says about partitions.

    It must tell of everything that is to be put back, and what it says that they hold must be true.
    """
    for name, said in re.findall(r"(\w+) holds (what it held before|neither)", status.text):
        if name != MISC and name in now and (said == "neither") == (now[name] == case.home[name]):
            return f"untrue: {name} holds {said}"
    if case.is_home(now) or "hardboot home" in status.text:
        return None
    return f"not explained: {', '.join(changed(case.home, now))}"


def changed(before: Content, now: Content) -> list[str]:
    """Return the names of the partitions that hold something else than before."""
    return [name for name, held in before.items() if now[name] != held]


def judge_home(case: Case, done: Ended, now: Content, *, is_rom: bool) -> str | None:
    """Return what is wrong with the end of the `hardboot home` that followed."""
    if done.bug or done.code:
        return f"lost: home ended with {done.code}: {' | '.join(done.lines[-3:])}"
    if not case.is_home(now):
        return f"lost: {', '.join(changed(case.home, now))}: something else than before, after home"
    if is_rom:
        return "lost: the ROM runs, after home"
    return None if "its own system" in done.text else f"untrue: not its own system: {done.lines[-2:]}"
