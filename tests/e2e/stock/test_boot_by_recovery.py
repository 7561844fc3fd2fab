"""hardboot boot --via recovery on the 32-bit phone, whose bootloader reads misc as those of old phones do."""

from pathlib import Path

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e
TOUCHED = ("misc", "boot", "recovery")


def test_a_rom_boots_once_from_recovery_and_a_restart_leads_home(
    stock_phone: VirtualPhone, roms: dict[str, Path]
) -> None:
    before = {name: stock_phone.read_partition(name) for name in TOUCHED}
    own = stock_phone.run("getprop ro.build.display.id")
    done = stock_phone.hardboot.process("--json", "boot", roms["minimal"], "--via", "recovery").json
    assert (done["outcome"], done["via"]) == ("guest-up", "recovery")
    assert done["guest"]["boot_id"] == stock_phone.boot_id
    assert done["loaded"]["mark"] in stock_phone.run("cat /proc/cmdline").split()
    assert stock_phone.run("getprop ro.build.display.id") == "minimal\n"
    # It was taken back before the ROM's init looked for it, and hb-init left nothing behind.
    assert "hb-init: misc: the message to the bootloader is taken back\n" in stock_phone.run("su -c dmesg")
    assert stock_phone.run("getprop ro.boot.mode") == "\n"
    assert "hb-init" not in stock_phone.run("su -c 'ls -a /'; su -c 'cat /proc/mounts'")
    assert "from the recovery partition: " in stock_phone("status").out
    assert {name: stock_phone.read_partition(name) for name in TOUCHED} == before
    stock_phone.restart()
    assert stock_phone.run("getprop ro.build.display.id") == own
    assert stock_phone("--json", "home").json["partitions"] == []
    assert {name: stock_phone.read_partition(name) for name in TOUCHED} == before
