"""ADB's file service on one stream: stat, send, receive (AOSP packages/modules/adb, SYNC.TXT)."""

import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from hardboot.transport.adb_link import LinkError

_CHUNK = 64 * 1024  # bytes; file_sync_protocol.h, SYNC_DATA_MAX
_PATH_MAX = 1024  # bytes; file_sync_service.cpp refuses longer names
_ID_SIZE = struct.Struct("<4sI")
_STAT = struct.Struct("<4s3I")  # id, mode, size, time

_GARBAGE = "Try again; if it stays so, restart the phone."


class Channel(Protocol):
    """Bytes to and from one service of a phone. Every method raises LinkError when the way to it fails."""

    @property
    def max_data(self) -> int:
        """The most bytes one `write` takes."""

    @property
    def pending(self) -> bool:
        """True if the phone has said something that was not read yet."""

    def write(self, data: bytes, deadline: float) -> None:
        """Send at most max_data bytes; returns when they were taken, or the phone answered and closed."""

    def read(self, deadline: float) -> bytes:
        """The next bytes from the phone; empty when it closed the channel."""

    def close(self, deadline: float) -> None:
        """Tell the phone that nobody listens any more."""


@dataclass(frozen=True)
class RemoteStat:
    """What a file on the phone is. `size` holds the low 32 bits only."""

    mode: int
    size: int


class Sync:
    """The file service on `stream`. `deadline` gives the time by which the next packet must have come."""

    def __init__(self, stream: Channel, deadline: Callable[[], float]) -> None:
        self._stream = stream
        self._deadline = deadline
        self._buffer = bytearray()

    def stat(self, remote: str) -> RemoteStat:
        """What `remote` is; mode 0 if it does not exist or may not be seen."""
        self._stream.write(_request(b"STAT", remote), self._deadline())
        name, mode, size, _time = _STAT.unpack(self._take(_STAT.size))
        if name != b"STAT":
            raise self._failed(name, mode, remote)
        return RemoteStat(mode, size)

    def send(self, source: BinaryIO, remote: str, mode: int, mtime: int, moved: Callable[[int], None]) -> int:
        """Send `source` to its end as `remote`; returns its size. `moved` is told what the phone took."""
        chunk = min(_CHUNK, self._stream.max_data - _ID_SIZE.size)
        batch = [_request(b"SEND", f"{remote},{stat.S_IFREG | mode}")]
        used, fresh, total = len(batch[0]), 0, 0
        while data := source.read(chunk):
            if used + _ID_SIZE.size + len(data) > self._stream.max_data:
                self._write(batch, remote)
                moved(fresh)
                batch, used, fresh = [], 0, 0
            batch += (_ID_SIZE.pack(b"DATA", len(data)), data)
            used += _ID_SIZE.size + len(data)
            fresh += len(data)
            total += len(data)
        self._write(batch, remote)
        moved(fresh)
        self._stream.write(_ID_SIZE.pack(b"DONE", mtime), self._deadline())  # its answer may be here at once
        name, size = _ID_SIZE.unpack(self._take(_ID_SIZE.size))
        if name != b"OKAY":
            raise self._failed(name, size, remote)
        return total

    def receive(self, remote: str) -> Iterator[bytes]:
        """The content of `remote`, piece by piece."""
        self._stream.write(_request(b"RECV", remote), self._deadline())
        while True:
            name, size = _ID_SIZE.unpack(self._take(_ID_SIZE.size))
            if name == b"DONE":
                return
            if name != b"DATA" or size > _CHUNK:
                raise self._failed(name, size, remote)
            yield self._take(size)

    def _write(self, batch: list[bytes], remote: str) -> None:
        self._stream.write(b"".join(batch), self._deadline())
        if self._stream.pending:  # the phone speaks before the end: only to say that it failed
            name, size = _ID_SIZE.unpack(self._take(_ID_SIZE.size))
            raise self._failed(name, size, remote)

    def _take(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self._stream.read(self._deadline())
            if not data:
                raise LinkError("ended the transfer early")
            self._buffer += data
        result = bytes(self._buffer[:size])
        del self._buffer[:size]
        return result

    def _failed(self, name: bytes, size: int, remote: str) -> LinkError:
        if name != b"FAIL" or size > _CHUNK:
            return LinkError(f"answered {name!r}, which is no answer of the file service", _GARBAGE)
        reason = self._take(size).decode(errors="replace").strip() or "no reason given"
        return LinkError(
            f"refuses {remote}: {reason}",
            "Check free space (df), the folder and its permissions on the phone, then try again.",
        )


def _request(name: bytes, text: str) -> bytes:
    data = text.encode()
    if len(data) > _PATH_MAX or not text.startswith("/") or "\0" in text:
        raise LinkError(
            f"cannot take the name {text[:60]!r}: it must be absolute and at most {_PATH_MAX} bytes",
            "Choose another path on the phone.",
        )
    return _ID_SIZE.pack(name, len(data)) + data
