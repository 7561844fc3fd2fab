"""boot --via slot, on a scripted phone whose bootloader chooses its slot: every branch, without waiting."""

from dataclasses import replace
from pathlib import Path

import boot_control
import pytest
import slotted
from boot_control import Slot
from in_process import hardboot
from scripted_phone import STOCK, Kernel
from slot_boots import boot, error, home, image, no_control, phone, restart
from slotted import HOME, Slotted

from hardboot.flows.ways import slot_control
from hardboot.formats.boot import bootcontrol, bootimg

__all__ = ["image", "phone"]


def test_a_rom_is_booted_once_from_the_other_slot_and_all_is_put_back_while_it_runs(
    phone: Slotted, image: Path
) -> None:
    before = phone.content()
    done = boot(image, "--append", "loglevel=7")
    assert (done["outcome"], done["via"], done["loaded"]["start"]) == ("guest-up", "slot", "slot")
    assert [one["name"] for one in done["phases"]] == [
        "check",
        "read",
        "make image",
        "write",
        "boot",
        "put back",
    ]
    assert phone.started == ["b"]
    (start,) = phone.starts
    held, own = bootimg.parse(start["boot_b"]), bootimg.parse(image.read_bytes())
    assert held.cmdline == f"{done['loaded']['mark']} console=ttyAMA0 loglevel=7"
    assert (bytes(held.kernel), bytes(held.ramdisk)) == (bytes(own.kernel), bytes(own.ramdisk))
    assert start["boot_a"] == before["boot_a"]
    assert boot_control.parse(start["misc"])[1] == (replace(HOME[0], priority=14), Slot(15, 0))
    assert phone.content() == before
    restart(phone)
    assert phone.started == ["b", "a"]
    assert phone.phone.running
    assert phone.phone.running.kernel == STOCK
    assert (home()["way"], home()["restarted"]) == (None, False)
    assert phone.content() == before


def test_people_are_told_what_runs_and_how_to_get_home(phone: Slotted, image: Path) -> None:
    done = hardboot("boot", image, "--via", "slot")
    assert done.stdout.splitlines()[-2:] == [
        "rom.img is running (kernel 6.6.0-rom, started from the other slot).",
        "Restart the phone to return to its own system.",
    ]
    assert "Booting rom.img (kernel 6.6.0-rom) from the other slot (b)" in done.stderr


def test_home_leads_from_the_rom_to_the_own_system(phone: Slotted, image: Path) -> None:
    before = phone.content()
    boot(image)
    assert home()["restarted"]
    assert phone.started == ["b", "a"]
    assert phone.content() == before


@pytest.mark.parametrize("home", ["a", "b"])
@pytest.mark.parametrize("tie", [False, True])
@pytest.mark.parametrize("late", [False, True])
def test_a_rom_that_marks_its_slot_as_successful_is_left_by_a_restart_all_the_same(
    image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, late: bool, tie: bool, home: str
) -> None:
    monkeypatch.setenv("PATH", str(image.parent))
    phone = slotted.install(monkeypatch, tmp_path / "state", running=home)
    (other,) = {"a", "b"} - {home}
    if tie:  # as a phone is delivered; among equals the bootloader takes slot a
        slots = (Slot(15, 1, successful=True), Slot(15, 7))
        phone.control = slots if home == "a" else slots[::-1]
    phone.marks = not late
    boot(image)
    if late:
        phone._mark("ab".index(other))
    restart(phone)
    assert phone.started == [other, home]


def test_a_rom_that_crashes_is_tried_once_and_the_slot_put_back_at_once(phone: Slotted, image: Path) -> None:
    before = phone.content()
    phone.rom = None
    what, state, fix = error(image, code=5)
    assert what == "the own system came back (5.10.0-stock) instead of the ROM"
    assert state == (
        "The phone has restarted into its own system. Its partitions hold what they held before."
    )
    assert fix.startswith("The ROM crashed, or its bootloader did not start the other slot.")
    assert phone.started == ["b", "a"]
    assert phone.content() == before


def test_a_bootloader_that_does_not_read_misc_is_told(phone: Slotted, image: Path) -> None:
    before = phone.content()
    phone.reads_misc = False
    done = hardboot("boot", image, "--via", "slot")
    assert done.returncode == 5
    assert "the bootloader did not try slot b: it may not read misc" in done.stderr
    assert phone.content() == before


def test_a_silent_phone_is_told_and_home_puts_it_in_order(phone: Slotted, image: Path) -> None:
    before = phone.content()
    phone.rom = Kernel("6.6.0-rom", boot_s=10_000)
    what, state, fix = error(image, "--wait", "40", code=6)
    assert what == "the phone was to restart into its other slot and has been silent for 40 s"
    assert state == "The other slot still holds the ROM, until: hardboot home"
    assert fix.startswith("Hold the power button to restart it into its own system.")
    phone.phone.cut_power()
    phone.phone.power_on()
    phone.phone.clock.sleep(60)
    assert phone.started == ["b", "a"]
    done = home()
    assert (done["way"], done["restarted"]) == ("slot", False)
    assert phone.content() == before


