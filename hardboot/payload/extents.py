"""Speak with the agent about the blocks of files: where they lie, and block devices made of them."""

import re
import shlex
import struct
from collections.abc import Iterable
from dataclasses import dataclass

from hardboot.base.errors import DeviceError
from hardboot.payload.agent_errors import STILL_RUNS

SECTOR = 512  # bytes; the unit of device mapper, whatever the device's own sectors are
RUNS_MAX = 8192  # DM_TARGETS_MAX in dm.h

_EXTENT = re.compile(r"extent=(0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,8})")
_DEVICE = re.compile(r"^device=(0x[0-9a-f]{1,3}) (0x[0-9a-f]{1,5})\r?$", re.MULTILINE)


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


@dataclass(frozen=True)
class FileBlocks:
    """Where a file lies.

    Attributes:
        extents: In the order of the file.
        pinned: Whether the file system keeps them in their places; None if it does not tell (ext4 never moves
            them by itself).
    """

    extents: tuple[Extent, ...]
    pinned: bool | None = None


def extents_command(agent: str, file: str) -> str:
    """Return the shell command that prints where `file` lies; `agent` is the agent's path on the phone."""
    return shlex.join([agent, "extents", file])


def pin_command(agent: str, file: str) -> str:
    """Return the shell command that keeps f2fs from moving the blocks of `file`."""
    return shlex.join([agent, "pin", file])


def map_command(agent: str, control: str, name: str, device: str, table: str, *, read_only: bool) -> str:
    """Return the shell command that makes a block device.

    Args:
        agent: Path of the agent on the phone.
        control: Device mapper's control node, /dev/device-mapper or /dev/mapper/control.
        name: Of the new device.
        device: Block device of which it is made, as MAJOR:MINOR or a path.
        table: File with the content of `build_table`.
        read_only: Refuse writes to it.
    """
    return shlex.join([agent, "map", control, name, device, table, f"{read_only:#x}"])


def unmap_command(agent: str, control: str, name: str) -> str:
    """Return the shell command that removes a block device made by `map_command`."""
    return shlex.join([agent, "unmap", control, name])


def build_table(extents: Iterable[Extent]) -> bytes:
    """Build the table of a block device (struct run_of_sectors in dm.h).

    Args:
        extents: In the order of the device, without gaps, all numbers multiples of SECTOR.
    """
    return b"".join(
        struct.pack("<QQQ", one.logical // SECTOR, one.length // SECTOR, one.physical // SECTOR)
        for one in extents
    )


def parse_extents(text: str) -> FileBlocks:
    """Read the answer to `extents_command`.

    Raises:
        DeviceError: If it is no such answer.
    """
    found: list[Extent] = []
    pinned = None
    for line in text.split("\n"):
        line = line.rstrip("\r")
        if match := _EXTENT.fullmatch(line):
            found.append(Extent(*(int(word, 16) for word in match.groups())))
        elif line in ("pinned=0", "pinned=1"):
            pinned = line == "pinned=1"
        elif line:
            raise _unexpected(line)
    return FileBlocks(tuple(found), pinned)


def parse_device(text: str) -> tuple[int, int]:
    """Return major and minor number of a new block device, from the answer to `map_command`.

    Raises:
        DeviceError: If it is no such answer.
    """
    found = _DEVICE.search(text)
    if not found:
        raise _unexpected(text)
    return int(found[1], 16), int(found[2], 16)


def _unexpected(text: str) -> DeviceError:
    return DeviceError(
        f"unexpected answer from the agent on the phone: {text.strip()[-300:] or 'nothing'!r}",
        state=STILL_RUNS,
        fix="Run the command again, which copies the agent again. If the error stays, report it with -v.",
    )
