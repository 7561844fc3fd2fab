"""The blocks of an image on the raw partition: where they are, and what is in them."""

from collections.abc import Sequence

from hardboot.base.errors import RefusedError
from hardboot.base.temporary import temporary_folder
from hardboot.device.hashes import parse_sha256
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.flows.partition_read import time_for
from hardboot.flows.store.place import Place
from hardboot.payload import agent_errors, extents
from hardboot.payload.extents import Extent
from hardboot.store import blocks


def runs_of(phone: Phone, agent: str, where: Place, path: str, *, name: str, size: int) -> tuple[Extent, ...]:
    """Return where the file of an image lies now, and will stay.

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
    if where.f2fs:
        _run(phone, "pin", extents.pin_command(agent, path))
    found = extents.parse_extents(_run(phone, "extents", extents.extents_command(agent, path)))
    return blocks.check(name, found, size=size, partition_size=where.size)


def settled(
    phone: Phone, agent: str, where: Place, path: str, seen: Sequence[Extent], *, name: str, size: int
) -> tuple[Extent, ...]:
    """Return where the file of an image lies for good; see `runs_of`.

    Args:
        phone: The phone.
        agent: Path of the agent on it.
        where: The place of its ROMs.
        path: Of the file.
        seen: Where its content was read on the raw partition.
        name: Of the image, for the error.
        size: Bytes it has.

    Raises:
        RefusedError: If it lies elsewhere now, or its blocks are not its own for good.
        DeviceError: If the phone does not answer.
    """
    runs = runs_of(phone, agent, where, path, name=name, size=size)
    if runs != blocks.check(name, seen, size=size, partition_size=where.size):
        raise RefusedError(
            f"the file system moved {name} while it was written",
            state="Nothing was kept on the phone.",
            fix="Try again.",
        )
    return runs


def sha256(phone: Phone, agent: str, where: Place, runs: Sequence[Extent], *, size: int) -> str:
    """Return the SHA-256 of what the raw partition holds there: what a ROM will see.

    Raises:
        DeviceError: If it cannot be read.
    """
    with temporary_folder() as folder:
        table = folder / "table"
        table.write_bytes(extents.build_table(runs))
        staged = phone.stage(table, table.name)
    # What the file system has in memory goes to the disk first; what is cached of the disk is dropped.
    flush = "sync; echo 3 >/proc/sys/vm/drop_caches"
    command = f"{flush}; {extents.blocks_command(agent, where.node, staged)} | sha256sum"
    return parse_sha256(where.node, read(command, phone.root(command, timeout_s=time_for(size))))


def _run(phone: Phone, step: str, command: str) -> str:
    output = phone.root(command)
    if output.code:
        raise agent_errors.failure(step, output.text)
    return output.text
