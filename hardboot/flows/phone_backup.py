"""Backups that the phone keeps itself: the newest of each partition, so that any computer can put it back."""

import shlex

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.device.phone import Phone
from hardboot.device.staging import free_bytes
from hardboot.flows.partition_read import time_for
from hardboot.flows.transaction_record import KEPT

_SPARE = 64 << 20  # bytes that stay free: Android needs some to start


def path(partition: str) -> str:
    """Return where the phone keeps the backup of a partition."""
    return f"{KEPT}/{partition}.img"


def holds(phone: Phone, partition: str, sha256: str, size: int) -> bool:
    """Return whether the phone keeps the backup with this content."""
    kept = path(partition)
    if phone.root(f"test -f {kept}").code:
        return False
    try:
        return phone.sha256(kept, size) == sha256
    except DeviceError as error:
        log.detail(error.what)
        return False


def keep(phone: Phone, partition: str, source: str, sha256: str, size: int) -> bool:
    """Keep a copy of a partition on the phone, in place of an older one; return whether it does.

    Args:
        phone: The phone.
        partition: Its name.
        source: The block device, or a file on the phone with its content.
        sha256: Of the content, in hex.
        size: Bytes.
    """
    if holds(phone, partition, sha256, size):
        return True
    target = path(partition)
    make = f"umask 077; rm -f {target} {target}.part; mkdir -p {KEPT} && df -k {KEPT}"
    output = phone.root(f"sh -c {shlex.quote(make)}")
    free = free_bytes(output.text)
    if output.code or (free is not None and free < size + _SPARE):
        log.warn(f"the phone has no room for a backup of {partition}: it is on this computer only")
        return False
    copy = (
        f"umask 077; dd if={shlex.quote(source)} of={target}.part bs=1048576 conv=fsync && "
        f"mv {target}.part {target} && sync"
    )
    try:
        with log.step(f"Keeping a backup of {partition} on the phone"):
            phone.read(f"sh -c {shlex.quote(copy)}", timeout_s=time_for(size))
            if phone.sha256(target, size) == sha256:
                return True
        reason = "it reads back differently"
    except DeviceError as error:
        reason = error.what
    log.warn(f"the phone cannot keep a backup of {partition}, it is on this computer only: {reason}")
    phone.root(f"rm -f {target} {target}.part")
    return False
