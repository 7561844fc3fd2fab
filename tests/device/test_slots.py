"""The slot a phone runs from, and its partitions there, on the scripted phone."""

from pathlib import Path

import pytest
import scripted_setup as setup
from scripted_phone import ScriptedPhone
from told import raises

from hardboot.base.errors import RefusedError
from hardboot.device import slots
from hardboot.device.phone import Phone
from hardboot.device.shells import SEPARATOR
from hardboot.transport.base import Output

PROPERTY = "ro.boot.slot_suffix"


def said(properties: str = "", words: str = "", hal: str = "") -> Output:
    text = f"\n{SEPARATOR}\n".join((properties, words, hal, ""))
    return Output(text, 0)


@pytest.mark.parametrize(
    ("output", "slot"),
    [
        (said("_a\n\n"), "a"),
        (said("_b\n\n", 'androidboot.slot_suffix = "_b"\nroot=x'), "b"),
        (said("\na\n"), "a"),  # ro.boot.slot of older bootloaders
        (said("\n\n", 'androidboot.hardware = "x"\nandroidboot.slot_suffix = "_b"\nconsole=ttyS0'), "b"),
        (said("\n\n", "console=ttyS0 androidboot.slot_suffix=_a ro"), "a"),
        (said("\n\n", "androidboot.slot=b"), "b"),
        (said("\n\n", "console=ttyS0", "_b"), "b"),
        (said("_a\n\n", 'xandroidboot.slot_suffix = "_b"'), "a"),
    ],
)
def test_the_running_slot_is_read_wherever_the_phone_says_it(output: Output, slot: str) -> None:
    assert slots.parse(output) == slot


@pytest.mark.parametrize(
    ("output", "shown"),
    [
        (said("\n\n", "console=ttyS0"), "it names none"),
        (said("\n\n", "androidboot.slot_suffix=_ab", "sh: bootctl: not found"), "it names none"),
        (said("_a\n\n", "androidboot.slot_suffix=_b"), "it names a, b"),
        (said("_c\n\n"), "it names c"),
        (Output("", 0), "it names none"),
    ],
)
def test_a_phone_that_names_no_slot_or_two_is_refused(output: Output, shown: str) -> None:
    with raises(
        RefusedError,
        f"the phone does not say which slot it runs from: {shown}",
        "Nothing was written.",
        "Look at it: getprop ro.boot.slot_suffix. Commands with --slot can be told: --slot a",
    ):
        slots.parse(output)


@pytest.fixture
def two_slots(scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch) -> Phone:
    """Return a phone with boot_a and boot_b, and one recovery."""
    setup.add_slots(scripted, monkeypatch)
    return setup.connected(scripted)


def test_a_partition_with_slots_is_that_of_the_running_slot(two_slots: Phone) -> None:
    assert two_slots.partition_name("boot") == "boot_b"
    assert two_slots.partition_name("boot", "a") == two_slots.partition_name("boot_a") == "boot_a"
    assert two_slots.partition_name("recovery") == "recovery"
    assert two_slots.partition_path("boot") == "/dev/block/by-name/boot_b"
    assert two_slots.pull_partition("boot").startswith(setup.HOST_IMAGE)
    assert two_slots.pull_partition("boot_a").startswith(setup.STOCK_IMAGE)


def test_a_slot_of_a_partition_without_slots_is_refused(two_slots: Phone) -> None:
    with raises(
        RefusedError,
        "recovery of hardboot virtual phone (QEMU virt, 32-bit ARM) has no slots to choose from",
        "Nothing was sent.",
        "Leave out --slot.",
    ):
        two_slots.partition_name("recovery", "a")
    with pytest.raises(RefusedError, match="knows no partition 'boot_c'") as caught:
        two_slots.partition("boot_c")
    assert caught.value.fix == "It knows: boot_a, boot_b, recovery."


def test_the_slot_is_asked_once_and_again_after_a_restart(two_slots: Phone, scripted: ScriptedPhone) -> None:
    assert two_slots.slot() == two_slots.slot() == "b"
    asked = [command for command in scripted.commands if PROPERTY in command]
    assert len(asked) == 1
    scripted.properties[PROPERTY] = "_a"
    two_slots.kernel_anew(timeout_s=5)
    assert two_slots.slot() == "a"


def test_a_phone_without_slots_is_not_asked_for_one(scripted: ScriptedPhone) -> None:
    setup.connected(scripted).partition("boot")
    assert not [command for command in scripted.commands if PROPERTY in command]


def test_the_slot_comes_with_the_next_command_for_root(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted = setup.install(setup.phone_with_disk(), monkeypatch, tmp_path)
    setup.add_slots(scripted, monkeypatch, running="b")
    phone = setup.connected(scripted)
    phone.slot_with_next()
    phone.root("true")
    asked = len(scripted.commands)
    assert phone.slot() == "b"
    phone.slot_with_next()
    phone.root("true")
    assert len(scripted.commands) == asked + 1


def test_a_phone_that_does_not_say_its_slot_is_refused_only_where_it_is_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted = setup.install(setup.phone_with_disk(), monkeypatch, tmp_path)
    setup.add_slots(scripted, monkeypatch, running="b")
    del scripted.properties["ro.boot.slot_suffix"]
    phone = setup.connected(scripted)
    phone.slot_with_next()
    phone.root("true")
    with pytest.raises(RefusedError, match="does not say which slot"):
        phone.slot()
