"""Write a partition of the phone: write, flush, read back, compare; whatever happens, say what it holds.

After a write that failed, the writer is ended, what the partition holds is compared with the old and the new
image, and a mix of both is replaced by the backup. What cannot be found out is reported as unknown, and a
note on this computer lets the next command go on (unfinished_write.py).
"""

import shlex
import time
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, HardbootError
from hardboot.base.files import PrivateCopy
from hardboot.base.interrupts import if_cut_off
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import BlockDevice, Phone
from hardboot.device.staging import STAGING
from hardboot.flows import unfinished_write
from hardboot.flows.backup import Backup
from hardboot.flows.partition_read import BACKUP_NAME, NOTHING_WRITTEN, flush_command, look, time_for
from hardboot.flows.restart import WAIT_S
from hardboot.flows.unfinished_write import UnfinishedWrite

_WRITER = f"{STAGING}/writer"  # the process ID of the running dd
_END_WRITER_S = 20  # a dd that waits for flash memory longer than this is told to the user


@dataclass(frozen=True)
class _Write:
    """One image on its way into a partition; sizes in bytes, `digest` is its SHA-256 in hex."""

    phone: Phone
    device: BlockDevice
    size: int
    digest: str

    def run(self, source: str) -> None:
        """Copy `source`, a file of the phone, to the partition, flush, and compare what the flash holds.

        Raises:
            DeviceError: If it fails, or the partition reads back differently.
        """
        target = shlex.quote(self.device.path)
        with log.step(f"Writing {self.device.path}"):
            dd = f"exec dd if={shlex.quote(source)} of={target} bs=1048576 conv=notrunc,fsync"
            write = f"sh -c {shlex.quote(f'echo $$ >{_WRITER}; {dd}')}"
            self.phone.read(
                f"{write} && rm -f {_WRITER} && {{ {flush_command(self.device)}; }}",
                timeout_s=time_for(self.size),
            )
        with log.step(f"Reading back {self.device.path}"):
            current = self.phone.sha256(self.device.path, self.size, first=self.size)
        if current != self.digest:
            raise DeviceError(
                f"{self.device.path} does not hold what was written: its SHA-256 is {current}, "
                f"not {self.digest}",
                state="The partition holds neither the old nor the new image.",
                fix="Restore the backup.",
            )


def write(
    phone: Phone,
    partition: str,
    device: BlockDevice,
    image: PrivateCopy,
    saved: Backup | None,
    *,
    wait_s: float = WAIT_S,
) -> None:
    """Write an image to the start of a partition; the rest of it stays as it is.

    Args:
        phone: The phone.
        partition: Name of the partition.
        device: Its block device.
        image: No larger than the partition.
        saved: Backup of what it holds; None if that is not a complete image, and `image` is a backup.
        wait_s: Seconds to wait for a phone that is gone, to see what the partition holds.

    Raises:
        DeviceError: If it failed and the partition holds what it held before.
        DeviceStateError: If what it holds is a backup that had to be put back, or is not known.
    """
    with if_cut_off(NOTHING_WRITTEN):
        before = phone.kernel()
        staged = phone.stage(image.path, "new.img")
    note = UnfinishedWrite(
        serial=phone.serialno,
        partition=partition,
        image=str(image.name),
        size=image.size,
        sha256=image.sha256,
        backup=str(saved.path if saved else image.name),
        old_sha256=saved.sha256 if saved else None,
        begun=time.time(),
    )
    unfinished_write.begin(note)
    new = _Write(phone, device, image.size, image.sha256)
    with if_cut_off(
        f"{device.path} holds the old image, the new one or a mix of both; a write may still be running.",
        _recover(note),
    ):
        try:
            new.run(staged)
        except DeviceError as error:
            _settle(new, note, saved, before, error, wait_s)
    unfinished_write.end(phone.serialno, partition)


