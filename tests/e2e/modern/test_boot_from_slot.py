"""hardboot boot --via slot: the ROM is written to the slot that does not run, and U-Boot starts it once."""

import time
from collections.abc import Iterator
from pathlib import Path

import boot_control
import pytest
from boot_control import Slot
from phones import VirtualPhone

from hardboot.formats.boot import bootcontrol
from hardboot.virtual import modern

pytestmark = pytest.mark.e2e

NAMES = ("misc", *(f"{name}_{slot}" for name in modern.IMAGES for slot in "ab"))


@pytest.fixture
def phone(modern_phone: VirtualPhone) -> Iterator[VirtualPhone]:
    """Yield the phone, which prefers the slot that runs, as after any update."""
    modern_phone.run("su -c 'bootctl set-active-boot-slot 0; sync'")
    yield modern_phone
    modern_phone("virtual", "stop", "--name", modern_phone.name)
    modern_phone.write_partition("misc", bytes(64), boot_control.OFFSET)
    modern_phone.restart()


def content(phone: VirtualPhone) -> dict[str, bytes]:
    """Return what the partitions hold that this way could write, read from outside."""
    phone.run("sync")
    return {name: phone.read_partition(name) for name in NAMES}


def control(phone: VirtualPhone) -> tuple[Slot, ...]:
    return boot_control.parse(phone.read_partition("misc"))[1]


def test_a_set_boots_once_from_the_other_slot_which_is_put_back_while_it_runs(
    phone: VirtualPhone, modern_rom: Path
) -> None:
    before, seen = content(phone), phone.status.console.stat().st_size
    own = bootcontrol.parse(before["misc"][bootcontrol.OFFSET :])
    assert [(one.priority, one.tries, one.successful) for one in own.slots] == [
        (one.priority, one.tries, one.successful) for one in control(phone)
    ]
    done = phone.hardboot.process("--json", "boot", modern_rom, "--via", "slot").json
    assert (done["outcome"], done["via"]) == ("guest-up", "slot")
    assert done["loaded"]["mark"] in phone.run("cat /proc/cmdline").split()
    assert phone.run("getprop ro.boot.slot_suffix; getprop ro.build.display.id") == "_b\nminimal\n"
    assert "Attempting slot b, tries remaining 1" in phone.said(seen)
    assert content(phone) == before
    assert phone.kernel["guest_image"]["start"] == "slot"
    resets = phone.status.resets
    phone.run("su -c 'reboot </dev/null >/dev/null 2>&1 &'")
    phone.wait(resets)
    assert phone.run("getprop ro.boot.slot_suffix; getprop ro.build.display.id") == "_a\nstock\n"
    assert content(phone) == before


def test_home_ends_a_boot_that_was_given_up_and_whose_rom_marked_its_slot_as_successful(
    phone: VirtualPhone, modern_rom: Path
) -> None:
    before = content(phone)
    given_up = phone.hardboot.process("boot", modern_rom / "boot.img", "--via", "slot", "--wait", "1", code=6)
    assert given_up.three_lines[1].endswith("The other slot still holds the ROM, until: hardboot home")
    deadline = time.monotonic() + 60
    while not control(phone)[1].successful:
        assert time.monotonic() < deadline
        time.sleep(0.2)
    done = phone("--json", "home").json
    assert (done["way"], done["restarted"], done["rom"]) == ("slot", True, False)
    assert phone.run("getprop ro.boot.slot_suffix; getprop ro.build.display.id") == "_a\nstock\n"
    assert content(phone) == before
    assert phone("home").out.splitlines()[-1] == "Nothing to do."
