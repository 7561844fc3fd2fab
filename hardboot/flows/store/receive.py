"""Read a file of the store: what is zero in it is not sent."""

import os
from collections.abc import Iterator
from pathlib import Path

from hardboot.base import log
from hardboot.base.temporary import temporary_folder
from hardboot.device.copies import Copy
from hardboot.device.phone import Phone
from hardboot.payload import agent as agents
from hardboot.store.pages import PAGE_SIZE

_PAGES = 4096  # at once: PAGES_MAX of the agent


def save(phone: Phone, agent: str, path: str, size: int, target: Path) -> None:
    """Copy a file of the store into a sparse file of this computer; see `pieces`."""
    with log.progress(f"Reading {target.name}", size) as advance, target.open("wb") as stream:
        for piece in pieces(phone, agent, path, size):
            if piece.count(0) == len(piece):
                stream.seek(len(piece), os.SEEK_CUR)
            else:
                stream.write(piece)
            advance(len(piece))
        stream.truncate()


def pieces(phone: Phone, agent: str, path: str, size: int) -> Iterator[bytes]:
    """Yield the content of a file, in pieces.

    Args:
        phone: The phone.
        agent: Path of the agent on it.
        path: Of the file.
        size: Bytes of the file.

    Raises:
        DeviceError: If it cannot be read.
    """
    pages, rest = divmod(size, PAGE_SIZE)
    with temporary_folder() as folder:
        whole = folder / "runs"
        whole.write_bytes(agents.build_runs([(0, pages)]))
        runs = phone.stage(whole, whole.name)
    for first in range(0, pages, _PAGES):
        count = min(_PAGES, pages - first)
        command = agents.pages_command(agent, path, runs, first, count)
        data = phone.pull_copy(Copy("image-part", path, count * PAGE_SIZE + _PAGES, command)) or b""
        yield b"".join(page or bytes(PAGE_SIZE) for page in agents.parse_pages(data, count))
    if rest:
        yield phone.pull_copy(Copy("image-rest", path, rest, f"tail -c {rest} {path}")) or b""
