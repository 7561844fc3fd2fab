"""ADB packets: a header of six words and a payload (AOSP packages/modules/adb, docs/dev/protocol.md)."""

import struct
from dataclasses import dataclass

from adb_shell.constants import AUTH, CLSE, CNXN, MAX_ADB_DATA, MESSAGE_FORMAT, OKAY, OPEN, SYNC, WRTE

from hardboot.transport.errors import NOT_ADB, FramingError, LinkError

STLS = b"STLS"  # adb.h, A_STLS: the phone wants TLS; adb_shell does not know it
COMMANDS = frozenset({AUTH, CLSE, CNXN, OKAY, OPEN, STLS, SYNC, WRTE})
MAX_DATA: int = MAX_ADB_DATA  # bytes; adb.h, MAX_PAYLOAD: the largest payload we accept
MIN_MAX_DATA = 1024  # bytes; real phones start at 4096 (adb.h, MAX_PAYLOAD_V1)
VERSION = 0x01000001  # adb.h, A_VERSION; adb_shell speaks the one before
SKIP_CHECKSUM = 0x01000001  # adb.h, A_VERSION_SKIP_CHECKSUM: from here on nobody sums up the payload
_HEADER = struct.Struct(MESSAGE_FORMAT)
HEADER_SIZE = _HEADER.size


@dataclass(frozen=True)
class Header:
    """The checked header of a packet; `size` is that of the payload in bytes, at most MAX_DATA."""

    command: bytes
    arg0: int
    arg1: int
    size: int
    checksum: int


@dataclass(frozen=True)
class Packet:
    """One packet from the phone."""

    command: bytes
    arg0: int
    arg1: int
    data: bytes


def build_header(command: bytes, arg0: int, arg1: int, data: bytes, *, with_checksum: bool) -> bytes:
    """Return the header that goes before the payload `data`."""
    word = int.from_bytes(command, "little")
    checksum = sum(data) & 0xFFFFFFFF if with_checksum else 0
    return _HEADER.pack(word, arg0, arg1, len(data), checksum, word ^ 0xFFFFFFFF)


def parse_header(data: bytes) -> Header:
    """Read a header of HEADER_SIZE bytes.

    Raises:
        FramingError: If it is not one.
    """
    word, arg0, arg1, size, checksum, magic = _HEADER.unpack(data)
    command = word.to_bytes(4, "little")
    if magic != word ^ 0xFFFFFFFF or command not in COMMANDS or size > MAX_DATA:
        raise FramingError(f"sent {command!r} of {size} bytes, which is not an ADB packet", NOT_ADB)
    return Header(command, arg0, arg1, size, checksum)


def check_payload(header: Header, data: bytes, version: int) -> Packet:
    """Return the packet of `header` and its payload.

    Args:
        header: What came before the payload.
        data: The payload.
        version: Agreed with the phone; 0 before that: a phone that skips checksums does so from CNXN on.

    Raises:
        LinkError: If the checksum differs.
    """
    unchecked = version >= SKIP_CHECKSUM or (not version and not header.checksum)
    if not unchecked and header.checksum != sum(data) & 0xFFFFFFFF:
        raise LinkError("sent a packet that was damaged on its way")
    return Packet(header.command, header.arg0, header.arg1, data)


_BANNER = b"host::\0"
HELLO = (build_header(CNXN, VERSION, MAX_DATA, _BANNER, with_checksum=True), _BANNER)
