"""The file "start" of a stored ROM: what the program on the phone needs to start it; start.c reads it."""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.layout import BootPlan, LiveMemory, Segment
from hardboot.store.manifest import StoredImage

NAME = "start"
# As in start.c and hardboot.h.
_LIMIT = 65535  # bytes
_RANGES_MAX = 256
_ADDRESS_MAX = (1 << 64) - 1


@dataclass(frozen=True)
class Host:
    """The kernel that a start is planned for.

    Attributes:
        release: As `uname -r` prints it.
        version: As `uname -v` prints it.
        page: Its hardboot page, as it shows it in /sys; None if it does not.
        flag: Of kexec_load(2).
        live: Its memory map.
    """

    release: str
    version: str
    page: str | None
    flag: int
    live: LiveMemory


def table_name(image: StoredImage) -> str:
    """Return the name of the file with the runs of an image."""
    return f"{image.name}.table"


def build(plan: BootPlan, host: Host, images: Sequence[StoredImage], *, pin: bool) -> bytes:
    """Return the content of the file.

    Args:
        plan: Of the start.
        host: The running kernel.
        images: The images of the ROM, in the order in which they are checked.
        pin: Whether the file system moves files that are not pinned (f2fs).

    Raises:
        RefusedError: If the memory map of the phone is larger than the program reads.
    """
    reserved = [one for one in host.live.reserved if any(one.overlaps(part.range) for part in plan.segments)]
    if max(len(host.live.banks), len(reserved)) > _RANGES_MAX:
        raise RefusedError(
            f"System RAM of this phone is in {len(host.live.banks)} pieces, more than {_RANGES_MAX}",
            state="No start files were written.",
            fix="Start the ROM from the computer: hardboot rom boot NAME",
        )
    lines = [
        "hardboot-start 1",
        f"release {host.release}",
        f"version {host.version}",
        *([f"page {host.page}"] if host.page is not None else []),
        f"flag {host.flag:#x}",
        f"entry {plan.entry:#x}",
        f"pin {int(pin):#x}",
        *(f"ram {_range(one)}" for one in host.live.banks),
        *(f"reserved {_range(one)}" for one in reserved),
        *(f"image {one.file} {one.size:#x} {table_name(one)}" for one in images),
        *(_segment(one) for one in plan.segments),
        "end",
    ]
    data = "".join(f"{line}\n" for line in lines).encode()
    assert len(data) <= _LIMIT
    return data


def _range(one: Range) -> str:
    return f"{one.start:#x} {min(one.end, _ADDRESS_MAX):#x}"


def _segment(one: Segment) -> str:
    return f"segment {one.name} {one.addr:#x} {one.memsz:#x} {len(one.data):#x} {zlib.crc32(one.data):#x}"
