"""What an attempt left on the phone: kept logs, the reason of the last restart, the kernel that runs now.

It is read when the ROM did not come up, or else by the next command: the next reset would destroy it.
"""

import re
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from msgspec.structs import replace

from hardboot.attempts import causes, store
from hardboot.attempts.attempt import INTERRUPTED, Attempt, LikelyCause, RunningKernel
from hardboot.attempts.causes import Evidence
from hardboot.attempts.presence import Presence
from hardboot.base import log
from hardboot.base.errors import DeviceError, InputError
from hardboot.crash import lastlog
from hardboot.crash.lastlog import KeptLog
from hardboot.device.handset import KERNEL, KernelIdentity, parse_kernel
from hardboot.device.phone import Phone
from hardboot.device.shells import answers, as_one
from hardboot.flows.journal import GUEST_UP, NOT_STARTED
from hardboot.transport.base import Output

_LOG_BYTES = 256 << 10  # of dmesg, the newest; the buffers of phones have 128 KiB to 1 MiB
_FILE_BYTES = 1 << 20  # of a kept log, the newest
_TOTAL_BYTES = 8 << 20  # of all kept logs of an attempt
_MAX_KEPT = 64  # files in pstore
_SETTLED_S = 60.0  # a kernel that still runs so long after an interrupted attempt is not left any more
_PSTORE = "/sys/fs/pstore"
_DMESG = f"dmesg 2>/dev/null | tail -c {_LOG_BYTES}"
_KEPT = f"sha256sum {_PSTORE}/* 2>/dev/null; true"
# Properties that tell why the phone started; AOSP system/core/bootstat. The bootloader's word is a parameter.
_REASONS = ("ro.boot.bootreason", "sys.boot.reason", "persist.sys.boot.reason", "ro.boot.mode")
_REASON_QUERY = as_one(
    *(f"getprop {name}" for name in _REASONS),
    "cat /proc/bootconfig /proc/cmdline 2>/dev/null | tr ' ' '\\n' | grep -i reason",
    "cat /proc/uptime",
)
GUEST, SAME, OTHER = "guest", "same", "other"


@dataclass(frozen=True)
class Aftermath:
    """What was found on the phone.

    Attributes:
        kernel: That runs.
        logs: The kept ones; None if they could not be read.
        kernel_log: Of the running kernel.
        reasons: What the phone says about its last restart, by name.
    """

    kernel: KernelIdentity
    logs: tuple[KeptLog, ...] | None
    kernel_log: str
    reasons: dict[str, str] = field(default_factory=dict)


@dataclass
class Before:
    """What a phone tells before a start.

    Attributes:
        kernel_log: Of the running kernel; None before it is known.
        logs: SHA-256 of each file in pstore, by name: what it holds by now tells nothing of the ROM.
    """

    kernel_log: str | None = None
    logs: dict[str, str] = field(default_factory=dict)

    @classmethod
    def ask(cls, phone: Phone) -> "Before":
        """Return it; the next commands for root bring it along."""
        before = cls()

        def take(output: Output) -> None:
            *kept, dmesg = answers(output.text)
            before.logs = _parse_kept("".join(kept))
            before.kernel_log = dmesg[-_LOG_BYTES:]

        phone.after_next(as_one(_KEPT, _DMESG), take)
        return before


def _parse_kept(text: str) -> dict[str, str]:
    """Return the SHA-256 of each file in pstore, by name, from the output of _KEPT."""
    lines = text.splitlines()[:_MAX_KEPT]
    found = (re.fullmatch(r"([0-9a-f]{64}) +\S*/(\S{1,100})", line) for line in lines)
    return {one[2]: one[1] for one in found if one}


def read(phone: Phone, before: RunningKernel | None, logs: tuple[KeptLog, ...] | None = None) -> Aftermath:
    """Read everything from a phone that answers.

    Args:
        phone: The phone.
        before: The kernel that ran before the attempt: if it still runs, no logs are read.
        logs: The kept ones, if they were read already.

    Raises:
        DeviceError: If it does not answer, or there is no root.
    """
    said, dmesg, told = phone.roots(KERNEL, _DMESG, _REASON_QUERY)
    kernel = parse_kernel(said)
    if before is not None and kernel.boot_id == before.boot_id:
        logs = ()
    if logs is None:
        try:
            logs = lastlog.read(phone)
        except DeviceError as error:
            log.detail(error.what)
    return Aftermath(kernel, logs, dmesg.text[-_LOG_BYTES:], _parse_reasons(told))


