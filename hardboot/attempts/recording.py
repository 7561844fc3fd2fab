"""The record of an attempt, written while it runs: a computer that dies leaves what was done by then."""

import os
import platform
import re
import shutil
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from typing import TypeVar

import msgspec
from msgspec.structs import replace

from hardboot import __version__
from hardboot.attempts import aftermath, presence, store
from hardboot.attempts.aftermath import Before
from hardboot.attempts.attempt import (
    INTERRUPTED,
    Attempt,
    Failure,
    Image,
    PhaseTime,
    RunningKernel,
)
from hardboot.base import log, process
from hardboot.base.errors import DeviceError, HardbootError, InputError, RefusedError
from hardboot.base.files import sha256_file
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.device.record import FASTBOOT, HARD, SOFT
from hardboot.flows.journal import (
    BOOTLOADER_CAME_BACK,
    BOOTLOADER_REFUSED,
    BOOTLOADER_SILENT,
    NOT_LEFT,
    NOT_STARTED,
    PHONE_SILENT,
    Cause,
    Journal,
)
from hardboot.payload import agent

_T = TypeVar("_T")
_ANSWER_S = 3.0  # for a phone that should answer
_JUST_S = 2.0  # a kernel that answered so long ago still runs
_LEAVE_S = 10.0  # a kernel that still answers after this does not end
_OUTPUT_LIMIT = 64 << 10  # characters of what a program printed
_TOOL_S = 5.0  # seconds; they answer in milliseconds
# ADB does not answer after these.
_SILENT = (PHONE_SILENT, BOOTLOADER_SILENT, BOOTLOADER_REFUSED, BOOTLOADER_CAME_BACK)


@contextmanager
def recorded(
    phone: Phone,
    journal: Journal,
    *,
    command: Sequence[str],
    plan: Mapping[str, object] | None = None,
    before: Before | None = None,
    only_failed: bool = False,
) -> Iterator[None]:
    """Keep a record of the start of a ROM within the block; an error gets the likely cause.

    A record that cannot be kept stops nothing. After a refusal there is none.

    Args:
        phone: The phone.
        journal: Of the start: each of its phases is recorded when it begins and when it ends.
        command: The command line.
        plan: What is planned, as --dry-run prints it with --json; None if another command has loaded it.
        before: What the phone told; None asks it.
        only_failed: Drop the record if the ROM comes up: of many starts, those that work tell nothing.
    """
    record = _Record(phone, journal, command, plan, before or Before.ask(phone))
    journal.on_change = record.update
    try:
        yield
    except HardbootError as error:
        if isinstance(error, RefusedError) and journal.outcome is None:
            record.drop()  # nothing was tried
        else:
            record.failed(error)
        raise
    except BaseException:  # Ctrl-C, or a bug
        record.interrupted()
        raise
    else:
        if only_failed:
            record.drop()
        else:
            record.succeeded()
    finally:
        journal.on_change = lambda: None


