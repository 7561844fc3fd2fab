"""The slots as the bootloader sees them, from what a scripted phone's shell prints."""

import boot_control
import pytest
import scripted_setup as setup
from boot_control import Slot
from scripted_phone import ScriptedPhone

from hardboot.device import slot_state
from hardboot.device.slot_state import SlotState
from hardboot.formats.boot import bootcontrol

MISC = "/dev/block/by-name/misc"
BLOCK = boot_control.build("_a", Slot(15, 1, successful=True), Slot(14, 7))


@pytest.fixture
def phone(scripted: ScriptedPhone) -> ScriptedPhone:
    scripted.partition("misc", bytes(boot_control.OFFSET) + BLOCK, size=8192)
    return scripted


def look(phone: ScriptedPhone, *, misc: str = MISC, running: str = "a") -> SlotState:
    output = setup.connected(phone).root(slot_state.query(misc, running))
    return slot_state.parse(output, running)


def test_the_boot_control_block_comes_first(phone: ScriptedPhone) -> None:
    phone.bootctl = {0: (True, True), 1: (True, False)}
    found = look(phone)
    assert (found.running, found.other, found.active) == (0, 1, 0)
    assert found.slots == (bootcontrol.Slot(15, 1, successful=True), bootcontrol.Slot(14, 7))
    assert found.control is not None
    assert found.control.stored == BLOCK
    assert (found.has_bootctl, found.pending, found.virtual_ab) == (True, None, False)


@pytest.mark.parametrize(
    ("a", "b", "told", "agree"),
    [
        (Slot(15, 1, successful=True), Slot(14, 7), {0: (True, True), 1: (True, False)}, True),
        (Slot(15, 1, successful=True), Slot(14, 7), {0: (True, True), 1: (True, True)}, False),
        (Slot(15, 1, successful=True), Slot(14, 7), {0: (True, True), 1: (False, False)}, False),
        (Slot(15, 1), Slot(14, 7), {0: (True, True), 1: (True, False)}, False),
        (Slot(15, 1, successful=True), Slot(0, 0), {0: (True, True), 1: (False, False)}, True),
        (Slot(15, 1, successful=True), Slot(0, 0), {0: (True, True), 1: (True, True)}, False),
        (Slot(15, 1, successful=True), Slot(9, 0, successful=True), {0: (True, True), 1: (True, True)}, True),
        (
            Slot(15, 1, successful=True),
            Slot(9, 0, successful=True),
            {0: (True, True), 1: (False, False)},
            True,
        ),
        (Slot(15, 1, successful=True), Slot(14, 7), {0: (False, False), 1: (False, False)}, True),
    ],
)
def test_a_block_that_bootctl_contradicts_is_not_what_the_bootloader_reads(
    phone: ScriptedPhone, a: Slot, b: Slot, told: dict[int, tuple[bool, bool]], agree: bool
) -> None:
    phone.partition("misc", bytes(boot_control.OFFSET) + boot_control.build("_a", a, b), size=8192)
    phone.bootctl = told
    found = look(phone)
    assert (found.control is not None) == agree
    assert found.problem == ("" if agree else "bootctl says otherwise than the boot control block in misc")
    assert found.has_bootctl == told[0][0]  # one that calls the running slot unbootable does not work


@pytest.mark.parametrize("running", ["a", "b"])
def test_elsewhere_bootctl_is_asked(phone: ScriptedPhone, running: str) -> None:
    phone.bootctl = {0: (True, True), 1: (True, False)}
    found = look(phone, misc="/dev/block/by-name/other", running=running)
    assert [(one.bootable, one.successful) for one in found.slots] == [(True, True), (True, False)]
    assert (found.control, found.active, found.running) == (None, None, "ab".index(running))
    assert found.problem == "misc cannot be read, or there is none"
    phone.bootctl_active = 1
    assert look(phone, misc="/dev/block/by-name/other", running=running).active == 1


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (bytes(32), "misc holds no valid boot control block: boot control block: magic"),
        (BLOCK[:-1] + b"\0", "misc holds no valid boot control block: boot control block: crc"),
        (boot_control.build("_a", Slot()), "the boot control block in misc has 1 slot"),
    ],
)
def test_a_block_that_is_not_valid_counts_for_nothing(
    phone: ScriptedPhone, content: bytes, problem: str
) -> None:
    phone.partition("misc", bytes(boot_control.OFFSET) + content, size=8192)
    found = look(phone)
    assert found.problem.startswith(problem)
    assert (found.control, found.has_bootctl) == (None, False)
    assert not any(one.bootable for one in found.slots)


@pytest.mark.parametrize(
    ("content", "pending"),
    [
        (b"", None),
        (b"none", None),
        (b"initiated", "initiated"),
        (b"\x08\x00", None),
        (b"\x08\x01BIgoogle/x:11/RVC", "initiated"),
        (b"\x08\x02", "unverified"),
        (b"\x08\x03\x10\x20", "merging"),
        (b"\x08\x04", "merge-needs-reboot"),
        (b"\x08\x05", "merge-completed"),
        (b"\x08\x06", "merge-failed"),
        (b"\x08\x07", None),
        (b"\x08\x2a", "42"),
        (b"\x10\x03", None),
        (b"\xff\xfe", None),
    ],
)
def test_the_state_of_an_update_is_read_in_both_formats(
    phone: ScriptedPhone, content: bytes, pending: str | None
) -> None:
    phone.add_file("/metadata/ota/state", content)
    expected = pending and f"an update is pending (/metadata/ota/state: {pending})"
    assert look(phone).pending == expected


def test_an_update_that_was_started_but_not_merged_is_pending(phone: ScriptedPhone) -> None:
    phone.add_file("/metadata/ota/snapshot-boot", "_a")
    phone.properties["ro.virtual_ab.enabled"] = "true"
    found = look(phone)
    assert found.pending == "an update is pending (/metadata/ota/snapshot-boot exists)"
    assert found.virtual_ab


@pytest.mark.parametrize("merge", ["snapshotted", "merging"])
def test_the_block_tells_of_a_merge(phone: ScriptedPhone, merge: str) -> None:
    counts = (2 | bootcontrol.MERGES.index(merge) << 6).to_bytes(2, "little")
    phone.partition("misc", bytes(boot_control.OFFSET) + boot_control.with_counts(BLOCK, counts), size=8192)
    assert look(phone).pending == f"an update is pending (boot control block: {merge})"


def test_partitions_of_a_slot_that_were_never_written_are_named(phone: ScriptedPhone) -> None:
    for name, content in {"boot_a": b"x", "boot_b": b"y", "xbl_a": b"x", "xbl_b": b"", "log_a": b""}.items():
        phone.partition(name, content, size=8192)
    phone.partition("log_b", b"", size=8192)
    connected = setup.connected(phone)
    names = "/dev/block/by-name"
    assert connected.root(slot_state.blank_query(names, "b")).text.split() == ["xbl_b"]
    assert connected.root(slot_state.blank_query(names, "a")).text.split() == []
    assert connected.root(slot_state.blank_query("/dev/block/nowhere", "a")).code == 1
