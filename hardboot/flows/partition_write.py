"""Write one partition of a change: write, flush, read back, compare; whatever happens, say what it holds.

After a write that failed, the writer is ended, what the partition holds is compared with the old and the new
content, and a mix of both is replaced by the backup. What cannot be found out is reported as unknown, and the
record of the change lets the next command go on (transaction_record.py).
"""

import hashlib
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, HardbootError, RefusedError
from hardboot.base.files import sha256_file
from hardboot.base.temporary import temporary_folder
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import BlockDevice, Phone
from hardboot.device.shells import read
from hardboot.flows import partition_read, phone_backup
from hardboot.flows.partition_read import flush_command, time_for
from hardboot.flows.transaction_record import MOST_BYTES, PartitionWrite

Holds = Literal["old", "new", "neither"]
# The process ID of the running dd. /dev is in RAM: a writer that is gone with its kernel is not looked for.
_WRITER = "/dev/hardboot-writer"
# Its number may have been given to another process since.
_IS_DD = 'is_dd() { case "$(cat /proc/$p/cmdline 2>/dev/null)" in *of=/dev/*) true ;; *) false ;; esac; }'
_END_WRITER_S = 20  # a dd that waits for flash memory longer than this is told to the user


@dataclass(frozen=True)
class PartitionRange:
    """Bytes of a partition, and what they are meant to be.

    Attributes:
        offset: Of the first one in the partition.
        size: How many.
        sha256: Of their content, in hex.
    """

    phone: Phone
    device: BlockDevice
    offset: int
    size: int
    sha256: str

    @property
    def _is_image(self) -> bool:
        return self.offset == 0 and self.size > MOST_BYTES

    def current(self) -> str:
        """Return the SHA-256 of what the phone reads there.

        Raises:
            DeviceError: If it cannot be read.
        """
        if self._is_image:
            return self.phone.sha256(self.device.path, self.size, first=self.size)
        held = partition_read.read_range(self.phone, self.device, self.offset, self.size)
        return hashlib.sha256(held).hexdigest()

    def write(self, source: str) -> None:
        """Copy `source`, a file of the phone, there, flush, and compare what the flash holds.

        Raises:
            DeviceError: If it fails, or reads back differently.
            RefusedError: If another command uses the phone.
            DeviceStateError: If one does since.
        """
        path = self.device.path
        with log.step(f"Writing {path}"):
            where = "bs=1048576" if self._is_image else f"bs=1 seek={self.offset}"
            dd = f"exec dd if={shlex.quote(source)} of={shlex.quote(path)} {where} conv=notrunc,fsync"
            write = f"sh -c {shlex.quote(f'echo $$ >{_WRITER}; {dd}')}"
            command = f"{write} && rm -f {_WRITER} && {{ {flush_command(self.device)}; }}"
            read(command, self.phone.root_locked(command, timeout_s=time_for(self.size)))
        with log.step(f"Reading back {path}"):
            current = self.current()
        if current != self.sha256:
            raise DeviceError(
                f"{path} does not hold what was written: its SHA-256 is {current}, not {self.sha256}",
                state="The partition holds neither the old nor the new content.",
                fix="Put the old content back: hardboot home",
            )


def new_range(phone: Phone, device: BlockDevice, one: PartitionWrite) -> PartitionRange:
    """Return the bytes that a write changes, with their new content."""
    return PartitionRange(phone, device, one.offset, one.size, one.new_sha256)


def look(phone: Phone, device: BlockDevice, one: PartitionWrite) -> Holds:
    """Return what a partition holds: the old content of a write, the new one, or neither.

    Raises:
        DeviceError: If it cannot be read.
    """
    phone.root(flush_command(device), timeout_s=time_for(device.size))
    with log.step(f"Reading {device.path}"):
        if new_range(phone, device, one).current() == one.new_sha256:
            return "new"
        return "old" if old_range(phone, device, one).current() == one.old_sha256 else "neither"


def old_range(phone: Phone, device: BlockDevice, one: PartitionWrite) -> PartitionRange:
    """Return the bytes that a write saved, with their old content."""
    return PartitionRange(phone, device, one.offset, one.old_size, one.old_sha256)


def write(
    phone: Phone,
    device: BlockDevice,
    one: PartitionWrite,
    staged: str,
    *,
    before: KernelIdentity,
    wait_s: float,
) -> HardbootError | None:
    """Make a write whose record is kept; return why it failed, if the partition holds what it held before.

    Args:
        phone: The phone.
        device: Of the partition.
        one: The write.
        staged: The file on the phone with the new content.
        before: The kernel that runs.
        wait_s: Seconds to wait for a phone that is gone, to see what the partition holds.

    Returns:
        None if it holds the new content. Else a DeviceError if nothing was written, a DeviceStateError if the
        old content was put back.

    Raises:
        DeviceStateError: If it is not known what the partition holds.
    """
    try:
        new_range(phone, device, one).write(staged)
    except DeviceError as error:
        return _after_failure(phone, device, one, before, error, wait_s)
    return None


