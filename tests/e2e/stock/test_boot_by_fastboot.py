"""hardboot boot --via fastboot on the 32-bit phone, which runs its stock kernel."""

from pathlib import Path

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


def test_a_rom_boots_by_fastboot_until_the_next_restart(
    stock_phone: VirtualPhone, roms: dict[str, Path]
) -> None:
    before = stock_phone.boot_partition_sha256()
    done = stock_phone.hardboot.process("--json", "boot", roms["minimal"]).json
    assert (done["outcome"], done["via"]) == ("guest-up", "fastboot")
    assert done["guest"]["boot_id"] == stock_phone.boot_id
    assert done["loaded"]["mark"] in stock_phone.run("cat /proc/cmdline").split()
    assert stock_phone.run("getprop ro.build.display.id") == "minimal\n"
    stock_phone("reboot")
    assert stock_phone.run("getprop ro.build.display.id") != "minimal\n"
    assert stock_phone.boot_partition_sha256() == before
