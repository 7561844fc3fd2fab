"""The blocks of images as block devices of the running kernel."""

import secrets
import shlex
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.base.temporary import temporary_folder
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows.store.place import Place
from hardboot.payload import agent_errors, extents
from hardboot.payload.extents import Extent
from hardboot.store import blocks


def runs_of(phone: Phone, agent: str, where: Place, path: str, *, name: str, size: int) -> tuple[Extent, ...]:
    """Return where the file of an image lies now.

    Args:
        phone: The phone.
        agent: Path of the agent on it.
        where: The place of its ROMs.
        path: Of the file.
        name: Of the image, for the error.
        size: Bytes it has.

    Raises:
        RefusedError: If its blocks are not its own for good, see `blocks.check`.
        DeviceError: If the phone does not answer.
    """
    output = phone.root(extents.extents_command(agent, path))
    if output.code:
        raise agent_errors.failure("extents", output.text)
    found = extents.parse_extents(output.text)
    return blocks.check(name, found, size=size, partition_size=where.size, f2fs=where.f2fs)


def sha256(phone: Phone, agent: str, where: Place, runs: Sequence[Extent], *, size: int) -> str | None:
    """Return the SHA-256 of what the raw partition holds there; None without device mapper.

    Raises:
        DeviceError: If it cannot be mapped or read.
    """
    if where.control is None:
        log.detail("no device mapper: the raw blocks are not compared")
        return None
    with mapped(phone, agent, where, runs, read_only=True) as device:
        return phone.sha256(device, size, first=size)


@contextmanager
def mapped(
    phone: Phone, agent: str, where: Place, runs: Sequence[Extent], *, read_only: bool
) -> Iterator[str]:
    """Map runs of the raw partition as a block device; yield the path of its node.

    Raises:
        DeviceError: If the kernel refuses it.
    """
    assert where.control is not None
    name = f"hardboot-{secrets.token_hex(4)}"
    node = f"{STAGING}/{name}"
    with temporary_folder() as folder:
        table = folder / f"{name}.table"
        table.write_bytes(extents.build_table(runs))
        staged = phone.stage(table, table.name)
    # Before the raw blocks are read, what the file system still has in memory goes to them.
    command = extents.map_command(agent, where.control, name, where.number, staged, read_only=read_only)
    output = phone.root(f"sync; echo 3 >/proc/sys/vm/drop_caches; {command}", timeout_s=120)
    if output.code:
        raise agent_errors.failure("map", output.text)
    try:
        major, minor = extents.parse_device(output.text)
        made = phone.root(f"mknod {node} b {major} {minor} && chmod 600 {node}")
        if made.code:
            raise DeviceError(
                f"a block device cannot be made in {STAGING}: {made.text.strip()[-200:]}",
                state="Nothing was written to it.",
                fix="Check that root may make devices there: adb shell su -c 'mknod /data/local/tmp/x b 7 0'",
            )
        yield node
    finally:
        unmap = extents.unmap_command(agent, where.control, name)
        output = phone.root(f"rm -f {shlex.quote(node)}; {unmap}")
        if output.code:
            log.warn(f"{name} stays mapped until the phone restarts: {output.text.strip()}")
