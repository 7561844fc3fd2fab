"""hardboot boot --via flash on the 32-bit phone, which has no slots."""

from pathlib import Path

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


def test_a_flashed_rom_stays_until_home_and_a_way_that_needs_slots_is_refused(
    stock_phone: VirtualPhone, roms: dict[str, Path]
) -> None:
    before, rom = stock_phone.boot_partition_sha256(), roms["minimal"]
    refused = stock_phone("boot", rom, "--via", "slot", code=4)
    assert "has no slots" in refused.three_lines[0]
    done = stock_phone.hardboot.process("--json", "boot", rom, "--via", "flash", "--yes").json
    assert (done["outcome"], done["via"]) == ("guest-up", "flash")
    assert done["loaded"]["mark"] in stock_phone.run("cat /proc/cmdline").split()
    stock_phone("reboot")
    assert stock_phone.run("getprop ro.build.display.id") == "minimal\n"
    home = stock_phone("--json", "home", "--yes").json
    assert (home["way"], home["restarted"], home["rom"]) == ("flash", True, False)
    assert stock_phone.run("getprop ro.build.display.id") != "minimal\n"
    assert stock_phone.boot_partition_sha256() == before
