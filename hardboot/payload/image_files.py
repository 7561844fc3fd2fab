"""Speak with image-files: the files in an image, whatever it holds; see image-files.c and files.c."""

import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import unquote_to_bytes

from hardboot.base.errors import DeviceError
from hardboot.payload.agent_errors import STILL_RUNS

# `ro`: nothing writes to the image; `replay`: mounted read-only, but a journal that the ROM left is replayed.
Access = Literal["ro", "replay", "rw"]
Kind = Literal["folder", "file", "link", "other", "missing"]

NOT_MOUNTED = 125  # exit code where the command was not run, or the disk stays
NO_MAPPER = "no device mapper"  # what image-files.c says for a kernel without it
IN_USE = "in use"  # and for a disk that somebody has open

_KINDS: dict[str, Kind] = {"d": "folder", "f": "file", "l": "link", "o": "other", "-": "missing"}
_LINE = re.compile(r"([dflo-]) (0x[0-9a-f]{1,4}) (0x[0-9a-f]{1,16}) (0x[0-9a-f]{1,16}) (/[!-~]{0,12288})")
_PLAIN = frozenset(range(0x21, 0x7F)) - {ord("%")}


@dataclass(frozen=True)
class Mount:
    """How an image is mounted for a command; see image-files.c.

    Attributes:
        access: Who may write to it.
        device: Path of the block device that its runs lie on.
        table: Path of the file with the content of `build_table`.
        disk: Name of the device-mapper disk.
        filesystem: In the image.
        folder: Empty folder of the phone.
    """

    access: Access
    device: str
    table: str
    disk: str
    filesystem: str
    folder: str

    def command(self, program: str, words: Sequence[str]) -> str:
        """Return the shell command that does what `words` say with the files of the image."""
        own = [self.access, self.device, self.table, self.disk, self.filesystem, self.folder]
        return shlex.join([program, *own, *words])


@dataclass(frozen=True)
class FileInfo:
    """A file in an image.

    Attributes:
        path: Absolute, as bytes: a file system knows no encoding.
        mode: Permission bits.
        size: Bytes.
        modified: Seconds since 1970 (UTC).
    """

    path: bytes
    kind: Kind
    mode: int = 0
    size: int = 0
    modified: int = 0


@dataclass(frozen=True)
class Part:
    """Bytes of a file in an image."""

    path: bytes
    offset: int
    size: int


def forget_command(program: str, folder: str, disks: Iterable[str]) -> str:
    """Return the shell command that removes disks which a command that was killed left.

    Args:
        program: Path of image-files on the phone.
        folder: Empty folder of the phone.
        disks: Their names.
    """
    return shlex.join([program, "forget", folder, *disks])


def list_words(paths: Iterable[bytes], *, below: bool) -> list[str]:
    """Return the words that list files, with all `below` them or not; `parse_listing` reads the output."""
    return ["list" if below else "look", *map(escape, paths)]


def read_words(wanted: str) -> list[str]:
    """Return the words of `read`; `wanted` is the path of a file with the content of `build_wanted`."""
    return ["read", wanted]


def write_words(changes: str, sources: str) -> list[str]:
    """Return the words of `write`.

    Args:
        changes: Path of a file with lines of `folder_line` and `file_line`.
        sources: Path of the folder with the files that they name.
    """
    return ["write", changes, sources]


def run_words(shell: str, command: str) -> list[str]:
    """Return the words that run a command in a shell of the phone, given by its path."""
    return ["run", shell, "-c", command]


def build_wanted(parts: Iterable[Part]) -> bytes:
    """Return the list for `read_words`."""
    return "".join(f"{one.offset:#x} {one.size:#x} {escape(one.path)}\n" for one in parts).encode()


def folder_line(path: bytes, mode: int) -> str:
    """Return the line that makes a folder, unless it is there."""
    return f"d {mode:#x} {escape(path)}\n"


def file_line(path: bytes, mode: int, name: str) -> str:
    """Return the line that writes a file; `name` is that of the file with its content."""
    return f"f {mode:#x} {name} {escape(path)}\n"


def escape(path: bytes) -> str:
    """Return a path as image-files reads it, in printable ASCII."""
    return "".join(chr(byte) if byte in _PLAIN else f"%{byte:02x}" for byte in path)


def parse_listing(text: str) -> tuple[FileInfo, ...]:
    """Return the files in the output of `list_words`, each folder before what is in it.

    Raises:
        DeviceError: If it is no such output, or names what no file system could.
    """
    found: list[FileInfo] = []
    for line in text.splitlines():
        match = _LINE.fullmatch(line)
        path = unquote_to_bytes(match[5]) if match else b""
        if match is None or b"\0" in path:
            raise DeviceError(
                f"unexpected answer from image-files on the phone: {line[:300]!r}",
                state=STILL_RUNS,
                fix="Run the command again, which copies the program again. If it stays, report it with -v.",
            )
        mode, size, modified = (int(word, 16) for word in match.groups()[1:4])
        found.append(FileInfo(path, _KINDS[match[1]], mode, size, modified))
    return tuple(found)
