"""A lock on the phone: one computer at a time loads, starts, restarts, or writes to partitions.

It is a file in RAM, so a restart of the phone ends it. It names its owner, and every command that writes
checks it in the same shell: a command whose lock was taken over does nothing more. What takes longer than one
command renews it each time, for as long as that one may take.
"""

import os
import platform
import re
import secrets
import shlex
import sys
import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.base.process import has_ended
from hardboot.device.handset import Handset, KernelIdentity
from hardboot.device.shells import QUICK_S, SEPARATOR, read
from hardboot.device.staging import COMPUTER
from hardboot.transport.base import Output

PATH = "/dev/hardboot-lock"
# A command takes minutes at most; one that takes longer notices when another computer has taken over.
_LONGEST_S = 600
_UNLOCK_S = 5.0
_LOST = f"lock lost {SEPARATOR}"
_LINE = re.compile(r"([0-9a-f]{16}) ([0-9]{1,10}) ([0-9a-f]{8}) ([0-9]{1,10}) (.{1,160})")
# One cat, as Android's shell has it built in; a point after the last line tells that there is a lock.
_SHOW = f"cat /proc/sys/kernel/random/boot_id /proc/uptime {PATH} 2>/dev/null; [ ! -e {PATH} ] || echo ."


@dataclass(frozen=True)
class Owner:
    """The command that holds a lock.

    Attributes:
        token: A random number.
        since_s: Seconds between the start of the phone's kernel and that of the lock; of one that is kept,
            and the end of the time that its last command may take.
        computer: A short hash that tells computers apart.
        process: Its ID on that computer.
        words: The command, and the name of the computer.
    """

    token: str
    since_s: int
    computer: str
    process: int
    words: str

    def is_gone(self, now_s: float) -> bool:
        """Return whether the command has ended, or must have, `now_s` seconds after the kernel's start.

        Two commands of one computer are kept apart by the lock on that (lock.py), so that one of this process
        is an earlier one.
        """
        ended = self.process == os.getpid() or has_ended(self.process)
        return (self.computer == COMPUTER and ended) or now_s - self.since_s > _LONGEST_S


def parse_owner(line: str) -> Owner | None:
    """Return the owner in the only line of a lock; None if it names none."""
    found = _LINE.fullmatch(line)
    return Owner(found[1], int(found[2]), found[3], int(found[4]), found[5]) if found else None


