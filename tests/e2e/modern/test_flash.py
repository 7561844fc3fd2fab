"""flash-host-kernel, restore, the way `flash` and home on the phone with slots, out of the box."""

from pathlib import Path

import pytest
from phones import Hardboot, HostKernels, VirtualPhone

pytestmark = pytest.mark.e2e


def test_the_running_slot_gets_a_host_kernel_and_its_own_image_back(
    modern_phone: VirtualPhone, modern_rom: Path, host_kernels: HostKernels, tmp_path: Path
) -> None:
    phone, host = modern_phone, tmp_path / "host.img"
    before = {slot: phone.read_partition(f"boot_{slot}") for slot in "ab"}
    refused = phone("boot", modern_rom, "--via", "hardboot", code=4)
    assert "has no hardboot support" in refused.three_lines[0]
    factory = phone.status.factory_image / "boot.img"
    refused = phone("flash-host-kernel", factory, "--yes", code=4)
    assert "has no hardboot support" in refused.three_lines[0]
    phone("host-image", factory, "--kernel", host_kernels["arm64-6.1"].image, "-o", host)
    asked = phone("flash-host-kernel", host, code=4)
    assert "to partition boot_a (of the running slot) of virt-arm64" in asked.three_lines[0]
    done = phone("--json", "flash-host-kernel", host, "--yes", "--reboot").json
    assert (done["partition"], done["host"]["hardboot"]) == ("boot_a", True)
    assert phone.read_partition("boot_a").startswith(host.read_bytes())
    assert phone.read_partition("boot_b") == before["b"]
    done = phone("--json", "restore", "--yes", "--reboot").json
    assert (done["partition"], done["host"]["hardboot"]) == ("boot_a", False)
    assert {slot: phone.read_partition(f"boot_{slot}") for slot in "ab"} == before


def test_a_set_is_flashed_and_another_computer_leads_home(
    modern_phone: VirtualPhone, modern_rom: Path, tmp_path: Path
) -> None:
    phone = modern_phone
    names = [f"{name}_{slot}" for name in ("boot", "init_boot", "vendor_boot", "dtbo") for slot in "ab"]
    before = {name: phone.read_partition(name) for name in names}
    asked = phone("boot", modern_rom, "--via", "flash", code=4)
    assert "Every restart then starts the ROM, until `hardboot home`" in asked.three_lines[0]
    done = phone.hardboot.process("--json", "boot", modern_rom, "--via", "flash", "--yes").json
    assert (done["outcome"], done["via"]) == ("guest-up", "flash")
    assert done["loaded"]["mark"] in phone.run("cat /proc/cmdline /proc/bootconfig")
    assert phone.run("getprop ro.build.display.id") == "minimal\n"
    elsewhere = {"XDG_STATE_HOME": str(tmp_path / "another")}
    another = Hardboot({**phone.hardboot.environment, **elsewhere})

    home = another.process("--json", "home", "--serial", phone.serial).json
    assert (home["way"], home["restarted"], home["rom"]) == ("flash", True, False)
    assert {one["holds"] for one in home["partitions"]} == {"old"}
    assert {one["partition"] for one in home["partitions"]} >= {"boot_a", "init_boot_a", "vendor_boot_a"}
    assert phone.run("getprop ro.build.display.id") == "stock\n"
    assert {name: phone.read_partition(name) for name in names} == before
    assert phone("--json", "home").json["partitions"] == []