def test_the_next_boot_puts_back_what_one_that_was_silent_left(phone: Slotted, image: Path) -> None:
    before = phone.content()
    phone.rom = Kernel("6.6.0-rom", boot_s=10_000)
    error(image, "--wait", "40", code=6)
    phone.phone.cut_power()
    phone.phone.power_on()
    phone.phone.clock.sleep(60)
    phone.rom = Kernel("6.6.0-rom", page=None, flag=None, takes=1)
    assert boot(image)["outcome"] == "guest-up"
    assert phone.started == ["b", "a", "b"]
    assert phone.content() == before


def test_what_cannot_be_put_back_while_the_rom_runs_is_told_and_left_to_home(
    phone: Slotted, image: Path
) -> None:
    before = phone.content()
    phone.phone.fault("dd *of=/dev/block/vda3 *", nth=2, code=1)
    done = hardboot("boot", image, "--via", "slot")
    assert done.returncode == 0, done.stderr
    assert "slot b may be started again" in done.stderr
    assert "Return to slot a: hardboot home" in done.stderr
    restart(phone)
    assert phone.started == ["b", "a"]
    home()
    assert phone.content() == before


def test_a_priority_that_cannot_be_lowered_is_told(phone: Slotted, image: Path) -> None:
    phone.control = (Slot(15, 1, successful=True), Slot(15, 7))
    before = phone.content()
    phone.phone.fault("dd *of=/dev/block/vda3 *", nth=3, code=1)
    done = hardboot("boot", image, "--via", "slot")
    assert done.returncode == 0, done.stderr
    assert "slot b is started again if the ROM marks it as successful" in done.stderr
    assert phone.content() == before


def test_a_rom_without_bootctl_keeps_its_slot_until_the_owner_chooses_the_other(
    phone: Slotted, image: Path
) -> None:
    no_control(phone)
    phone.reads_misc = False
    phone.phone.bootctl = {0: (True, True), 1: (True, True)}
    before = phone.content()
    phone.phone.fault("bootctl set-active-boot-slot 0", nth=0, code=1)
    done = hardboot("boot", image, "--via", "slot")
    assert done.returncode == 0, done.stderr
    assert "slot b may be started again: bootctl failed" in done.stderr
    assert phone.content()["boot_b"] != before["boot_b"]
    failed = hardboot("home", "--yes")
    assert failed.returncode == 6
    assert failed.stderr.splitlines()[-1].endswith(
        "Choose it in the bootloader: fastboot set_active a. Then: hardboot home"
    )
    phone.phone.faults.clear()
    home()
    assert phone.started == ["b", "a"]
    assert phone.content() == before


def test_a_bootctl_that_fails_is_told_before_the_restart(phone: Slotted, image: Path) -> None:
    no_control(phone)
    phone.phone.bootctl = {0: (True, True), 1: (True, True)}
    phone.phone.fault("bootctl set-slot-as-unbootable *", code=1)
    what, state, fix = error(image, code=6)
    assert what.startswith("bootctl failed with exit code 1")
    assert state.startswith("The other slot holds the ROM")
    assert phone.started == []
    assert fix.endswith("hardboot home")


def test_a_dry_run_shows_what_would_be_written_and_writes_nothing(phone: Slotted, image: Path) -> None:
    before = phone.content()
    done = boot(image, "--dry-run")
    assert done["image"]["slot"] == "b"
    assert done["image"]["partitions"] == {"boot_b": str(image)}
    assert done["image"]["control"] == "misc"
    text = hardboot("boot", image, "--via", "slot", "--dry-run").stdout
    assert "  way           slot\n" in text
    assert f"  writes        {image} to boot_b\n" in text
    assert (phone.content(), phone.started) == (before, [])
    assert "there is no memory map" in error(image, "--dry-run", "--svg", "x.svg", code=4)[0]


@pytest.mark.parametrize(
    ("where", "state"),
    [
        ("device.slot_state.parse", "Nothing was sent."),
        ("flows.ways.slot_images.make", "Nothing was sent."),
        ("flows.transaction.check", "Nothing was sent."),
        ("flows.transaction.device_of", "Nothing was written to a partition."),
    ],
)
def test_ctrl_c_tells_what_had_been_done_by_then(
    phone: Slotted, image: Path, monkeypatch: pytest.MonkeyPatch, where: str, state: str
) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"hardboot.{where}", interrupted)
    assert error(image, code=130)[1] == state


@pytest.mark.parametrize("home", [0, 1])
@pytest.mark.parametrize(
    "slots",
    [
        (Slot(15, 1, successful=True), Slot(15, 7)),
        (Slot(15, 7, successful=True), Slot(14, 1, successful=True)),
        (Slot(1, 1, successful=True), Slot(0, 0)),
    ],
)
def test_the_block_gives_one_try_and_then_leads_home(slots: tuple[Slot, Slot], home: int) -> None:
    ordered = slots if home == 0 else slots[::-1]
    other = 1 - home
    control = slot_control.one_try(bootcontrol.parse(boot_control.build("_a", *ordered)), other)
    assert control.active == other
    for tries, successful, active in ((0, False, home), (1, True, other)):
        now = list(control.slots)
        now[other] = replace(now[other], tries=tries, successful=successful)
        assert control.with_slots(*now).active == active
        assert slot_control.preferred(control.with_slots(*now), home).active == home
