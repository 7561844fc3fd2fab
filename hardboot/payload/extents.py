"""Speak with the agent about the blocks of files: where they lie, and what is in them."""

import re
import shlex
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from hardboot.base.errors import DeviceError
from hardboot.payload.agent_errors import STILL_RUNS

SECTOR = 512  # bytes; the unit of device mapper, whatever the device's own sectors are
RUNS_MAX = 8192  # DM_TARGETS_MAX in dm.h

_HASH = re.compile(r"sha256=([0-9a-f]{64})")
_EXTENT = re.compile(r"extent=(0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,8})")


@dataclass(frozen=True)
class Extent:
    """Bytes of a file that lie in one piece on the block device of its file system.

    Attributes:
        logical: Offset in the file.
        physical: Offset in the block device.
        length: Bytes.
        flags: FIEMAP_EXTENT_* of include/uapi/linux/fiemap.h.
    """

    logical: int
    physical: int
    length: int
    flags: int = 0


def extents_command(agent: str, file: str) -> str:
    """Return the shell command that prints where `file` lies; `agent` is the agent's path on the phone."""
    return shlex.join([agent, "extents", file])


def pin_command(agent: str, file: str) -> str:
    """Return the shell command that keeps f2fs from moving the blocks of `file`; again does no harm."""
    return shlex.join([agent, "pin", file])


def blocks_command(agent: str, device: str, table: str) -> str:
    """Return the shell command that prints what a block device holds in the runs of a table.

    Args:
        agent: Path of the agent on the phone.
        device: Path of the block device.
        table: File with the content of `build_table`.
    """
    return shlex.join([agent, "blocks", device, table])


def reread_command(agent: str, file: str, device: str, pages: int) -> str:
    """Return the shell command that hashes what a block device holds of a file that `pour_command` writes.

    It reads the output of that command; `parse_reread` reads its own.

    Args:
        agent: Path of the agent on the phone.
        file: File that is being written.
        device: Path of the block device below its file system.
        pages: How many pages it will have.
    """
    return shlex.join([agent, "reread", file, device, f"{pages:#x}"])


def build_table(extents: Iterable[Extent]) -> bytes:
    """Build the table of a disk (struct run_of_sectors in dm.h).

    Args:
        extents: In the order of the disk, without gaps, all numbers multiples of SECTOR.
    """
    return b"".join(
        struct.pack("<QQQ", one.logical // SECTOR, one.length // SECTOR, one.physical // SECTOR)
        for one in extents
    )


def parse_extents(text: str) -> tuple[Extent, ...]:
    """Return where a file lies, in its order, from the answer to `extents_command`.

    Raises:
        DeviceError: If it is no such answer.
    """
    found: list[Extent] = []
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if match := _EXTENT.fullmatch(line):
            found.append(Extent(*(int(word, 16) for word in match.groups())))
        elif line:
            raise _unexpected(line)
    return tuple(found)


def parse_reread(text: str) -> tuple[str, tuple[Extent, ...]]:
    """Return the SHA-256, in hex, and where the file lies, from the answer to `reread_command`.

    Raises:
        DeviceError: If it is no such answer.
    """
    *lines, last = text.rstrip("\r\n").split("\n")
    match = _HASH.fullmatch(last)
    if match is None:
        raise _unexpected(last)
    return match[1], parse_extents("\n".join(lines))


def _unexpected(text: str) -> DeviceError:
    return DeviceError(
        f"unexpected answer from the agent on the phone: {text.strip()[-300:] or 'nothing'!r}",
        state=STILL_RUNS,
        fix="Run the command again, which copies the agent again. If the error stays, report it with -v.",
    )