@dataclass
class LockedHandset(Handset):
    """A connected phone that can be locked."""

    _token: str = field(default_factory=lambda: secrets.token_hex(8), init=False, repr=False)
    _locked_boot_id: str | None = field(default=None, init=False, repr=False)  # None while it is not locked
    _kernel_start: float = field(default=0.0, init=False, repr=False)  # by time.monotonic()
    _is_kept: bool = field(default=False, init=False, repr=False)  # see `keep_locked`

    def kernel_anew(self, *, timeout_s: float) -> KernelIdentity:
        """Connect anew, as any handset; the lock is gone with the kernel that kept it."""
        now = super().kernel_anew(timeout_s=timeout_s)
        if now.boot_id != self._locked_boot_id:
            self._locked_boot_id, self._is_kept = None, False
        return now

    def lock_query(self) -> str:
        """Return the command for `roots` that locks the phone, if it is not; `take_lock` reads its output."""
        make = f'read -r up rest </proc/uptime; {{ echo "{_line(self._token)}" >{PATH}; }} 2>/dev/null'
        return f"set -C; {make}; set +C; {_SHOW}"  # -C: an existing file is kept

    def take_lock(self, output: Output) -> None:
        """Read the output of `lock_query`; take over a lock whose owner is gone.

        Raises:
            RefusedError: If another command holds it.
            DeviceError: If it cannot be made.
        """
        boot_id, now_s, line = _parse(output)
        owner = parse_owner(line or "")
        if owner and owner.token != self._token and owner.is_gone(now_s):
            log.detail(f"taking over the lock of a command that has ended: {owner.words}")
            boot_id, now_s, line = _parse(self.root(_replace_command(owner.token, self._token)))
            owner = parse_owner(line or "")
        if line is None:
            raise DeviceError(
                f"the phone cannot be locked: {PATH} cannot be written",
                state="Nothing was sent.",
                fix="Check that root may write to /dev on the phone: adb shell su -c 'touch /dev/x'",
            )
        if owner is None or owner.token != self._token:
            raise _held(owner, now_s)
        self._locked_boot_id = boot_id
        self._kernel_start = time.monotonic() - now_s

    def keep_locked(self) -> None:
        """Lock the phone until `unlock`: each command for root renews that, or does nothing if it was lost.

        For what looks and changes in many steps, of which one may take an hour.

        Raises:
            RefusedError: If another command holds the lock.
            DeviceError: If it cannot be made, or the phone does not answer.
        """
        self.hold()
        self._is_kept = True

    def root_steps(self, commands: Sequence[tuple[str, float]]) -> Iterator[Output]:
        """Run commands as any phone does, each guarded while the lock is kept; see `keep_locked`.

        Raises:
            DeviceStateError: If the lock was lost.
        """
        if not self._is_kept:
            return super().root_steps(commands)
        kept = [(self._keeping(command, timeout_s), timeout_s) for command, timeout_s in commands]
        return self._checked(super().root_steps(kept))

    def feed_root(self, command: str, source: Iterable[bytes], *, timeout_s: float) -> Output:
        """Run a command as any phone does, guarded while the lock is kept; see `keep_locked`.

        Raises:
            DeviceStateError: If the lock was lost.
        """
        if not self._is_kept:
            return super().feed_root(command, source, timeout_s=timeout_s)
        output = super().feed_root(self._keeping(command, timeout_s), source, timeout_s=timeout_s)
        self.check_lock(output)
        return output

    def _keeping(self, command: str, timeout_s: float) -> str:
        """Return a command that renews the lock for `timeout_s` seconds, or does nothing if it was lost."""
        end_s = time.monotonic() - self._kernel_start + timeout_s
        return self._guard(command, f'echo "{_line(self._token, str(int(end_s)))}" >{PATH}; ')

    def _checked(self, outputs: Iterator[Output]) -> Iterator[Output]:
        for output in outputs:
            self.check_lock(output)
            yield output

    def hold(self, *queries: str) -> list[Output]:
        """Lock the phone unless it is, and run commands for root in the same shell; return their outputs.

        Raises:
            RefusedError: If another command holds the lock.
            DeviceError: If it cannot be made, or the phone does not answer.
        """
        taken, *outputs = self.roots(self.lock_query(), *queries)
        self.take_lock(taken)
        return outputs

    def lock_with_next(self) -> None:
        """Lock the phone in the shell of the next `roots`, which then raises what `hold` does."""
        self.after_next(self.lock_query(), self.take_lock)

    def guarded(self, command: str) -> str:
        """Return a command for root that does nothing if the lock was lost; `check_lock` reads its output.

        Locks the phone first if needed; see `hold`.
        """
        if self._locked_boot_id is None:
            self.hold()
        return self._guard(command)

    def _guard(self, command: str, first: str = "") -> str:
        held = f'{{ read -r token rest <{PATH}; }} 2>/dev/null && [ "$token" = {self._token} ]'
        return f"{held} || {{ echo {_LOST}; exit 1; }}\n{first}{command}"

    def check_lock(self, output: Output) -> None:
        """Read the output of a command from `guarded`.

        Raises:
            DeviceStateError: If the lock was lost.
        """
        if output.code and _LOST in output.text:
            raise DeviceStateError(
                "another computer has taken over the phone, or its lock was removed",
                state="This command did nothing after that; what it did before stays.",
                fix="Wait until no other command uses the phone, then look at it: hardboot status",
            )

    def root_locked(self, command: str, *, timeout_s: float = QUICK_S) -> Output:
        """Run a command as root unless the lock was lost; lock the phone first if needed.

        Raises:
            RefusedError: If another command holds the lock.
            DeviceStateError: If it was lost.
            DeviceError: If there is no root shell.
        """
        output = self.root(self.guarded(command), timeout_s=timeout_s)
        self.check_lock(output)
        return output

    def unlock(self) -> None:
        """Remove the lock if it is held; it stays on a phone that does not answer."""
        if self._locked_boot_id is None:
            return
        self._locked_boot_id, self._is_kept = None, False
        mine = f'{{ read -r token rest <{PATH}; }} 2>/dev/null && [ "$token" = {self._token} ]'
        try:
            self.root(f"{mine} && rm {PATH}", timeout_s=_UNLOCK_S)
        except DeviceError as error:
            log.detail(f"the lock {PATH} stays: {error.what}")


def _parse(output: Output) -> tuple[str, float, str | None]:
    """Return the boot ID, the seconds since the kernel's start, and the lock, from the output of _SHOW."""
    boot_id, uptime, *lock = [*read(_SHOW, output).splitlines(), "", ""]
    seconds = re.match(r"\d{1,10}", uptime)
    is_there = "." in lock
    return boot_id, float(seconds[0]) if seconds else 0.0, lock[0] if is_there else None


def _replace_command(old: str, new: str) -> str:
    """Return the command that replaces the lock with the token `old`, if it is still that one."""
    return (
        f"read -r up rest </proc/uptime; {{ read -r token rest <{PATH}; }} 2>/dev/null; "
        f'[ "$token" != {old} ] || echo "{_line(new)}" >{PATH}; {_SHOW}'
    )


def _line(token: str, since: str = "${up%%.*}") -> str:
    """Return the lock's only line, for double quotes in a shell; $up is what /proc/uptime begins with."""
    words = f"{shlex.join(['hardboot', *sys.argv[1:]])[:100]} on {platform.node()[:40]}"
    plain = re.sub(r"[^A-Za-z0-9 ._/:=@+,'-]", "_", words)
    return f"{token} {since} {COMPUTER} {os.getpid()} {plain}"


def _held(owner: Owner | None, now_s: float) -> RefusedError:
    who, wait = "it does not say which", ""
    if owner is not None:
        age_s = int(now_s) - owner.since_s
        who = f"{owner.words} (process {owner.process}), for {max(0, age_s) // 60} min"
        wait = f"wait {max(_LONGEST_S - age_s, 0) // 60 + 1} min, or "
    return RefusedError(
        f"another command uses the phone: {who}",
        state="Nothing was sent.",
        fix=f"Wait until it ends. If it has died, {wait}remove its lock: adb shell su -c 'rm {PATH}'",
    )