class _Record:
    """Writes one attempt."""

    def __init__(
        self,
        phone: Phone,
        journal: Journal,
        command: Sequence[str],
        plan: Mapping[str, object] | None,
        before: Before,
    ) -> None:
        self._phone = phone
        self._journal = journal
        self._before: Before | None = before
        # While the phone is busy: they take longer than everything else at the end.
        self._clients = _in_background(_client_versions)
        self._works = True
        began = time.time()
        self._attempt = Attempt(
            version=1,
            id=self._quietly(lambda: store.make_folder_for(phone.serialno, began)) or "",
            device=phone.profile.name,
            serial=phone.serialno,
            address=phone.transport.serial,
            command=tuple(store.text(word) for word in command),
            process=os.getpid(),
            versions=_own_versions(phone),
            began=began,
        )
        journal.attempt = self._attempt.id or None
        self._planned = plan is not None
        if plan is not None:
            self._file("plan.json", msgspec.json.format(msgspec.json.encode(plan)))
        self._take_before()
        self._write(self._described(), durable=True)
        self._quietly(lambda: store.prune(self._attempt))

    def _take_before(self) -> None:
        """Keep what the phone told before the start, once it has."""
        before = self._before
        if before is not None and before.kernel_log is not None:
            self._before = None
            self._file("dmesg-before.txt", before.kernel_log.encode())
            self._attempt = replace(self._attempt, logs_before=before.logs)

    def update(self) -> None:
        """Write what has changed."""
        loaded = self._journal.loaded
        if loaded is not None and not self._planned:  # by another command
            self._planned = True
            self._file("plan.json", msgspec.json.format(msgspec.json.encode({"loaded": loaded})))
        self._take_before()
        self._write(self._described())

    def drop(self) -> None:
        """Remove the record."""
        self._works = False
        self._journal.attempt = None
        if self._attempt.id:
            store.remove(self._attempt)

    def succeeded(self) -> None:
        """Write that the ROM came up."""
        self._end(self._described())

    def interrupted(self) -> None:
        """Write that the command ended before the outcome was known."""
        self._end(replace(self._described(), outcome=self._journal.outcome or INTERRUPTED))

    def failed(self, error: HardbootError) -> None:
        """Write the error, and what the phone tells by now; add the likely cause to the error."""
        failure = Failure(
            what=store.text(error.what),
            state=store.text(error.state),
            fix=store.text(error.fix),
            exit_code=error.exit_code,
        )
        if self._journal.outcome == PHONE_SILENT and self._host_answers():
            self._journal.outcome = NOT_LEFT
        attempt = self._write(replace(self._described(), failure=failure))
        if attempt.outcome in _SILENT:
            seen = presence.look(attempt.address, attempt.serial)
            attempt = aftermath.with_cause(replace(attempt, presence=seen.value), None)
        else:
            attempt = self._look_after(attempt)
        cause = attempt.cause
        if cause is not None and not cause.fix:
            attempt = replace(attempt, cause=(cause := replace(cause, fix=failure.fix)))
        elif cause is not None:
            # What to do about partitions that were written comes first.
            in_ram = attempt.start in (HARD, SOFT, FASTBOOT)
            error.explain(cause.sentence, cause.fix if in_ram else f"{error.fix.rstrip('.')}. {cause.fix}")
        self._end(attempt)
        if cause is not None:
            self._journal.cause = Cause(cause.kind, cause.sentence, cause.fix)
        if self._works:
            log.say(f"All that is known of this boot is kept: hardboot attempts show {attempt.id}")

    def _host_answers(self) -> bool:
        """Return whether the kernel that ran before has answered until now, long after it was told to end."""
        host = self._journal.host
        first, last = self._phone.answered.get(host.boot_id if host else "", (0.0, 0.0))
        return time.time() - last < _JUST_S and last - first > _LEAVE_S

    def _look_after(self, attempt: Attempt) -> Attempt:
        """Return the attempt with what a phone tells that should answer."""
        try:
            self._phone.kernel_anew(timeout_s=_ANSWER_S)
            found = aftermath.read(self._phone, attempt.host)
        except DeviceError as problem:
            log.detail(problem.what)
            attempt = replace(attempt, outcome=attempt.outcome or INTERRUPTED)
            return aftermath.with_cause(attempt, None)
        return aftermath.keep(attempt, found)

    def _described(self) -> Attempt:
        """Return the description, with what the journal holds by now."""
        journal = self._journal
        loaded, rom, running = journal.loaded, journal.rom, journal.running
        image = None
        if loaded is not None:
            image = Image(name=loaded.image, sha256=loaded.sha256, release=loaded.release)
        elif rom is not None:
            image = Image(name=store.text(rom.name), sha256=rom.sha256, release=rom.release)
        phases = [PhaseTime(name=one.name, began=one.began, seconds=one.seconds) for one in journal.phases]
        if running is not None:
            phases.append(PhaseTime(name=running.name, began=running.began, seconds=None))
        gone, back = self._absence()
        return replace(
            self._attempt,
            via=journal.via,
            start=loaded.start if loaded else None,
            image=image,
            mark=loaded.mark if loaded else None,
            host=_kernel(journal.host),
            guest=_kernel(journal.guest),
            phases=tuple(phases),
            phase=running.name if running else self._attempt.phase,
            outcome=journal.outcome,
            gone=gone,
            back=back,
        )

    def _absence(self) -> tuple[float | None, float | None]:
        """Return when the phone answered for the last time before it restarted, and again after that."""
        host, answered = self._journal.host, self._phone.answered
        if host is None or self._journal.outcome in (None, NOT_LEFT, NOT_STARTED):
            return None, None
        back = min(
            (first for boot_id, (first, _) in answered.items() if boot_id != host.boot_id), default=None
        )
        return answered[host.boot_id][1] if host.boot_id in answered else None, back

    def _end(self, attempt: Attempt) -> None:
        if self._journal.output:
            text = "".join(
                f"==> {name} <==\n{said[-_OUTPUT_LIMIT:]}\n" for name, said in self._journal.output.items()
            )
            self._file("output.txt", text.encode("utf-8", "backslashreplace"))
        self._write(
            replace(attempt, ended=time.time(), versions=attempt.versions | self._clients.result()),
            durable=True,
        )

    def _write(self, attempt: Attempt, *, durable: bool = False) -> Attempt:
        self._attempt = attempt
        self._quietly(lambda: store.write(attempt, durable=durable))
        return attempt

    def _file(self, name: str, content: bytes) -> None:
        self._quietly(lambda: store.write_file(self._attempt, name, content))

    def _quietly(self, work: Callable[[], _T]) -> _T | None:
        """Run `work` unless the record cannot be written, which is told once and stops nothing."""
        if not self._works:
            return None
        try:
            return work()
        except InputError as error:
            self._works = False
            log.warn(f"the record of this attempt is incomplete: {error.what}")
            return None


def _kernel(kernel: KernelIdentity | None) -> RunningKernel | None:
    if kernel is None:
        return None
    return RunningKernel(release=store.text(kernel.release), boot_id=store.text(kernel.boot_id))


def _own_versions(phone: Phone) -> dict[str, str | None]:
    return {
        "hardboot": __version__,
        "python": platform.python_version(),
        "computer": f"{platform.system()} {platform.machine()}",
        "agent": f"sha256 {sha256_file(agent.binary(phone.profile.arch))[:16]}",
    }


def _client_versions() -> dict[str, str | None]:
    return {name: _client_version(shutil.which(name)) for name in ("adb", "fastboot")}


def _in_background(work: Callable[[], _T]) -> Future[_T]:
    """Run `work` in a thread; what it returns is known later."""
    executor = ThreadPoolExecutor(1)
    future = executor.submit(work)
    executor.shutdown(wait=False)
    return future


@cache
def _client_version(program: str | None) -> str | None:
    """Return the version of a client of this computer; None if it is not installed or does not tell."""
    if program is None:
        return None
    option = "--version" if program.rpartition("/")[2].startswith("fastboot") else "version"
    try:
        said = process.attempt([program, option], timeout_s=_TOOL_S).text
    except HardbootError as error:
        log.detail(error.what)
        return None
    found = re.search(r"^(?:Version |fastboot version )(\S+)", said, re.MULTILINE)
    return found[1] if found else None
