"""Where files lie on the block device of their file system, as the agent tells and reads it."""

import errno
import hashlib
import struct
from dataclasses import dataclass, field

from scripted_phone.calls import Call
from scripted_phone.files import File, FileSystem
from scripted_phone.kernels import PAGE, AgentError, open_file
from scripted_phone.streams import Opened

LAST = 1  # FIEMAP_EXTENT_LAST
Run = tuple[int, int, int, int]  # offset in the file, on the device, bytes, flags


@dataclass
class Blocks:
    """The blocks of all files: each lies in two pieces, a page of somebody else between them.

    Attributes:
        flags: Of the extents of a file: path to flags.
        spoilt: What the raw device holds other than the files: offset to bytes.
        pins: Whether the file system knows pinning, as f2fs does.
    """

    flags: dict[str, int] = field(default_factory=dict)
    spoilt: dict[int, bytes] = field(default_factory=dict)
    pins: bool = False

    def __post_init__(self) -> None:
        self._places: dict[int, tuple[File, list[Run]]] = {}
        self._free = 1 << 20

    def of(self, path: str, file: File) -> list[Run]:
        """Return where a file lies; it is given a place when that is first asked for."""
        if id(file) not in self._places:
            self.move(file)
        self._extend(file)
        flags = self.flags.get(path.rpartition("/")[2], 0)
        return [(*run[:3], run[3] | flags) for run in self._places[id(file)][1]]

    def _extend(self, file: File) -> None:
        """Give what a file has grown by a place of its own."""
        runs = self._places[id(file)][1]
        end = runs[-1][0] + runs[-1][2] if runs else 0
        grown = (len(file.content) + PAGE - 1) // PAGE * PAGE - end
        if grown > 0:
            runs[:] = [(*run[:3], run[3] & ~LAST) for run in runs]
            runs.append((end, self._free, grown, LAST))
            self._free += grown + PAGE

    def move(self, file: File) -> None:
        """Give a file another place."""
        size = (len(file.content) + PAGE - 1) // PAGE * PAGE
        half = size // 2 // PAGE * PAGE
        runs = []
        for start, length in ((0, half), (half, size - half)):
            if length:
                runs.append((start, self._free, length, LAST if start + length == size else 0))
                self._free += length + PAGE
        self._places[id(file)] = (file, runs)

    def share(self, file: File, other: File) -> None:
        """Let a file lie where another one lies."""
        self._places[id(file)] = (file, self._places[id(other)][1])

    def read(self, physical: int, length: int) -> bytes:
        """Return what the raw device holds."""
        data = bytearray(length)
        for file, runs in self._places.values():
            for logical, start, size, _ in runs:
                low, high = max(start, physical), min(start + size, physical + length)
                if low < high:
                    part = file.content[logical + low - start : logical + high - start]
                    data[low - physical : low - physical + len(part)] = part
        for offset, content in self.spoilt.items():
            if physical <= offset < physical + length:
                data[offset - physical : offset - physical + len(content)] = content
        return bytes(data)


def blocks_of(files: FileSystem) -> Blocks:
    """Return the blocks of a phone's files."""
    found: Blocks = files.__dict__.setdefault("blocks", Blocks())
    return found


def pour(call: Call, words: list[str]) -> None:
    """Write pages of a file; what no run gives is zero. Tell how many pages are written."""
    name, at, end = words[0], int(words[1], 16), int(words[2], 16)
    path = call.shell.path(name)
    try:
        node = call.files.create(path, call.user, 0o600)
        out = Opened(call.files, path, node, at * PAGE)
        call.out.write(struct.pack("<Q", at))
        while at < end:
            start, count = struct.unpack("<II", _input(call, 8))
            out.write(bytes((start - at) * PAGE))
            for _ in range(count):
                out.write(_input(call, PAGE))
            at = start + count
            call.out.write(struct.pack("<Q", at))
    except OSError as error:
        raise AgentError(f"write {name}", error.errno or 0) from error


def _input(call: Call, size: int) -> bytes:
    data = call.stdin.read(size)
    if len(data) < size:
        raise AgentError("past the end of standard input", errno.EINVAL)
    return data


def reread(call: Call, words: list[str]) -> None:
    """Hash what a device holds of a file that is being written, and tell where it lies."""
    open_file(call, words[1])
    at, end, digest = 0, int(words[2], 16) * PAGE, hashlib.sha256()
    while at < end:
        written = struct.unpack("<Q", _input(call, 8))[0] * PAGE
        path = call.shell.path(words[0])
        node = call.files.find(path)
        assert isinstance(node, File)
        for logical, physical, length, flags in blocks_of(call.files).of(path, node):
            low, high = max(at, logical), min(written, logical + length)
            if low < high:
                place = physical + low - logical
                digest.update(blocks_of(call.files).read(place, high - low))
                call.out.write(f"extent={low:#x} {place:#x} {high - low:#x} {flags:#x}\n".encode())
        at = written
    call.out.write(f"sha256={digest.hexdigest()}\n".encode())


def extents(call: Call, words: list[str]) -> None:
    """Say where a file lies."""
    path = call.shell.path(words[0])
    open_file(call, words[0])
    node = call.files.find(path)
    assert isinstance(node, File)
    for run in blocks_of(call.files).of(path, node):
        call.out.write(("extent=" + " ".join(f"{value:#x}" for value in run) + "\n").encode())


def pin(call: Call, words: list[str]) -> None:
    """Pin a file, where the file system can."""
    open_file(call, words[0])
    if not blocks_of(call.files).pins:
        raise AgentError(f"pin {words[0]}", errno.ENOTTY)
    call.out.write(b"pinned=1\n")


def read(call: Call, words: list[str]) -> None:
    """Print what a device holds in the runs of a table."""
    open_file(call, words[0])
    for _, length, physical in struct.iter_unpack("<QQQ", open_file(call, words[1])):
        call.out.write(blocks_of(call.files).read(physical * 512, length * 512))
