"""Partitions by their names: those of the profile, and those that only the phone knows."""

import pytest
import scripted_setup as setup
from scripted_phone import ScriptedPhone
from scripted_phone.files import Link

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device import by_name
from hardboot.device.phone import BlockDevice


def test_a_partition_of_the_profile_is_checked_against_it(scripted: ScriptedPhone) -> None:
    phone = setup.connected(scripted)
    assert by_name.full_name(phone, "boot") == "boot"
    assert by_name.partition(phone, "boot") == BlockDevice("/dev/block/vda1", setup.SIZE)
    scripted.partition("boot", b"", size=4096)
    with pytest.raises(RefusedError, match="has 4096 bytes, the profile virt-arm says"):
        by_name.partition(phone, "boot")


@pytest.mark.parametrize(
    "folder",
    [
        "/dev/block/by-name",
        "/dev/block/bootdevice/by-name",
        "/dev/block/platform/soc/by-name",
        "/dev/block/platform/soc/7824900.sdhci/by-name",
    ],
)
def test_one_that_the_profile_does_not_know_is_found_by_its_name(
    folder: str, scripted: ScriptedPhone
) -> None:
    scripted.partition("misc", bytes(4096))
    scripted.files.nodes.pop("/dev/block/by-name/misc")
    scripted.files.add(f"{folder}/misc", Link(target="/dev/block/vda4"))
    phone = setup.connected(scripted)
    assert by_name.full_name(phone, "misc") == "misc"
    assert by_name.partition(phone, "misc") == BlockDevice("/dev/block/vda4", 4096)


def test_its_slot_is_added_where_it_has_any(scripted: ScriptedPhone) -> None:
    scripted.partition("init_boot_a", bytes(4096))
    scripted.partition("init_boot_b", bytes(8192))
    scripted.properties["ro.boot.slot_suffix"] = "_b"
    phone = setup.connected(scripted)
    assert by_name.full_name(phone, "init_boot") == "init_boot_b"
    assert by_name.full_name(phone, "init_boot", "a") == "init_boot_a"
    assert by_name.partition(phone, "init_boot_b").size == 8192


@pytest.mark.parametrize("name", ["modem", "../misc", "misc\n", "", "a b", "-x"])
def test_one_that_is_not_there_is_refused(name: str, scripted: ScriptedPhone) -> None:
    scripted.partition("misc", bytes(4096))
    with pytest.raises(RefusedError, match="the phone has no partition"):
        by_name.partition(setup.connected(scripted), name)


def test_one_that_is_write_protected_is_refused(scripted: ScriptedPhone) -> None:
    scripted.partition("misc", bytes(4096)).read_only = True
    with pytest.raises(RefusedError, match=r"the partition misc \(/dev/block/vda4\) is write-protected"):
        by_name.partition(setup.connected(scripted), "misc")


def test_a_size_that_is_none_is_told(scripted: ScriptedPhone) -> None:
    scripted.partition("misc", bytes(4096))
    scripted.fault("blockdev --getsize64 *", code=0, says="many\n")
    with pytest.raises(DeviceError, match="the phone does not tell the size of the partition misc"):
        by_name.partition(setup.connected(scripted), "misc")
