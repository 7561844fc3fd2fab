"""Where what commands read comes from, and where what they print goes."""

import errno
from dataclasses import dataclass, field
from typing import Protocol

from scripted_phone.files import File, FileSystem, Node, failure


@dataclass
class Input:
    """Bytes to be read once, one after another."""

    name: str = ""  # the path, if it is a file
    data: bytes = b""
    at: int = 0

    def read(self, size: int = -1) -> bytes:
        end = len(self.data) if size < 0 else self.at + size
        found = self.data[self.at : end]
        self.at += len(found)
        return found

    def line(self) -> bytes:
        """Return the next line with its end; b"" at the end."""
        end = self.data.find(b"\n", self.at)
        return self.read(-1 if end < 0 else end + 1 - self.at)


class Output(Protocol):
    """What takes what is printed."""

    name: str

    def write(self, data: bytes) -> None:
        """Take more.

        Raises:
            OSError: If there is no room.
        """


@dataclass
class Collected:
    """Keeps all of it."""

    name: str = ""
    data: bytearray = field(default_factory=bytearray)

    def write(self, data: bytes) -> None:
        self.data += data


@dataclass
class Opened:
    """A file that is written from `at` on."""

    files: FileSystem
    name: str
    node: Node
    at: int = 0

    def write(self, data: bytes) -> None:
        free = None
        if isinstance(self.node, File):
            self.files.writable(self.name)
            free = self.files.free(self.name)
        grows = max(self.at + len(data) - self.node.size(), 0)
        fits = len(data) if free is None else len(data) - max(grows - free, 0)
        self.node.write(self.at, data[:fits])
        self.at += fits
        if fits < len(data):
            raise failure(errno.ENOSPC)