def write_rescue(phone: Phone, device: BlockDevice, one: PartitionWrite, *, computer: str) -> None:
    """Write the content that a write is rescued with: from the phone's backup, else from this computer's.

    Args:
        phone: The phone.
        device: Of the partition.
        one: The write.
        computer: The name of the one that made the write.

    Raises:
        DeviceError: If it fails.
        RefusedError: If there is no whole backup; nothing was written then.
    """
    old = one.rescue == "old"
    wanted = old_range(phone, device, one) if old else new_range(phone, device, one)
    phone.make_staging()
    if one.old_bytes is not None:
        with temporary_folder() as folder:
            file = folder / "bytes"
            file.write_bytes(one.old_bytes)
            wanted.write(phone.stage(file, "old-bytes"))
    elif phone_backup.holds(phone, one.partition, wanted.sha256, wanted.size):
        wanted.write(phone_backup.path(one.partition))
    else:
        wanted.write(phone.stage(_backup_here(one, wanted.sha256, computer), f"{one.partition}-old.img"))


def _backup_here(one: PartitionWrite, sha256: str, computer: str) -> Path:
    """Return the file with a backup on this computer.

    Raises:
        RefusedError: If it is not there, or is damaged.
    """
    file = Path(one.backup or "")
    if not file.is_file() or sha256_file(file) != sha256:
        raise RefusedError(
            f"neither the phone nor this computer has the backup of {one.partition} ({sha256[:16]}…)",
            state=f"Nothing was written to {one.partition} now.",
            fix=f"Run this on {computer}, which has had it as {one.backup}",
        )
    return file


def _after_failure(
    phone: Phone,
    device: BlockDevice,
    one: PartitionWrite,
    before: KernelIdentity,
    cause: HardbootError,
    wait_s: float,
) -> HardbootError | None:
    """After a failed write, put the partition in order; see `write`."""
    path = device.path
    log.warn(f"{cause.what}; checking what {path} holds")
    try:
        with log.step("Waiting for the phone", limit_s=wait_s):
            now = phone.kernel_anew(timeout_s=wait_s)
        if now.boot_id == before.boot_id:
            with log.step("Ending the write that failed", limit_s=_END_WRITER_S):
                ended = _ends_writer(phone)
            if not ended:
                raise DeviceStateError(
                    f"{cause.what}; the write cannot be ended",
                    state=f"It may still be writing {path}, until the phone restarts.",
                    fix=f"{recover(one)} Do not flash anything before the phone has restarted.",
                )
        holds = look(phone, device, one)
    except DeviceError as error:
        raise unknown(path, one, cause, error) from error
    if holds == "new":
        log.warn(f"{path} does hold the new content, read back and compared")
        return None
    if holds == "old":
        return DeviceError(
            cause.what,
            state=f"{path} holds what it held before, read back and compared.",
            fix="Read the kernel log (adb shell su -c dmesg), then try again.",
        )
    if one.rescue == "new":
        raise unknown(path, one, cause, None) from cause
    log.warn(f"{path} holds neither the old nor the new content; writing the backup")
    try:
        write_rescue(phone, device, one, computer="this computer")
    except (DeviceError, RefusedError) as error:
        raise unknown(path, one, cause, error) from error
    return DeviceStateError(
        cause.what,
        state=f"The backup was written: {path} holds what it held before, read back and compared.",
        fix="The flash memory may be failing. Read the kernel log first: adb shell su -c dmesg",
    )


def end_writer(phone: Phone) -> None:
    """End the dd of a write that was given up, and see it gone: it must not go on over what is written next.

    Raises:
        DeviceStateError: If it does not end.
    """
    if not _ends_writer(phone):
        raise DeviceStateError(
            "a write to a partition that was given up cannot be ended",
            state="It may still be writing, until the phone restarts.",
            fix="Do not flash anything before the phone has restarted; then: hardboot home",
        )


def is_running(phone: Phone) -> bool:
    """Return whether a write to a partition is running, by whichever computer."""
    command = f'p=$(cat {_WRITER} 2>/dev/null); test -n "$p" && {_IS_DD}; is_dd'
    return not phone.root(f"sh -c {shlex.quote(command)}").code


def _ends_writer(phone: Phone) -> bool:
    seconds = " ".join(map(str, range(_END_WRITER_S)))
    command = (
        f'p=$(cat {_WRITER} 2>/dev/null) || exit 0; test -n "$p" || exit 1; {_IS_DD}; '
        f"is_dd && kill -9 $p 2>/dev/null; for s in {seconds}; do "
        f"is_dd || {{ rm -f {_WRITER}; exit 0; }}; sleep 1; done; exit 1"
    )
    return not phone.root(f"sh -c {shlex.quote(command)}", timeout_s=_END_WRITER_S + 30).code


def unknown(
    device: str, one: PartitionWrite, cause: HardbootError, error: HardbootError | None
) -> DeviceStateError:
    """Return the error for a partition that could not be looked at, or not be put in order."""
    return DeviceStateError(
        cause.what + (f"; then: {error.what}" if error and error.what != cause.what else ""),
        state=mixed(device),
        fix=recover(one),
    )


def mixed(device: str) -> str:
    """Return the state of a partition that is not known."""
    return f"{device} holds the old content, the new one or a mix of both: it is not known which."


def recover(one: PartitionWrite) -> str:
    """Return what to do about a partition that may hold a mix of two contents."""
    return (
        "If the phone still runs, do not restart it: hardboot home. If it does not boot, start its recovery "
        "(most phones: hold power and volume up; docs/rescue.md), then do the same there."
        + (f" The backup is {shlex.quote(one.backup)}" if one.backup else "")
    )
