"""The record of a change to partitions, on this computer and on the phone, from before its first byte.

It is kept until the partitions hold what they are meant to hold, so that the next command, also one of
another computer, finds a change that was cut off, or one that is to be put back. A record that is settled
stays on the phone: it tells a computer that comes back with an older one that this was settled elsewhere.
"""

import platform
import secrets
import shlex
import time
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from hardboot.base import documents, log
from hardboot.base.documents import Time
from hardboot.base.errors import DeviceError, HardbootError
from hardboot.base.files import make_folder, read_bytes, state_dir, write_atomic
from hardboot.base.temporary import temporary_folder
from hardboot.device.phone import Phone, safe_serial
from hardboot.device.shells import read

# Below /data/adb, which belongs to root alone and which updates of Android leave alone.
KEPT = "/data/adb/hardboot"
_PATH = f"{KEPT}/transaction.json"
_LIMIT = 64 << 10  # bytes; a record has some KiB
MOST_BYTES = 4096  # of a write of bytes: a page
# For `roots`; `parse` reads the output.
QUERY = f"head -c {_LIMIT} {_PATH} 2>/dev/null; true"

_Text = Annotated[str, Meta(max_length=4096)]
_Digest = Annotated[str, Meta(pattern=r"^[0-9a-f]{64}\Z")]
_Size = Annotated[int, Meta(ge=0, lt=1 << 48)]
_Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,71}\Z")]
State = Literal["planned", "begun", "written"]


class PartitionWrite(Struct, frozen=True, kw_only=True):
    """One partition of a change: an image at its start, or some bytes in it.

    Attributes:
        partition: Its name on the phone, with its slot.
        image: What is written, in words: the file as the user named it.
        offset: Of the first byte that is written.
        size: Bytes that are written.
        old_sha256: Of what it held: the whole partition; the bytes at `offset`, if `old_bytes` are known.
        old_size: Bytes that `old_sha256` is of.
        new_sha256: Of what is written.
        old_bytes: What those bytes held before a write of bytes; None for an image.
        backup: On `computer`, the file with what `rescue` names; None for bytes.
        rescue: What is written over a mix of both: the old content, or the new one if that is the backup.
        state: How far the write came; "written" is read back and compared.
    """

    partition: _Name
    image: _Text
    offset: _Size = 0
    size: _Size
    old_sha256: _Digest
    old_size: _Size
    new_sha256: _Digest
    old_bytes: Annotated[bytes, Meta(max_length=MOST_BYTES)] | None = None
    backup: _Text | None = None
    rescue: Literal["old", "new"] = "old"
    state: State = "planned"


class Transaction(Struct, frozen=True, kw_only=True):
    """A change to one or several partitions of a phone.

    Attributes:
        id: A random number.
        revision: Grows with each change to the record.
        way: What made it: `flash-host-kernel`, `restore`, or a way to boot.
        serial: ro.serialno of the phone.
        computer: The name of the computer that made it.
        begun: Seconds since 1970 (UTC), on its clock.
        put_back: Whether the old content is to be put back, by `hardboot home`.
        writes: In the order in which they are made; undone in the reverse order.
        on_phone: Whether the phone keeps the record, too.
        settled: Whether nothing is left to be done.
    """

    version: Literal[1] = 1
    id: Annotated[str, Meta(pattern=r"^[0-9a-f]{16}\Z")]
    revision: Annotated[int, Meta(ge=0, lt=1 << 31)] = 0
    way: Annotated[str, Meta(pattern=r"^[a-z-]{1,32}\Z")]
    serial: _Text
    computer: _Text
    begun: Time
    put_back: bool
    writes: Annotated[tuple[PartitionWrite, ...], Meta(min_length=1, max_length=16)]
    on_phone: bool = False
    settled: bool = False

    @property
    def began(self) -> str:
        """The time when it was begun, on this computer's clock."""
        return datetime.fromtimestamp(self.begun).strftime("%Y-%m-%d %H:%M")

    @property
    def summary(self) -> str:
        """What is left of it, in words."""
        if self.put_back and self.is_complete:
            names = " and ".join(one.partition for one in self.writes)
            return f"boot --via {self.way} of {self.began} changed {names}, to be put back"
        names = " and ".join(f"{one.image} to {one.partition}" for one in self.writes)
        return f"writing {names} was cut off on {self.began}"

    @property
    def is_complete(self) -> bool:
        """Whether everything was written, read back and compared."""
        return all(one.state == "written" for one in self.writes)

    @property
    def is_local(self) -> bool:
        """Whether this computer made it, and has its backups."""
        return self.computer == this_computer()

    def document(self) -> dict[str, object]:
        """Return the record as JSON has it."""
        built: dict[str, object] = msgspec.to_builtins(self)
        return built


