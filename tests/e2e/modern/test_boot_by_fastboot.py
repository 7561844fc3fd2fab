"""hardboot boot --via fastboot on the phone with slots: no host kernel is needed, nothing is flashed."""

from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot.virtual import modern

pytestmark = pytest.mark.e2e


def test_a_set_packed_as_v2_boots_by_fastboot_until_the_next_restart(
    modern_phone: VirtualPhone, modern_rom: Path
) -> None:
    names = [f"{name}_{slot}" for name in ("boot", "init_boot", "vendor_boot") for slot in "ab"]
    before = {name: modern_phone.read_partition(name) for name in names}
    alone = modern_phone("boot", modern_rom, code=4)
    assert "dtbo, init_boot, vendor_boot would be those that are flashed" in alone.three_lines[0]
    dry = modern_phone("--json", "boot", modern_rom, "--as-v2", "--dry-run").json
    assert dry["via"] == "fastboot"
    assert dry["other_ways"]["hardboot"].endswith("has no hardboot support")
    assert dry["image"]["header_version"] == 2
    done = modern_phone.hardboot.process("--json", "boot", modern_rom, "--as-v2").json
    assert (done["outcome"], done["via"]) == ("guest-up", "fastboot")
    kept = modern_phone("--json", "attempts", "show").json
    assert (kept["id"], kept["outcome"], kept["via"]) == (done["attempt"], "guest-up", "fastboot")
    assert kept["began"] < kept["gone"] < kept["back"] <= kept["ended"]
    assert done["loaded"]["mark"] in modern_phone.run("cat /proc/cmdline").split()
    assert modern_phone.run("getprop ro.build.display.id") == "minimal\n"
    assert modern_phone.kernel["guest_image"]["start"] == "fastboot"
    assert "without hardboot support" in modern_phone("reboot").out
    assert modern_phone.run("getprop ro.build.display.id") == "stock\n"
    assert {name: modern_phone.read_partition(name) for name in names} == before


def test_a_boot_image_alone_boots_with_what_is_flashed(modern_phone: VirtualPhone, modern_rom: Path) -> None:
    done = modern_phone.hardboot.process("--json", "boot", modern_rom / "boot.img", "--append", "hello=1")
    assert done.json["outcome"] == "guest-up"
    assert "from the phone, as flashed: vendor_boot_a, init_boot_a, dtbo_a" in done.err
    assert "hello=1" in modern_phone.run("cat /proc/cmdline").split()
    assert modern_phone.run("getprop ro.build.display.id") == "stock\n"
    modern_phone("reboot")


def test_a_locked_phone_is_refused_by_every_way_before_it_restarts(
    modern_phone: VirtualPhone, modern_rom: Path
) -> None:
    modern_phone.start("--locked")
    boot_id = modern_phone.boot_id
    image = modern_rom / "boot.img"
    before = modern_phone.disk.read_bytes()[: modern.TABLE.place("userdata").offset]
    words = {
        "hardboot": "has no hardboot support",
        "fastboot": "the bootloader is locked: it boots no image by fastboot",
        "recovery": "has no recovery partition, as far as its profile knows",
        "slot": "the bootloader is locked: it starts no other images than its maker's",
        "flash": "the bootloader is locked: it starts no other images than its maker's",
    }
    for via, reason in words.items():
        assert reason in modern_phone("boot", image, "--via", via, code=4).three_lines[0]
    by_itself = modern_phone("boot", image, code=4).three_lines[0]
    assert [reason for reason in words.values() if reason not in by_itself] == []
    refused = modern_phone("flash-host-kernel", image, "--yes", code=4)
    assert "the bootloader is locked: it does not start a boot image" in refused.three_lines[0]
    assert modern_phone.boot_id == boot_id
    assert modern_phone.disk.read_bytes()[: len(before)] == before
    modern_phone.restart()
