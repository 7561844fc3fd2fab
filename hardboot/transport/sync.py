"""ADB's file service on one channel: stat, send, receive (AOSP packages/modules/adb, docs/dev/sync.md)."""

import stat
import struct
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from hardboot.transport.errors import LinkError

_CHUNK = 64 * 1024  # bytes; file_sync_protocol.h, SYNC_DATA_MAX
_PATH_MAX = 1024  # bytes; file_sync_service.cpp refuses longer names
_ID_SIZE = struct.Struct("<4sI")
_STAT = struct.Struct("<4s3I")  # id, mode, size, time

_GARBAGE = "Try again; if it stays so, restart the phone."


class Channel(Protocol):
    """Bytes to and from one service of a phone. Every method raises LinkError when the connection fails."""

    @property
    def max_data(self) -> int:
        """The most bytes one `write` takes."""

    @property
    def pending(self) -> bool:
        """True if the phone has sent bytes that were not read yet."""

    def write(self, data: bytes, deadline: float) -> None:
        """Send at most max_data bytes; return when they were accepted, or the phone answered and closed."""

    def read(self, deadline: float) -> bytes:
        """Return the next bytes from the phone; empty when it closed the channel."""

    def close(self, deadline: float) -> None:
        """Tell the phone that nobody listens any more."""


@dataclass(frozen=True)
class RemoteStat:
    """Type and permissions of a file on the phone, and the low 32 bits of its size in bytes."""

    mode: int
    size: int


class Sync:
    """The file service on `channel`. `deadline` gives the time by which the next packet must have come."""

    def __init__(self, channel: Channel, deadline: Callable[[], float]) -> None:
        self._channel = channel
        self._deadline = deadline
        self._buffer = bytearray()

    def stat(self, remote: str) -> RemoteStat:
        """Return what `remote` is; its mode is 0 if it does not exist or may not be seen.

        Raises:
            LinkError: If the phone answers something else.
        """
        self._channel.write(_request(b"STAT", remote), self._deadline())
        name, mode, size, _time = _STAT.unpack(self._read_exactly(_STAT.size))
        if name != b"STAT":
            raise self._failure(name, mode, remote)
        return RemoteStat(mode, size)

    def send(self, source: BinaryIO, remote: str, mode: int, mtime: int, moved: Callable[[int], None]) -> int:
        """Send `source` to its end as `remote`; return its size in bytes.

        Args:
            source: What to send.
            remote: Absolute path on the phone, at most 1024 bytes.
            mode: Permission bits.
            mtime: Time of last change, seconds since 1970.
            moved: Called with the bytes that the phone accepted since the last call.

        Raises:
            LinkError: If the phone refuses it, with its reason.
            OSError: If `source` cannot be read.
        """
        chunk = min(_CHUNK, self._channel.max_data - _ID_SIZE.size)
        batch = [_request(b"SEND", f"{remote},{stat.S_IFREG | mode}")]
        used, unreported, total = len(batch[0]), 0, 0
        while data := source.read(chunk):
            if used + _ID_SIZE.size + len(data) > self._channel.max_data:
                self._write(batch, remote)
                moved(unreported)
                batch, used, unreported = [], 0, 0
            batch += (_ID_SIZE.pack(b"DATA", len(data)), data)
            used += _ID_SIZE.size + len(data)
            unreported += len(data)
            total += len(data)
        if used + _ID_SIZE.size > self._channel.max_data:
            self._write(batch, remote)
            batch = []
        batch.append(_ID_SIZE.pack(b"DONE", mtime))
        self._channel.write(b"".join(batch), self._deadline())  # the answer to DONE may be here at once
        moved(unreported)
        name, size = _ID_SIZE.unpack(self._read_exactly(_ID_SIZE.size))
        if name != b"OKAY":
            raise self._failure(name, size, remote)
        return total

    def receive(self, remote: str) -> Iterator[bytes]:
        """Yield the content of `remote`, piece by piece.

        Raises:
            LinkError: If the phone refuses it, with its reason.
        """
        self._channel.write(_request(b"RECV", remote), self._deadline())
        while True:
            name, size = _ID_SIZE.unpack(self._read_exactly(_ID_SIZE.size))
            if name == b"DONE":
                return
            if name != b"DATA" or size > _CHUNK:
                raise self._failure(name, size, remote)
            yield self._read_exactly(size)

    def _write(self, batch: list[bytes], remote: str) -> None:
        self._channel.write(b"".join(batch), self._deadline())
        if self._channel.pending:  # the phone answers before the end only if it failed
            name, size = _ID_SIZE.unpack(self._read_exactly(_ID_SIZE.size))
            raise self._failure(name, size, remote)

    def _read_exactly(self, size: int) -> bytes:
        while len(self._buffer) < size:
            data = self._channel.read(self._deadline())
            if not data:
                raise LinkError("ended the transfer early")
            self._buffer += data
        result = bytes(self._buffer[:size])
        del self._buffer[:size]
        return result

    def _failure(self, name: bytes, size: int, remote: str) -> LinkError:
        if name != b"FAIL" or size > _CHUNK:
            return LinkError(f"answered {name!r}, which the file service does not know", _GARBAGE)
        reason = self._read_exactly(size).decode(errors="replace").strip() or "no reason given"
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
