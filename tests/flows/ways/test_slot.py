"""boot --via slot, on a scripted phone whose bootloader chooses its slot: every branch, without waiting."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boot_control
import pytest
import scripted_setup as setup
import slotted
from boot_control import Slot
from in_process import hardboot
from scripted_phone import STOCK, Kernel
from slotted import HOME, VBMETA, Slotted

from hardboot.flows.ways import slot_control
from hardboot.formats.boot import bootcontrol, bootimg

NOTHING = "Nothing was sent."
ANOTHER = (
    "slot b holds another system than slot a (vbmeta differs): an Android ROM would run it with your data"
)
LIMITED = "misc holds no valid boot control block"


@pytest.fixture
def phone(image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Slotted:
    monkeypatch.setenv("PATH", str(image.parent))  # without fastboot, auto comes to the slots
    return slotted.install(monkeypatch, tmp_path / "state")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return setup.rom_image(tmp_path)


def boot(image: Path, *words: str, code: int = 0) -> Any:
    """Return the JSON document of `boot --via slot`."""
    done = hardboot("--json", "boot", image, "--via", "slot", *words)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def error(image: Path, *words: str, code: int) -> tuple[str, str, str]:
    """Return the three lines of the error with which `boot --via slot` ends."""
    done = hardboot("boot", image, "--via", "slot", *words)
    assert done.returncode == code, done.stderr
    what, state, fix = done.stderr.splitlines()[-3:]
    return what.removeprefix("hardboot: "), state.removeprefix("  state: "), fix.removeprefix("  to do: ")


def restart(phone: Slotted) -> None:
    """Restart it without hardboot, and wait."""
    phone.phone.reboot()
    phone.phone.clock.sleep(60)


def home() -> Any:
    """Return the JSON document of `hardboot home`."""
    done = hardboot("--json", "home", "--yes")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


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
    assert what == "the phone was restarted into its other slot and has been silent for 40 s"
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


def _pending(phone: Slotted) -> None:
    phone.phone.add_file("/metadata/ota/state", b"\x08\x03")


def _no_slots(phone: Slotted, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("hardboot.profile.match", lambda _product: setup.small_profile())


def _control(*slots: Slot) -> Callable[[Slotted], None]:
    def change(phone: Slotted) -> None:
        phone.control = slots

    return change


def _empty(phone: Slotted) -> None:
    phone.control = (HOME[0], Slot(14, 7))
    for name, content in {"xbl_a": b"x", "xbl_b": b""}.items():
        phone.phone.partition(name, content, size=4096)


def _no_image(phone: Slotted) -> None:
    phone.control = (HOME[0], Slot(14, 7))
    phone.devices["boot_b"].flash = b"x".ljust(setup.SIZE)
    phone.devices["boot_b"].drop()


def _no_control(phone: Slotted) -> None:
    phone.devices["misc"].flash = bytes(setup.SIZE)
    phone.devices["misc"].drop()


def _locked(phone: Slotted) -> None:
    phone.phone.properties["ro.boot.flash.locked"] = "1"


@pytest.mark.parametrize(
    ("change", "what", "fix"),
    [
        (_locked, "the bootloader is locked: it starts no other images than its maker's", "Unlock"),
        (_pending, "an update is pending (/metadata/ota/state: merging)", "Let the update end"),
        (
            _control(Slot(14, 1, successful=True), Slot(15, 7)),
            "the next restart starts slot b already: an update waits for it",
            "Let the update end",
        ),
        (
            _control(Slot(15, 6), Slot(14, 1, successful=True)),
            "slot a, which is running, is not marked as successful: the bootloader may not return to it",
            "Wait until the phone has started completely",
        ),
        (
            _control(HOME[0], Slot(0, 0)),
            "slot b is marked as unbootable: an update is being written to it, or it failed",
            "Let the update end",
        ),
        (_empty, "slot b was never booted: xbl_b is empty", "Install an update once"),
        (_no_image, "slot b was never booted: boot_b holds no boot image", "Install an update once"),
        (
            _no_control,
            f"hardboot cannot change the active slot: {LIMITED}: boot control block: magic at offset 0x4: "
            "0x0, it is 0x42414342, and the phone has no bootctl",
            "By hand, after writing the ROM to slot b: fastboot set_active b; and to return: "
            "fastboot set_active a",
        ),
    ],
)
def test_a_phone_whose_other_slot_must_not_be_used_is_refused(
    phone: Slotted, image: Path, change: Callable[[Slotted], None], what: str, fix: str
) -> None:
    change(phone)
    before = phone.content()
    for words in ((), ("--dry-run",)):
        told = error(image, *words, code=4)
        assert (told[0], told[1]) == (what, NOTHING)
        assert told[2].startswith(fix)
    assert hardboot("boot", image).stderr.splitlines()[-3].endswith(what)  # so does auto, after the others
    assert phone.content() == before
    assert phone.started == []


def test_a_phone_without_slots_is_refused(
    phone: Slotted, image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _no_slots(phone, monkeypatch)
    assert error(image, code=4)[0].endswith("has no slots, as far as its profile knows")


def test_a_slot_that_was_filled_but_not_booted_is_used(phone: Slotted, image: Path) -> None:
    phone.control = (HOME[0], Slot(14, 7))
    before = phone.content()
    boot(image)
    assert phone.content() == before


def test_a_phone_with_bootctl_alone_is_only_taken_by_name(phone: Slotted, image: Path) -> None:
    _no_control(phone)
    phone.reads_misc = False
    phone.phone.bootctl = {0: (True, True), 1: (True, True)}
    before = phone.content()
    refused = hardboot("boot", image).stderr.splitlines()[-3]
    assert "slot: only bootctl can change the active slot: restarts would start the ROM again" in refused
    done = boot(image)
    assert (done["outcome"], phone.started) == ("guest-up", ["b"])
    assert phone.phone.bootctl == {0: (True, True), 1: (True, False)}
    assert phone.phone.bootctl_active == 0
    assert phone.content() == before


def test_a_rom_without_bootctl_keeps_its_slot_until_the_owner_chooses_the_other(
    phone: Slotted, image: Path
) -> None:
    _no_control(phone)
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
    _no_control(phone)
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


def test_a_rom_that_runs_is_left_first(phone: Slotted, image: Path) -> None:
    boot(image)
    assert error(image, code=4)[0] == "partitions are written from the phone's own system: a ROM is running"
    assert error(image, "--dry-run", code=4)[2] == "Return to it first: hardboot home"
    done = boot(image, "--from-rom")
    assert (done["outcome"], phone.started) == ("guest-up", ["b", "a", "b"])


def test_what_may_keep_the_rom_from_starting_is_told(phone: Slotted, image: Path) -> None:
    def warnings() -> str:
        return hardboot("boot", image, "--via", "slot", "--dry-run").stderr

    assert "slot b" not in warnings()
    phone.phone.properties["ro.virtual_ab.enabled"] = "true"
    assert "there may be no system in slot b" in warnings()
    for slot in "ab":
        phone.phone.partition(f"vendor_kernel_boot_{slot}", slot.encode(), size=4096)
        phone.phone.partition(f"vbmeta_{slot}", VBMETA[:123].ljust(4096, b"\0"))
    told = warnings()
    assert "vbmeta_b has verification enabled" in told
    assert "vendor_kernel_boot is not the same in both slots: the ROM gets that of b" in told


@pytest.mark.parametrize(
    ("names", "what"),
    [
        (
            ("vbmeta_b",),
            ANOTHER,
        ),
        (
            ("vbmeta_system_a", "vbmeta_system_b"),
            ANOTHER,
        ),
        ((), "the phone has no vbmeta that tells whether slot b holds the same system as slot a"),
    ],
)
def test_a_slot_with_another_system_is_only_taken_by_name(
    phone: Slotted, image: Path, names: tuple[str, ...], what: str
) -> None:
    for name in names:
        phone.phone.partition(name, name.encode(), size=4096)
    if not names:
        for slot in "ab":
            phone.phone.files.remove(f"/dev/block/by-name/vbmeta_{slot}")
    refused = hardboot("boot", image)
    assert refused.returncode == 4
    assert refused.stderr.splitlines()[-3].endswith(f"; slot: {what}")
    done = hardboot("boot", image, "--via", "slot")
    assert done.returncode == 0, done.stderr
    assert what in done.stderr


@pytest.mark.parametrize(
    ("where", "state"),
    [
        ("device.slot_state.parse", "Nothing was sent."),
        ("flows.ways.slot_images.make", "Nothing was sent."),
        ("flows.transaction.check", "Nothing was sent."),
        ("flows.transaction.device_of", "Nothing was written to a partition."),
        ("flows.restart.reboot_and_wait", "The ROM is in the other slot; the restart may have been sent."),
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
