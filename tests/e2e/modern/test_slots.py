"""The slots of the virtual phone: chosen by the bootloader from misc, as AOSP declares the block there."""

import time
from collections.abc import Iterator

import boot_control
import pytest
from boot_control import Slot
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


@pytest.fixture
def slots(modern_phone: VirtualPhone) -> Iterator[VirtualPhone]:
    """Yield the phone; afterwards it runs from slot a again."""
    yield modern_phone
    modern_phone("virtual", "stop", "--device", "virt-arm64")
    modern_phone.write_partition("misc", bytes(64), boot_control.OFFSET)
    modern_phone.restart()


def control(phone: VirtualPhone) -> tuple[str, tuple[Slot, ...]]:
    return boot_control.parse(phone.read_partition("misc"))


def reboot(phone: VirtualPhone) -> None:
    resets = phone.status.resets
    phone.run("su -c 'reboot </dev/null >/dev/null 2>&1 &'")
    phone.wait(resets)


def suffix(phone: VirtualPhone) -> str:
    return phone.run("getprop ro.boot.slot_suffix").strip()


def test_a_new_phone_boots_slot_a_and_marks_it(slots: VirtualPhone) -> None:
    slots("virtual", "stop", "--device", "virt-arm64")
    slots.write_partition("misc", bytes(4096))
    slots.restart()
    assert suffix(slots) == "_a"
    assert control(slots) == ("_a", (Slot(15, 1, successful=True), Slot(15, 7)))


def test_the_phone_changes_its_slot_by_bootctl(slots: VirtualPhone) -> None:
    slots.run("su -c 'bootctl set-active-boot-slot 1; sync'")
    assert control(slots)[1] == (Slot(14, 1, successful=True), Slot(15, 7))
    reboot(slots)
    assert suffix(slots) == "_b"
    assert slots.run("mount | grep -o '/dev/block/by-name/system_.'").strip().endswith("system_b")
    assert slots.run("su -c 'bootctl get-current-slot'").strip() == "1"
    assert control(slots) == ("_b", (Slot(14, 1, successful=True), Slot(15, 1, successful=True)))


def test_a_slot_that_does_not_boot_is_left_when_its_tries_are_used_up(slots: VirtualPhone) -> None:
    whole = slots.read_partition("init_boot_b")
    slots("virtual", "stop", "--device", "virt-arm64")
    slots.write_partition("init_boot_b", bytes(4096), 4096)  # behind the header: no /init
    block = boot_control.build("_a", Slot(14, 1, successful=True), Slot(15, 1))
    slots.write_partition("misc", block, boot_control.OFFSET)
    seen = slots.status.console.stat().st_size
    slots.restart()
    assert suffix(slots) == "_a"
    assert slots.status.resets == 1
    said = slots.said(seen)
    assert said.index("Slot b") < said.index("Kernel panic") < said.index("Slot a")
    assert control(slots) == ("_a", (Slot(14, 1, successful=True), Slot(15, 0)))
    slots("virtual", "stop", "--device", "virt-arm64")
    slots.write_partition("init_boot_b", whole)


def test_without_a_bootable_slot_the_bootloader_waits(slots: VirtualPhone) -> None:
    slots("virtual", "stop", "--device", "virt-arm64")
    slots.write_partition("misc", boot_control.build("_a", Slot(0, 0), Slot(0, 0)), boot_control.OFFSET)
    refused = slots.hardboot.process("virtual", "start", "--device", "virt-arm64", code=5)
    assert "No slot is bootable" in refused.three_lines[0]
    assert "no slot is bootable" in slots.fastboot.refused("getvar", "current-slot")
    assert slots.fastboot.variable("slot-unbootable:b") == "yes"
    seen = slots.status.resets
    slots.fastboot.good("set_active", "b")
    slots.fastboot.good("reboot")
    slots.wait(seen)
    assert suffix(slots) == "_b"


def test_a_slot_with_no_image_is_said(slots: VirtualPhone) -> None:
    whole = slots.read_partition("boot_b")[:4096]
    slots("virtual", "stop", "--device", "virt-arm64")
    slots.write_partition("boot_b", bytes(4096))
    block = boot_control.build("_a", Slot(14, 1, successful=True), Slot(15, 7))
    slots.write_partition("misc", block, boot_control.OFFSET)
    start = time.monotonic()
    refused = slots.hardboot.process("virtual", "start", "--device", "virt-arm64", code=5)
    assert time.monotonic() - start < 60
    assert "Slot b does not boot" in refused.three_lines[0]
    slots("virtual", "stop", "--device", "virt-arm64")
    slots.write_partition("boot_b", whole)