def _settle(
    new: _Write,
    note: UnfinishedWrite,
    saved: Backup | None,
    before: KernelIdentity,
    cause: HardbootError,
    wait_s: float,
) -> None:
    """After a failed write, return if the partition holds the new image; else put it in order and raise."""
    device = new.device.path
    log.warn(f"{cause.what}; checking what {device} holds")
    try:
        with log.step("Waiting for the phone", limit_s=wait_s):
            now = new.phone.kernel_anew(timeout_s=wait_s)
        if now.boot_id == before.boot_id:
            _end_writer(new.phone, device, cause, note)
        holds = look(new.phone, new.device, note)
    except DeviceStateError:
        raise
    except DeviceError as error:
        raise _unknown(device, note, cause, error) from error
    if holds == "new":
        log.warn(f"{device} does hold the new image, read back and compared")
        return
    if holds == "old":
        unfinished_write.end(note.serial, note.partition)
        raise DeviceError(
            cause.what,
            state=f"{device} holds what it held before, read back and compared.",
            fix="Read the kernel log (adb shell su -c dmesg), then try again.",
        ) from cause
    if saved is None:
        raise _unknown(device, note, cause, None) from cause
    _put_back(new, note, saved, cause)


def _put_back(new: _Write, note: UnfinishedWrite, saved: Backup, cause: HardbootError) -> None:
    """Write the backup over a mix of two images; always raises, and says what the partition holds now."""
    phone, device = new.phone, new.device.path
    log.warn(f"{device} holds neither the old nor the new image; writing the backup")
    try:
        copy = f"{STAGING}/{BACKUP_NAME}"
        if phone.root(f"test -f {copy}").code or phone.sha256(copy, saved.size) != saved.sha256:
            copy = phone.stage(saved.path, BACKUP_NAME)
        _Write(phone, new.device, saved.size, saved.sha256).run(copy)
    except DeviceError as error:
        raise _unknown(device, note, cause, error) from error
    unfinished_write.end(note.serial, note.partition)
    raise DeviceStateError(
        cause.what,
        state=f"The backup was written: {device} holds what it held before, read back and compared.",
        fix="The flash memory may be failing. Read the kernel log first: adb shell su -c dmesg",
    ) from cause


def _end_writer(phone: Phone, device: str, cause: HardbootError, note: UnfinishedWrite) -> None:
    """End the dd of a write that was given up, and see it gone: it must not go on over what is written next.

    Raises:
        DeviceStateError: If it does not end.
    """
    seconds = " ".join(map(str, range(_END_WRITER_S)))
    command = (
        f'p=$(cat {_WRITER} 2>/dev/null) || exit 0; test -n "$p" || exit 1; kill -9 $p 2>/dev/null; '
        f"for s in {seconds}; do kill -0 $p 2>/dev/null || exit 0; sleep 1; done; exit 1"
    )
    with log.step("Ending the write that failed", limit_s=_END_WRITER_S):
        output = phone.root(f"sh -c {shlex.quote(command)}", timeout_s=_END_WRITER_S + 30)
    if output.code:
        raise DeviceStateError(
            f"{cause.what}; the write cannot be ended",
            state=f"It may still be writing {device}, until the phone restarts.",
            fix=f"{_recover(note)} Do not flash anything before the phone has restarted.",
        )


def _unknown(
    device: str, note: UnfinishedWrite, cause: HardbootError, error: DeviceError | None
) -> DeviceStateError:
    """Return the error for a partition that could not be looked at, or not be put in order."""
    return DeviceStateError(
        cause.what + (f"; then: {error.what}" if error and error.what != cause.what else ""),
        state=f"{device} holds the old image, the new one or a mix of both: it is not known which.",
        fix=_recover(note),
    )


def _recover(note: UnfinishedWrite) -> str:
    """Return what to do about a partition that may hold a mix of two images."""
    return (
        f"If the phone still runs, do not restart it: {note.restore_command}. If it does not boot, start its "
        "recovery (most phones: hold power and volume up; docs/rescue.md), then do the same there."
    )
