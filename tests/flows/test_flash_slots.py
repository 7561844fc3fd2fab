"""What writes and reads boot partitions on a phone with two slots: the running one, or the one named."""

import json
from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from rooted_images import MAGISK, host
from scripted_phone import BlockDevice, ScriptedPhone

from hardboot.flows import backup, host_image

NEW = setup.HOST_IMAGE


@pytest.fixture
def slots(scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch) -> ScriptedPhone:
    """Return a phone that runs from slot b; slot a holds the stock image."""
    setup.add_slots(scripted, monkeypatch)
    monkeypatch.setattr(host_image, "check", lambda *_, **__: None)
    return scripted


@pytest.fixture
def image(tmp_path: Path) -> Path:
    path = tmp_path / "host.img"
    path.write_bytes(NEW)
    return path


def content(phone: ScriptedPhone, slot: str) -> bytes:
    number = {"a": 4, "b": 5}[slot]  # behind boot, recovery and userdata
    device = phone.files.nodes[f"/dev/block/vda{number}"]
    assert isinstance(device, BlockDevice)
    return device.flash


def test_the_slot_is_shown_before_the_question(slots: ScriptedPhone, image: Path) -> None:
    for words, shown in (
        ((), "to partition boot_b (of the running slot) of virt-arm HBSCRIPT"),
        (("--slot", "a"), "to partition boot_a (slot b is running) of virt-arm HBSCRIPT"),
    ):
        asked = hardboot("flash-host-kernel", image, *words)
        assert asked.returncode == 4
        assert shown in asked.stderr
    slots.properties["ro.boot.slot_suffix"] = ""
    asked = hardboot("flash-host-kernel", image, "--slot", "a")
    assert "to partition boot_a (which slot is running is not known) of" in asked.stderr
    asked = hardboot("flash-host-kernel", image)
    assert "the phone does not say which slot it runs from" in asked.stderr
    assert slots.happened("dd *of=/dev/*") == []


def test_root_of_the_running_slot_is_lost_with_an_image_without_it_in_the_other(
    slots: ScriptedPhone, image: Path
) -> None:
    device = slots.files.nodes["/dev/block/vda5"]
    assert isinstance(device, BlockDevice)
    device.flash = device.cached = host(ramdisk=MAGISK).ljust(setup.SIZE, b"\0")
    done = hardboot("flash-host-kernel", image, "--slot", "a", "--yes", "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["root_lost"] == ["Magisk (in the ramdisk)"]
    assert "host.img lacks Magisk (in the ramdisk)" in done.stderr
    slots.properties["ro.boot.slot_suffix"] = ""
    done = hardboot("flash-host-kernel", image, "--slot", "a", "--yes", "--json")
    assert (done.returncode, json.loads(done.stdout)["root_lost"]) == (0, [])


def test_the_other_slot_is_written_and_restored_by_name(slots: ScriptedPhone, image: Path) -> None:
    before = {slot: content(slots, slot) for slot in "ab"}
    done = hardboot("flash-host-kernel", image, "--slot", "a", "--yes")
    assert done.returncode == 0, done.stderr
    assert content(slots, "a").startswith(NEW)
    assert content(slots, "b") == before["b"]
    (saved,) = backup.find("HBSCRIPT", "boot_a")
    assert saved.path.name.startswith("boot_a-")
    assert backup.find("HBSCRIPT", "boot_b") == []

    missing = hardboot("restore", "--yes")
    assert "there is no backup of the boot_b partition of virt-arm HBSCRIPT" in missing.stderr
    asked = hardboot("restore", saved.path)
    assert "to partition boot_a (slot b is running) of" in asked.stderr
    done = hardboot("restore", "--slot", "a", "--yes")
    assert done.returncode == 0, done.stderr
    assert {slot: content(slots, slot) for slot in "ab"} == before


def test_a_backup_is_of_the_running_slot_or_of_the_one_named(slots: ScriptedPhone, tmp_path: Path) -> None:
    for words, slot in (((), "b"), (("--slot", "a"), "a"), (("--partition", "boot_a"), "a")):
        target = tmp_path / "read.img"
        done = hardboot("backup", "-o", target, *words)
        assert done.returncode == 0, done.stderr
        assert target.read_bytes() == content(slots, slot)
    refused = hardboot("backup", "--partition", "recovery", "--slot", "a")
    assert "recovery of hardboot virtual phone (QEMU virt, 32-bit ARM) has no slots" in refused.stderr


def test_a_restart_into_the_other_slot_is_refused(slots: ScriptedPhone, image: Path) -> None:
    refused = hardboot("flash-host-kernel", image, "--slot", "a", "--reboot", "--yes")
    assert refused.returncode == 4
    assert "slot b is running: a restart does not start boot_a" in refused.stderr
    assert slots.happened("dd *of=/dev/*") == []


def test_a_backup_says_its_own_slot(slots: ScriptedPhone) -> None:
    assert hardboot("backup").returncode == 0
    (saved,) = backup.find("HBSCRIPT", "boot_b")
    wrong = hardboot("restore", saved.path, "--slot", "a")
    assert wrong.returncode == 2
    assert "BACKUP says its own slot" in wrong.stderr
