"""Phones on which boot --via slot is refused, warned of, or only taken by name."""

from collections.abc import Callable
from pathlib import Path

import pytest
import scripted_setup as setup
from boot_control import Slot
from in_process import hardboot
from slot_boots import ANOTHER, LIMITED, NOTHING, boot, error, image, no_control, phone
from slotted import HOME, VBMETA, Slotted

__all__ = ["image", "phone"]


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
            no_control,
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
    no_control(phone)
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