def this_computer() -> str:
    """Return the name of this computer."""
    return platform.node()[:255]


def new(phone: Phone, way: str, writes: Sequence[PartitionWrite], *, put_back: bool) -> Transaction:
    """Return the record of a change that is going to be made; it is not kept yet."""
    return Transaction(
        id=secrets.token_hex(8),
        way=way,
        serial=phone.serialno,
        computer=this_computer(),
        begun=time.time(),
        put_back=put_back,
        writes=tuple(writes),
    )


def keep(phone: Phone, known: Transaction) -> Transaction:
    """Keep a new revision of the record on the phone and on this computer, safe from a power failure.

    Without room on the phone, or where its /data is not writable, it is kept on this computer alone.
    """
    known = replace(known, revision=known.revision + 1)
    on_phone = replace(known, on_phone=True)
    _keep_here(on_phone if known.on_phone else known)  # the phone may be lost while it gets its own
    try:
        _keep_on_phone(phone, on_phone)
    except DeviceError as error:
        if not known.on_phone:
            log.warn(f"the phone cannot keep the record of this write; this computer does: {error.what}")
        return known
    if not known.on_phone:
        _keep_here(on_phone)
    return on_phone


def settle(phone: Phone, known: Transaction) -> None:
    """Note that nothing is left to be done: the phone keeps that, this computer drops the record."""
    try:
        if known.on_phone:
            _keep_on_phone(phone, replace(known, revision=known.revision + 1, settled=True))
    except DeviceError as error:  # it looks at the partitions the next time
        log.detail(f"the record on the phone stays: {error.what}")
    _path(known.serial).unlink(missing_ok=True)


def find(phone: Phone) -> Transaction | None:
    """Return the change to a phone that is not settled; None if there is none."""
    return of_both(phone.serialno, parse(phone.root(QUERY).text))


def of_both(serialno: str, there: Transaction | None) -> Transaction | None:
    """Return the change that is not settled, from this computer's record and the phone's.

    Args:
        serialno: ro.serialno of the phone.
        there: The phone's record; None if it has none, or cannot be read.
    """
    here = of_computer(serialno)
    if there is None or there.serial != serialno:
        return here
    if here is None or (here.on_phone and here.id != there.id):
        newest = there  # another computer made the last change, after it had seen ours settled
    elif here.id == there.id:
        newest = max(there, here, key=lambda one: (one.revision, one.settled))
    else:
        newest = here if there.settled else there
    if not newest.settled:
        return newest
    _path(serialno).unlink(missing_ok=True)
    return None


def of_computer(serialno: str) -> Transaction | None:
    """Return this computer's record of a change to a phone; None if there is none."""
    path = _path(serialno)
    if not path.exists():
        return None
    try:
        return parse(read_bytes(path, limit=_LIMIT))
    except HardbootError as error:
        log.detail(error.what)
        return None


def parse(text: str | bytes) -> Transaction | None:
    """Return the record in `text`; None if there is none, or none of this version."""
    try:
        return documents.decode(text, Transaction) if text.strip() else None
    except documents.DecodeError as error:
        log.detail(f"not a record of a change: {error}")
        return None


def _path(serialno: str) -> Path:
    return state_dir() / "transactions" / f"{safe_serial(serialno)}.json"


def _keep_here(known: Transaction) -> None:
    path = _path(known.serial)
    make_folder(path.parent)
    write_atomic(path, [msgspec.json.encode(known)])


def _keep_on_phone(phone: Phone, known: Transaction) -> None:
    with temporary_folder() as folder:
        file = folder / "record"
        file.write_bytes(msgspec.json.encode(known))
        staged = phone.stage(file, "transaction.json")
    part = f"{_PATH}.part"
    command = f"umask 077; mkdir -p {KEPT} && cat {staged} > {part} && sync && mv {part} {_PATH} && sync"
    command = f"sh -c {shlex.quote(command)}"
    read(command, phone.root_locked(command))
