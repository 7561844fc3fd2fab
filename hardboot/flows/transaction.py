"""Change partitions as one recorded change: all of them hold the new content afterwards, or all the old one.

`write` makes a change; `unsettled.put_back` ends the one of a way to boot that is to be undone, and one that
was cut off. Between the two every command finds the record (transaction_record.py).
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from hardboot.base import log
from hardboot.base.errors import DeviceError, DeviceStateError, HardbootError, RefusedError
from hardboot.base.files import PrivateCopy, sha256_file
from hardboot.base.interrupts import if_cut_off
from hardboot.base.temporary import temporary_folder
from hardboot.device import battery, by_name
from hardboot.device.phone import BlockDevice, Phone
from hardboot.flows import partition_read, partition_write, phone_backup, unsettled
from hardboot.flows import transaction_record as records
from hardboot.flows.backup import Backup
from hardboot.flows.partition_read import NOTHING_WRITTEN, back_up
from hardboot.flows.restart import WAIT_S
from hardboot.flows.transaction_record import MOST_BYTES, PartitionWrite, State, Transaction


@dataclass(frozen=True)
class NewBytes:
    """A few bytes to be written into a partition, MOST_BYTES at most.

    Attributes:
        partition: Its name, as `by_name.full_name` takes it.
        offset: Of the first byte.
        data: The bytes.
        name: What they are, in words.
    """

    partition: str
    offset: int
    data: bytes
    name: str


@dataclass(frozen=True)
class Piece:
    """A part of a change that is ready to be written.

    Attributes:
        device: Of the partition.
        source: The file on this computer with the new content.
        saved: The backup of what the partition holds; None for bytes, and if that is not worth one.
        write: Its record.
    """

    device: BlockDevice
    source: Path
    saved: Backup | None
    write: PartitionWrite


def write(
    phone: Phone,
    way: str,
    images: Mapping[str, PrivateCopy],
    *,
    put_back: bool,
    also: Sequence[NewBytes] = (),
    wait_s: float = WAIT_S,
) -> Transaction | None:
    """Write images to partitions, then bytes, as one change; the old content is saved, whatever it is.

    Args:
        phone: The phone.
        way: What makes the change; see `Transaction`.
        images: By the names of partitions, as `by_name.full_name` takes them; written in this order.
        put_back: Whether `unsettled.put_back` is to undo it later; else it is settled at once.
        also: Bytes that are written after the images, in this order.
        wait_s: Seconds to wait for a phone that is gone in the middle, to see what its partitions hold.

    Returns:
        The record; None if nothing was to be written, because all of it was there already.

    Raises:
        RefusedError: If a partition does not exist, is too small or write-protected, the battery is low, or
            an earlier change is not settled.
        DeviceError: If it failed and every partition holds what it held before.
        DeviceStateError: If old content had to be put back, or it is not known what a partition holds.
    """
    with ExitStack() as stack:
        with if_cut_off(NOTHING_WRITTEN):
            check(phone)
            devices = {name: device_of(phone, name, image) for name, image in images.items()}
            pieces = []
            for name, image in images.items():
                saved = back_up(phone, by_name.full_name(phone, name), devices[name], allow_broken=True)
                pieces.append(piece(by_name.full_name(phone, name), devices[name], image, saved))
            folder = stack.enter_context(temporary_folder())
            pieces += [_bytes_piece(phone, one, folder / f"{n}") for n, one in enumerate(also)]
        return make(phone, way, pieces, put_back=put_back, wait_s=wait_s)


def check(phone: Phone, *, over: Collection[str] = ()) -> None:
    """Lock the phone, and refuse one whose partitions should not be written now.

    Args:
        phone: The phone.
        over: Partitions that may be overwritten though a write to them was cut off.

    Raises:
        RefusedError: If another command uses it, its battery is low, or an earlier change is not settled.
    """
    (charge,) = phone.hold(battery.QUERY)
    battery.check(charge)
    unsettled.require_settled(phone, over=over)


def device_of(phone: Phone, name: str, image: PrivateCopy) -> BlockDevice:
    """Return the block device of a partition, after checking that the image fits.

    Args:
        phone: The phone.
        name: Of the partition, as `by_name.full_name` takes it.
        image: What is to be written.

    Raises:
        RefusedError: If it does not fit; see also `by_name.partition`.
    """
    device = by_name.partition(phone, by_name.full_name(phone, name))
    check_fits(device, str(image.name), image.size)
    return device


def check_fits(device: BlockDevice, name: str, size: int) -> None:
    """Refuse an image of `size` bytes that is larger than the partition.

    Raises:
        RefusedError: If it is.
    """
    if size > device.size:
        raise RefusedError(
            f"{name} has {size} bytes, {device.path} holds {device.size}",
            state="Nothing was written.",
            fix="Make the image smaller: compress the ramdisk more, build less into the kernel.",
        )


def piece(
    partition: str, device: BlockDevice, image: PrivateCopy, saved: Backup | None, *, old_sha256: str = ""
) -> Piece:
    """Return the part of a change that writes an image.

    Args:
        partition: Its name on the phone.
        device: Its block device.
        image: No larger than the partition.
        saved: The backup of what it holds; None if that is not worth one, and `image` is a backup.
        old_sha256: Of what it holds, if there is no backup.
    """
    return Piece(
        device,
        image.path,
        saved,
        PartitionWrite(
            partition=partition,
            image=str(image.name),
            size=image.size,
            old_sha256=saved.sha256 if saved else old_sha256,
            old_size=device.size,
            new_sha256=image.sha256,
            backup=str(saved.path if saved else image.name),
            rescue="old" if saved else "new",
        ),
    )


def _bytes_piece(phone: Phone, one: NewBytes, file: Path) -> Piece:
    """Return the part of a change that writes bytes; `file` takes them.

    Raises:
        RefusedError: If they do not fit.
        DeviceError: If the partition cannot be read.
    """
    assert 0 < len(one.data) <= MOST_BYTES
    name = by_name.full_name(phone, one.partition)
    device = by_name.partition(phone, name)
    if one.offset + len(one.data) > device.size:
        raise RefusedError(
            f"{one.name} at offset {one.offset:#x} ends behind {device.path}, which has {device.size} bytes",
            state="Nothing was written.",
            fix="Boot the image another way: hardboot boot IMAGE --dry-run shows which.",
        )
    held = partition_read.read_range(phone, device, one.offset, len(one.data))
    file.write_bytes(one.data)
    record = PartitionWrite(
        partition=name,
        image=one.name,
        offset=one.offset,
        size=len(one.data),
        old_sha256=hashlib.sha256(held).hexdigest(),
        old_size=len(held),
        new_sha256=hashlib.sha256(one.data).hexdigest(),
        old_bytes=held,
    )
    return Piece(device, file, None, record)


def make(
    phone: Phone, way: str, pieces: Sequence[Piece], *, put_back: bool, wait_s: float = WAIT_S
) -> Transaction | None:
    """Make a change whose old content is saved; see `write`."""
    with if_cut_off(NOTHING_WRITTEN):
        pieces = [one for one in pieces if not _is_there(phone, one)]
        if not pieces:
            _settle_superseded(phone)
            return None
        staged = phone.stage_all([(one.source, f"{one.write.partition}-new.img") for one in pieces])
        for one, file in zip(pieces, staged, strict=True):
            _prove_backup(phone, one, file)
            _check_held(phone, one)
        known = records.new(phone, way, [one.write for one in pieces], put_back=put_back)
    for number, one in enumerate(pieces):
        with if_cut_off(_not_begun(pieces[:number]), None if not number else "Undo it: hardboot home"):
            known = records.keep(phone, _marked(known, number))
            before = phone.kernel()
        path = one.device.path
        with if_cut_off(
            f"{partition_write.mixed(path)} A write may still be running.",
            partition_write.recover(one.write),
            unknown=True,
        ):
            failure = partition_write.write(
                phone, one.device, one.write, staged[number], before=before, wait_s=wait_s
            )
            if failure:
                _undo(phone, known, pieces[:number], failure)
    return _finish(phone, known)


def _settle_superseded(phone: Phone) -> None:
    known = records.find(phone)
    if known:
        records.settle(phone, known)


def _is_there(phone: Phone, one: Piece) -> bool:
    wanted = partition_write.new_range(phone, one.device, one.write)
    if wanted.current() != one.write.new_sha256:
        return False
    log.say(f"{one.device.path} holds {one.write.image} already.")
    return True


def _prove_backup(phone: Phone, one: Piece, staged: str) -> None:
    """Refuse to write over what this computer has no whole backup of; keep one on the phone, too.

    Raises:
        DeviceError: If the backup is damaged.
    """
    if one.write.old_bytes is not None:
        return
    if one.saved is None:
        phone_backup.keep(phone, one.write.partition, staged, one.write.new_sha256, one.write.size)
        return
    if sha256_file(one.saved.path) != one.saved.sha256:
        raise DeviceError(
            f"the backup {one.saved.path} reads back damaged",
            state=NOTHING_WRITTEN,
            fix="Check this computer's disk, then try again.",
        )
    path, size = one.device.path, one.device.size
    phone_backup.keep(phone, one.write.partition, path, one.saved.sha256, size)


def _check_held(phone: Phone, one: Piece) -> None:
    """Refuse to write if the partition does not hold what was saved.

    Raises:
        DeviceError: If something else wrote it meanwhile.
    """
    old = partition_write.old_range(phone, one.device, one.write)
    if old.current() != one.write.old_sha256:
        raise DeviceError(
            f"{one.device.path} changed after its backup was made",
            state=NOTHING_WRITTEN,
            fix="Find out what else writes to it, then try again.",
        )


def _not_begun(done: Sequence[Piece]) -> str:
    if not done:
        return NOTHING_WRITTEN
    names = ", ".join(one.device.path for one in done)
    return f"The new content is in {names}, read back and compared; the rest was not written."


def _marked(known: Transaction, number: int, state: State = "begun") -> Transaction:
    """Return the record in which all writes before `number` are written, and that one has `state`."""
    return replace(
        known,
        writes=tuple(
            replace(one, state="written" if n < number else state if n == number else one.state)
            for n, one in enumerate(known.writes)
        ),
    )


def _finish(phone: Phone, known: Transaction) -> Transaction:
    with if_cut_off("Everything was written, read back and compared."):
        known = _marked(known, len(known.writes))
        if known.put_back:
            return records.keep(phone, known)
        records.settle(phone, known)
        return known


def _undo(phone: Phone, known: Transaction, done: Sequence[Piece], cause: HardbootError) -> None:
    """After a write that failed and was put in order, put back those before it; always raises."""
    try:
        for one in reversed(done):
            partition_write.write_rescue(phone, one.device, one.write, computer="this computer")
    except (DeviceError, RefusedError) as error:
        raise partition_write.unknown(one.device.path, one.write, cause, error) from cause
    records.settle(phone, known)
    if not done:
        raise cause
    raise DeviceStateError(
        cause.what,
        state="All partitions hold what they held before, read back and compared.",
        fix=cause.fix,
    ) from cause
