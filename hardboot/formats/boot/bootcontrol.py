"""The boot control block in misc, where many bootloaders keep which slot they start, and how often they try.

Source: AOSP hardware/interfaces/boot, 1.1/default/boot_control/include/private/boot_control_definition.h,
struct bootloader_control; its rules are in libboot_control.cpp beside it. It lies in `slot_suffix` of
struct bootloader_message_ab. Qualcomm's bootloaders keep the same in attributes of the GPT: there misc has no
such block.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Annotated

from construct import Array, Bytes, Int16ul

from hardboot.base.errors import InputError
from hardboot.formats.binary_record import U8, BinaryRecord, Le16, Le32
from hardboot.formats.reading import Data, malformed, view
from hardboot.formats.text_field import read_text

OFFSET = 2048  # bytes into misc: behind struct bootloader_message
MAGIC = 0x42414342
_VERSION = 1
_WHAT = "boot control block"
_MAX_SLOTS = 4
_COUNT_MASK, _MERGE_SHIFT, _MERGE_MASK = 7, 6, 7
HIGHEST_PRIORITY = 15
MAX_TRIES = 7
# enum MergeStatus of AOSP hardware/interfaces/boot/1.1/types.hal.
MERGES = ("none", "unknown", "snapshotted", "merging", "cancelled")


@dataclass(frozen=True)
class Slot:
    """One slot, as the bootloader sees it.

    Attributes:
        priority: 0 to 15; the bootable slot with the highest one is started. 0: never.
        tries: 0 to 7; how often it is started before it is given up. A slot without one is not bootable.
        successful: Whether its system said that it is up; the tries are not counted down then.
        corrupted: Whether dm-verity found it damaged.
    """

    priority: int
    tries: int
    successful: bool = False
    corrupted: bool = False

    @property
    def bootable(self) -> bool:
        """Whether the bootloader may start it."""
        return self.priority > 0 and self.tries > 0 and not self.corrupted

    @property
    def _rank(self) -> tuple[int, bool, int]:
        return self.priority, self.successful, self.tries


@dataclass(frozen=True)
class _Block(BinaryRecord, what=_WHAT):
    suffix: Annotated[bytes, Bytes(4)]
    magic: Le32
    version: U8
    counts: Le16  # bits 0-2 number of slots, 3-5 tries of recovery, 6-8 merge status
    reserved0: U8
    states: Annotated[tuple[int, ...], Array(_MAX_SLOTS, Int16ul)]
    reserved1: Annotated[bytes, Bytes(8)]
    crc: Le32


SIZE = _Block.SIZE  # bytes


@dataclass(frozen=True)
class BootControl:
    """The boot control block.

    Attributes:
        suffix: Of the slot that was started last, "_a"; "" if nobody says.
        slots: a, b and so on.
        merge: Of the snapshots of an update: one of MERGES, or a number.
        stored: The bytes that it was read from.
    """

    suffix: str
    slots: tuple[Slot, ...]
    merge: str
    stored: bytes

    @property
    def active(self) -> int | None:
        """The index of the slot that the bootloader starts next; None if none is bootable.

        Among equals it is the first one: U-Boot boot/android_ab.c, ab_compare_slots().
        """
        able = [index for index, slot in enumerate(self.slots) if slot.bootable]
        return max(able, key=lambda index: (self.slots[index]._rank, -index), default=None)

    def with_slots(self, *slots: Slot) -> BootControl:
        """Return the block with other states of its slots; all its other bits are kept.

        Raises:
            ValueError: If these are not as many slots, or a number does not fit.
        """
        block = _Block.parse(view(self.stored))
        if len(slots) != len(self.slots):
            raise ValueError(f"{len(slots)} slots for {len(self.slots)}")
        states = [_state(slot, old) for slot, old in zip(slots, block.states, strict=False)]
        made = replace(block, states=(*states, *block.states[len(states) :])).build()
        body = made[: _Block.offset_of("crc")]
        return replace(self, slots=slots, stored=body + zlib.crc32(body).to_bytes(4, "little"))


def parse(data: Data) -> BootControl:
    """Read the boot control block at the start of `data`.

    Raises:
        InputError: If there is none, or it is damaged.
    """
    block = _Block.parse(view(data))
    if block.magic != MAGIC:
        raise _wrong("magic", f"{block.magic:#x}, it is {MAGIC:#x}")
    if block.version != _VERSION:
        raise _wrong("version", f"{block.version}, only version {_VERSION} is known")
    stored = bytes(view(data)[:SIZE])
    computed = zlib.crc32(stored[: _Block.offset_of("crc")])
    if block.crc != computed:
        raise _wrong("crc", f"{block.crc:#x}, that of its content is {computed:#x}")
    count = block.counts & _COUNT_MASK
    if not 0 < count <= _MAX_SLOTS:
        raise _wrong("counts", f"{count} slots; there are 1 to {_MAX_SLOTS}")
    merge = block.counts >> _MERGE_SHIFT & _MERGE_MASK
    return BootControl(
        suffix=read_text(block.suffix),
        slots=tuple(map(_slot, block.states[:count])),
        merge=MERGES[merge] if merge < len(MERGES) else str(merge),
        stored=stored,
    )


def _wrong(field: str, problem: str) -> InputError:
    fix = "This phone may keep its slots elsewhere: ask its bootloader, fastboot getvar all."
    return malformed(_WHAT, field, _Block.offset_of(field), problem, fix=fix)


def _slot(state: int) -> Slot:
    return Slot(
        priority=state & HIGHEST_PRIORITY,
        tries=state >> 4 & MAX_TRIES,
        successful=bool(state >> 7 & 1),
        corrupted=bool(state >> 8 & 1),
    )


def _state(slot: Slot, old: int) -> int:
    """Return a slot as stored, with the reserved bits of `old`."""
    if not (0 <= slot.priority <= HIGHEST_PRIORITY and 0 <= slot.tries <= MAX_TRIES):
        raise ValueError(f"{slot} does not fit")
    return slot.priority | slot.tries << 4 | slot.successful << 7 | slot.corrupted << 8 | (old & 0xFE00)
