"""The boot control block as AOSP declares it: struct bootloader_control of libboot_control."""

import struct
import zlib
from dataclasses import dataclass

OFFSET = 2048  # bytes into misc: behind struct bootloader_message
_FORMAT = struct.Struct("<4sIBB2x8s8x")  # and the CRC of it


@dataclass(frozen=True)
class Slot:
    """One slot, as the bootloader sees it."""

    priority: int = 15
    tries: int = 7
    successful: bool = False

    def build(self) -> bytes:
        return bytes([self.priority | self.tries << 4 | self.successful << 7, 0])


def build(active: str, *slots: Slot) -> bytes:
    """Return the block for slots a, b; `active` is the suffix of the one that was booted last."""
    states = b"".join(slot.build() for slot in slots).ljust(8, b"\0")
    block = _FORMAT.pack(active.encode(), 0x42414342, 1, len(slots), states)
    return block + struct.pack("<I", zlib.crc32(block))


def with_counts(block: bytes, counts: bytes) -> bytes:
    """Return the block with other bytes 9 and 10: number of slots, tries of recovery, merge status."""
    changed = block[:9] + counts + block[11 : _FORMAT.size]
    return changed + struct.pack("<I", zlib.crc32(changed))


def parse(misc: bytes) -> tuple[str, tuple[Slot, ...]]:
    """Return the suffix and the slots of the block in misc, whose checksum must be right."""
    block = misc[OFFSET : OFFSET + _FORMAT.size]
    suffix, magic, version, counts, states = _FORMAT.unpack(block)
    (crc,) = struct.unpack_from("<I", misc, OFFSET + _FORMAT.size)
    assert (magic, version) == (0x42414342, 1)
    assert crc == zlib.crc32(block)
    found = (Slot(one & 15, one >> 4 & 7, bool(one >> 7)) for one in states[: 2 * (counts & 7) : 2])
    return suffix.rstrip(b"\0").decode(), tuple(found)
