"""ROMs that are stored on the phone with slots: each has its own disk, the phone's own system none of it."""

from pathlib import Path

import pytest
import stored_roms
from phones import VirtualPhone

from hardboot.virtual.target import ARM64

pytestmark = pytest.mark.e2e


def test_a_linux_rom_keeps_its_own_data_and_leaves_the_phones_alone(
    modern_host_phone: VirtualPhone, modern_rom: Path, tmp_path: Path
) -> None:
    phone = modern_host_phone
    rootfs = stored_roms.rootfs(tmp_path / "linux.tar", ARM64, "stored")
    added = phone.hardboot.process(
        "--json", "rom", "add", "linux", modern_rom, "--rootfs", rootfs, "--data", "96M"
    ).json
    assert [one["size"] for one in added["images"]] == [96 << 20]
    assert [one["name"] for one in phone("--json", "rom", "list").json["roms"]] == ["linux"]
    done = phone.hardboot.process("--json", "rom", "boot", "linux").json
    assert done["outcome"] == "guest-up"
    mounts = phone.run("su -c 'cat /proc/mounts'").splitlines()
    assert "/hb-init/root-disk / ext4 rw,relatime 0 0" in mounts
    assert not [line for line in mounts if "by-name" in line]  # nothing of the phone's own system
    assert phone.run("getprop ro.build.display.id").strip() == "stored"
    phone.run("su -c 'echo kept > /data/note; sync'")
    phone("reboot")
    assert phone.run("su -c 'cat /data/note 2>&1'").strip() != "kept"
    phone.hardboot.process("rom", "boot", "linux")
    assert phone.run("su -c 'cat /data/note'").strip() == "kept"
    phone("reboot")
    phone("rom", "remove", "linux", "--yes")
    assert phone("--json", "rom", "list").json["roms"] == []
