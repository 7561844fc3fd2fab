"""Two Linux ROMs and home in turn on the 32-bit phone, whose data partition is ext4: run by `make soak`."""

from pathlib import Path

import pytest
import rom_switches
import stored_roms
from phones import VirtualPhone

from hardboot.virtual.target import ARM

pytestmark = [pytest.mark.e2e, pytest.mark.soak]


@pytest.mark.timeout(3600)
def test_fifty_switches_between_two_roms_and_home(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    names = ("first", "second")
    for name in names:
        rootfs = stored_roms.rootfs(tmp_path / f"{name}.tar", ARM, name)
        words = ("rom", "add", name, roms["minimal"], "--rootfs", rootfs, "--data", "88M")
        host_phone.hardboot.process(*words)
    rom_switches.switch(host_phone, names, 50)
    userdata = tmp_path / "userdata"
    userdata.write_bytes(host_phone.read_partition("userdata"))
    rom_switches.check_ext4(userdata)
