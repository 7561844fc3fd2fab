"""The boot control block: against AOSP's declaration written down a second time, and any bytes."""

import zlib

import boot_control
import pytest
from boot_control import Slot
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.boot import bootcontrol

BLOCK = boot_control.build("_a", Slot(15, 1, successful=True), Slot(14, 7))
SLOTS = st.builds(
    bootcontrol.Slot,
    priority=st.integers(0, 15),
    tries=st.integers(0, 7),
    successful=st.booleans(),
    corrupted=st.booleans(),
)


def with_crc(block: bytes) -> bytes:
    return block[:28] + zlib.crc32(block[:28]).to_bytes(4, "little")


def test_a_block_is_read_as_aosp_declares_it() -> None:
    found = bootcontrol.parse(BLOCK + b"what follows in misc")
    assert found.suffix == "_a"
    assert found.slots == (bootcontrol.Slot(15, 1, successful=True), bootcontrol.Slot(14, 7))
    assert (found.merge, found.active, found.stored) == ("none", 0, BLOCK)


def test_new_states_are_what_another_reader_reads() -> None:
    one_try = bootcontrol.Slot(15, 1)
    made = bootcontrol.parse(BLOCK).with_slots(bootcontrol.Slot(14, 1, successful=True), one_try)
    misc = bytes(boot_control.OFFSET) + made.stored
    assert boot_control.parse(misc) == ("_a", (Slot(14, 1, successful=True), Slot(15, 1)))
    assert made.active == 1
    assert bootcontrol.parse(made.stored) == made


@given(st.binary(min_size=20, max_size=20), SLOTS, SLOTS)
def test_all_other_bits_are_kept(noise: bytes, a: bootcontrol.Slot, b: bootcontrol.Slot) -> None:
    block = bytearray(BLOCK[:9] + bytes([2 | noise[0] & 0xF8]) + noise[1:19])
    old = bootcontrol.parse(with_crc(bytes(block)))
    new = old.with_slots(a, b)
    assert bootcontrol.parse(new.stored) == new
    assert new.slots == (a, b)
    changed = {at for at in range(28) if old.stored[at] != new.stored[at]}
    assert changed <= {12, 13, 14, 15}
    assert new.with_slots(*old.slots).stored == old.stored
    assert (old.stored[13] ^ new.stored[13]) & 0xFE == 0


@given(st.binary(max_size=40) | st.binary(max_size=24).map(lambda tail: with_crc(BLOCK[:9] + tail.ljust(24))))
def test_any_bytes_are_refused_or_read(data: bytes) -> None:
    try:
        found = bootcontrol.parse(data)
    except InputError:
        return
    assert found.stored == data[:32]
    assert found.with_slots(*found.slots).stored == found.stored


@pytest.mark.parametrize(
    ("block", "problem"),
    [
        (bytes(32), "magic"),
        (BLOCK[:31], "header"),
        (BLOCK[:30] + b"\0\0", "crc"),
        (bytes([BLOCK[0] ^ 1]) + BLOCK[1:], "crc"),
        (with_crc(BLOCK[:8] + b"\2" + BLOCK[9:]), "version"),
        (with_crc(BLOCK[:9] + b"\0" + BLOCK[10:]), "counts"),
        (with_crc(BLOCK[:9] + b"\5" + BLOCK[10:]), "counts"),
    ],
)
def test_a_block_that_is_none_is_refused_by_the_name_of_the_field(block: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        bootcontrol.parse(block)


@pytest.mark.parametrize(
    ("a", "b", "active"),
    [
        (Slot(15, 7), Slot(15, 7), 0),
        (Slot(15, 7), Slot(15, 1, successful=True), 1),
        (Slot(15, 1), Slot(15, 2), 1),
        (Slot(14, 7, successful=True), Slot(15, 1), 1),
        (Slot(14, 1, successful=True), Slot(15, 0), 0),
        (Slot(0, 7), Slot(0, 7), None),
    ],
)
def test_the_slot_that_starts_next_is_chosen_as_the_bootloader_does(
    a: Slot, b: Slot, active: int | None
) -> None:
    assert bootcontrol.parse(boot_control.build("_a", a, b)).active == active


def test_a_corrupted_slot_is_not_started() -> None:
    known = bootcontrol.parse(BLOCK)
    damaged = known.with_slots(bootcontrol.Slot(15, 1, successful=True, corrupted=True), known.slots[1])
    assert damaged.active == 1
    assert damaged.stored[13] == 1


@pytest.mark.parametrize("merge", range(8))
def test_the_merge_status_crosses_a_byte(merge: int) -> None:
    counts = (2 | merge << 6).to_bytes(2, "little")
    found = bootcontrol.parse(with_crc(BLOCK[:9] + counts + BLOCK[11:]))
    assert found.merge == (*bootcontrol.MERGES, "5", "6", "7")[merge]


@pytest.mark.parametrize("slot", [bootcontrol.Slot(16, 1), bootcontrol.Slot(1, 8), bootcontrol.Slot(-1, 1)])
def test_a_state_that_does_not_fit_is_a_mistake_of_the_caller(slot: bootcontrol.Slot) -> None:
    known = bootcontrol.parse(BLOCK)
    with pytest.raises(ValueError, match="does not fit"):
        known.with_slots(slot, known.slots[1])
    with pytest.raises(ValueError, match="1 slots for 2"):
        known.with_slots(known.slots[0])
