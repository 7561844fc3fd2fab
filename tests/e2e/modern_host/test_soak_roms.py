"""A Linux and an Android ROM and home in turn on the phone with slots, on f2fs: run by `make soak`."""

from pathlib import Path

import pytest
import rom_switches
import stored_roms
from phones import VirtualPhone

from hardboot.virtual.target import ARM64

pytestmark = [pytest.mark.e2e, pytest.mark.soak]


@pytest.mark.timeout(3600)
def test_fifty_switches_between_two_roms_and_home(
    modern_host_phone: VirtualPhone, modern_debian: Path, modern_rom: Path, tmp_path: Path
) -> None:
    phone = modern_host_phone
    rootfs = stored_roms.rootfs(tmp_path / "linux.tar", ARM64, "stored")
    system = stored_roms.system(tmp_path / "system.img", ARM64, "of-the-rom")
    phone.hardboot.process("rom", "add", "linux", modern_debian, "--rootfs", rootfs, "--data", "192M")
    disks = ("--system", system, "--data", "24M", "--cache", "8M")
    phone.hardboot.process("rom", "add", "android", modern_rom, *disks)
    rom_switches.switch(phone, ("linux", "android"), 50)
    userdata = tmp_path / "userdata"
    userdata.write_bytes(phone.read_partition("userdata"))
    rom_switches.check_f2fs(userdata)