def _parse_reasons(output: Output) -> dict[str, str]:
    *values, words, uptime = answers(output.text)
    named = {
        **dict(zip(_REASONS, values, strict=False)),
        "bootloader": words,
        "uptime": uptime.partition(" ")[0],
    }
    return {name: " ".join(value.split())[:200] for name, value in named.items() if value.strip()}


def keep(attempt: Attempt, found: Aftermath) -> Attempt:
    """Keep what was found in the folder of the attempt; return its new description."""
    now = found.kernel
    if attempt.mark is not None and attempt.mark in now.marks:
        what = GUEST
    else:
        what = SAME if attempt.host and attempt.host.boot_id == now.boot_id else OTHER
    if found.kernel_log:
        _keep_file(attempt, "dmesg-after.txt", found.kernel_log.encode())
    attempt = replace(attempt, looked=time.time(), afterwards=what, reasons=found.reasons)
    if what == SAME:
        attempt = replace(attempt, outcome=attempt.outcome or NOT_STARTED)
        return with_cause(attempt, None, kernel_log=found.kernel_log)
    _keep_logs(attempt, found.logs or ())
    if what == GUEST:  # slower than the command waited, or that was interrupted
        guest = RunningKernel(release=store.text(now.release), boot_id=store.text(now.boot_id))
        return replace(attempt, outcome=GUEST_UP, cause=None, guest=guest)
    attempt = replace(attempt, outcome=attempt.outcome or INTERRUPTED)
    return with_cause(attempt, found, kernel_log=found.kernel_log)


def _keep_logs(attempt: Attempt, logs: Sequence[KeptLog]) -> None:
    room = _TOTAL_BYTES
    for one in logs:
        data = one.text.encode()[-min(_FILE_BYTES, room) :] if room > 0 else b""
        room -= len(data)
        if data:
            _keep_file(attempt, f"{one.name}.txt", data)


def _keep_file(attempt: Attempt, name: str, content: bytes) -> None:
    try:
        store.write_file(attempt, name, content)
    except InputError as error:
        log.detail(error.what)


def with_cause(attempt: Attempt, found: Aftermath | None, *, kernel_log: str = "") -> Attempt:
    """Return the attempt with its likely cause.

    Args:
        attempt: With its outcome.
        found: What the restarted phone tells; None if it was not asked.
        kernel_log: Of the running kernel.
    """
    logs = list(found.logs or ()) if found else []
    fresh = [one for one in logs if attempt.logs_before.get(one.name) != one.sha256]
    image = attempt.image
    cause = causes.diagnose(
        Evidence(
            outcome=attempt.outcome,
            start=attempt.start,
            mark=attempt.mark,
            release=image.release if image else None,
            host_release=attempt.host.release if attempt.host else None,
            logs=[(one.name, one.text) for one in fresh],
            kept=bool(logs) if found and found.logs is not None else None,
            had_logs=bool(attempt.logs_before),
            kernel_log=kernel_log,
            reasons=[value for name, value in attempt.reasons.items() if name != "uptime"],
            presence=Presence(attempt.presence) if attempt.presence else Presence.UNKNOWN,
        )
    )
    if cause is None:
        return attempt
    return replace(attempt, cause=LikelyCause(kind=cause.kind, sentence=cause.sentence, fix=cause.fix))


def collect(phone: Phone, logs: tuple[KeptLog, ...] | None = None, *, alone: bool = False) -> None:
    """Read what the newest attempt on this phone left, unless that was done; nothing stops for it.

    Args:
        phone: The phone.
        logs: The kept ones, if they were read already.
        alone: Whether other commands are kept away meanwhile: then no attempt runs.
    """
    try:
        newest = store.newest(phone.serialno)
        if newest is None or newest.looked or (newest.is_running and not alone):
            return
        if newest.outcome == GUEST_UP and logs is None:
            return  # only `hardboot log` looks whether it crashed later
        attempt = replace(newest, outcome=newest.outcome or INTERRUPTED)
        done = keep(attempt, read(phone, attempt.host, logs))
        if done.afterwards == SAME and time.time() - done.began < _SETTLED_S:
            return  # it may be leaving right now
        if done.afterwards == GUEST and newest.outcome == GUEST_UP:
            return  # it runs
        store.write(done)
    except (DeviceError, InputError) as error:
        log.detail(error.what)
        return
    if done.cause and done.cause != newest.cause:
        image = f" of {done.image.name}" if done.image else ""
        log.say(f"The last boot{image}: likely cause: {done.cause.sentence}")
    if done.afterwards != SAME:
        log.say(f"What the last boot left on the phone is kept: hardboot attempts show {done.id}")
