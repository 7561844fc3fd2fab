"""The main job on the virtual phone with slots: a set of images boots from RAM, and the host comes back."""

from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot.flows import rom
from hardboot.layout import Arm64Kernel

pytestmark = pytest.mark.e2e


def test_a_set_boots_from_ram_after_a_reset_until_the_next_restart(
    modern_host_phone: VirtualPhone, modern_debian: Path
) -> None:
    phone = modern_host_phone
    resets, boot = phone.status.resets, phone.read_partition("boot_a")
    document = phone.kernel
    assert (document["hardboot"]["page"], document["hardboot"]["flag"]) == (0x44000000, 4)
    kernel = rom.read(modern_debian).kernel
    assert isinstance(kernel, Arm64Kernel)
    assert (kernel.header.efi, kernel.header.text_offset) == (True, 0)  # Debian's begins as an EFI program
    done = phone.hardboot.process("--json", "boot", modern_debian).json
    assert done["outcome"] == "guest-up"
    assert done["device"] == "virt-arm64"
    assert done["guest"]["release"].endswith("-arm64")
    assert {one["name"] for one in done["loaded"]["segments"]} == {"Image", "initrd", "dtb"}
    assert phone.status.resets == resets + 1
    assert phone.read_partition("boot_a") == boot
    # What the bootloader tells its own kernel, the guest knows too.
    assert phone.run("getprop ro.boot.slot_suffix").strip() == "_a"
    assert phone.run("getprop ro.serialno").strip() == "HBVIRT-ARM64"
    assert "KASLR enabled" in phone.run("su -c dmesg")  # by a seed of its own
    assert phone.kernel["guest"] is True
    assert phone.doctor()[1] == ["hardboot reboot", "hardboot boot IMAGE --from-rom"]
    refused = phone("boot", modern_debian, code=4)
    assert "has no hardboot support" in refused.three_lines[0]
    assert "with hardboot support" in phone("reboot").out
    now = phone.kernel
    assert (now["guest"], now["kernel"]["release"]) == (False, document["kernel"]["release"])


def test_what_is_loaded_starts_later_and_the_next_rom_without_a_reset(
    modern_host_phone: VirtualPhone, modern_rom: Path
) -> None:
    phone = modern_host_phone
    assert phone("exec", code=4).three_lines[0] == "hardboot: nothing is loaded on this phone"
    loaded = phone("--json", "load", modern_rom).json
    assert phone.kernel["loaded"] == loaded["loaded"]
    assert phone("unload").out.startswith("Unloaded minimal (kernel 6.1.")
    phone("load", modern_rom)
    resets = phone.status.resets
    done = phone("--json", "exec").json
    assert done["outcome"] == "guest-up"
    assert done["loaded"]["mark"] in done["guest"]["cmdline"].split()
    assert phone.status.resets == resets + 1
    kept = phone("--json", "attempts", "show").json
    assert (kept["id"], kept["outcome"], kept["via"]) == (done["attempt"], "guest-up", None)
    # From the guest's kernel, which knows nothing of hardboot; CPU 1 is taken offline by PSCI.
    again = phone("--json", "boot", modern_rom, "--via", "soft").json
    assert again["outcome"] == "guest-up"
    assert again["pushed_bytes"] < 64 << 10  # the phone kept kernel and ramdisk
    assert again["guest"]["boot_id"] != again["host"]["boot_id"]
    kept = phone("--json", "attempts", "list").json["attempts"]
    assert [(one["outcome"], one["via"]) for one in kept[:2]] == [("guest-up", "soft"), ("guest-up", None)]
    assert "purgatory" in {one["name"] for one in again["loaded"]["segments"]}
    assert phone.status.resets == resets + 1
    assert phone.run("cat /sys/devices/system/cpu/online").strip() == "0-1"
