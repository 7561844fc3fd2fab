"""Write an image into a file on the phone, whole, while the phone reads it back from the raw partition.

Pages that are zero are not sent, but written there. The agent writes, and a second one hashes meanwhile what
has reached the disk, past the phone's cache.
"""

from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.base.temporary import temporary_folder
from hardboot.device.hashes import time_for
from hardboot.device.phone import Phone
from hardboot.flows.store.place import Place
from hardboot.formats.reading import Data
from hardboot.payload import agent as agents
from hardboot.payload import agent_errors, extents
from hardboot.payload.extents import Extent
from hardboot.store.pages import PAGE_SIZE, stream


@dataclass(frozen=True)
class Written:
    """What the raw partition holds of an image.

    Attributes:
        sha256: Of all its bytes, in hex.
        extents: Where they lie.
    """

    sha256: str
    extents: tuple[Extent, ...]


def send(phone: Phone, agent: str, where: Place, image: Data, target: str, *, first: int = 0) -> Written:
    """Write `image` to the file `target`, and return what the raw partition holds of it.

    Args:
        phone: The phone.
        agent: Path of the agent on the phone.
        where: The place of its ROMs.
        image: Whole pages.
        target: Absolute path.
        first: Page to begin with; those before it are there.

    Raises:
        DeviceError: If it fails; the file may be there in part.
    """
    size = len(image)
    command = _write_command(agent, where, target, first, size)
    with log.progress(f"Writing {target.rpartition('/')[2]}", size) as advance:
        advance(first * PAGE_SIZE)
        pages = stream(image, first, progress=advance)
        output = phone.feed_root(command, pages, timeout_s=time_for(size))
    return _parse(output.text)


def copy(phone: Phone, agent: str, where: Place, source: str, size: int, target: str) -> Written | None:
    """Write the file `source` of the phone to the file `target`; None if that fails, as it may be damaged."""
    with temporary_folder() as folder:
        runs = folder / "whole"
        runs.write_bytes(agents.build_runs([(0, size // PAGE_SIZE)]))
        staged = phone.stage(runs, runs.name)
    command = f"cat {staged} {source} 2>/dev/null | {_write_command(agent, where, target, 0, size)}"
    output = phone.root(command, timeout_s=2 * time_for(size))
    try:
        return _parse(output.text)
    except DeviceError as error:
        log.detail(f"{source} is not copied: {error.what}")
        return None


def _write_command(agent: str, where: Place, target: str, first: int, size: int) -> str:
    """Return the command that writes what it reads to a file, and prints what `_parse` reads."""
    pages = size // PAGE_SIZE
    steps = (
        agents.pour_command(agent, target, first, pages),
        extents.reread_command(agent, target, where.node, pages),
    )
    return " | ".join(steps)


def _parse(text: str) -> Written:
    """Return what the output of a `_write_command` says.

    Raises:
        DeviceError: If something failed.
    """
    if agent_errors.parse_failure(text) or not text.startswith("extent="):
        raise agent_errors.failure("pour", text)
    return Written(*extents.parse_reread(text))
