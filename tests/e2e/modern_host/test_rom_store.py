"""ROMs that are stored on the phone with slots: each has its own disk, the phone's own system none of it."""

from pathlib import Path

import pytest
import rom_files
import stored_roms
from phones import VirtualPhone

from hardboot.virtual.target import ARM64

pytestmark = pytest.mark.e2e


@pytest.mark.timeout(600)
def test_a_linux_rom_keeps_its_own_data_and_leaves_the_phones_alone(
    modern_host_phone: VirtualPhone, modern_debian: Path, tmp_path: Path
) -> None:
    phone = modern_host_phone
    rootfs = stored_roms.rootfs(tmp_path / "linux.tar", ARM64, "stored")
    added = phone.hardboot.process(
        "--json", "rom", "add", "linux", modern_debian, "--rootfs", rootfs, "--data", "192M"
    ).json
    assert [one["size"] for one in added["images"]] == [192 << 20]
    assert [one["name"] for one in phone("--json", "rom", "list").json["roms"]] == ["linux"]
    done = phone.hardboot.process("--json", "rom", "boot", "linux").json
    assert done["outcome"] == "guest-up"
    mounts = phone.run("su -c 'cat /proc/mounts'").splitlines()
    assert "/hb-init/root-disk / ext4 rw,relatime 0 0" in mounts
    assert not [line for line in mounts if "by-name" in line]  # nothing of the phone's own system
    assert phone.run("cat /etc/debian_version").startswith("12.")
    assert phone.run("/bin/bash -c 'echo $BASH_VERSION'").startswith("5.2")  # Debian's programs run
    modules = phone.run("cat /proc/modules")
    assert "dm_mod" in modules  # hb-init loaded what the ramdisk lists
    assert phone.run("getprop ro.build.display.id").strip() == "stored"
    phone.run(f"su -c 'echo kept > /data/note; {rom_files.LINKED}; sync'")
    refused = phone("rom", "pull", "linux", "/link", ".", code=4)
    assert "the phone runs linux, not its own system" in refused.err
    phone("reboot")
    assert phone.run("su -c 'cat /data/note 2>&1'").strip() != "kept"
    rom_files.check_push_and_pull(phone, "linux", tmp_path / "files")
    rom_files.check_shell(phone, "linux")
    # Again, from the phone's own shell.
    phone("rom", "default", "linux")
    assert phone.run("su -c '/data/hardboot/hardboot list'") == "linux (default)\n"
    resets = phone.status.resets
    phone.run("su -c '/data/hardboot/hardboot boot </dev/null >/dev/kmsg 2>&1 &'")
    phone.wait(resets)
    assert phone.run("su -c 'cat /data/note'").strip() == "kept"
    assert phone.run("su -c 'cat /etc/inside /tree/sub/file'") == "pushed through a link\ndeep\nmore\n"
    known = phone.kernel["guest_image"]
    assert known["mark"] in phone.run("cat /proc/cmdline").split()
    assert (known["image"], known["start"]) == ("linux", "hard")
    phone("reboot")
    assert phone.run("su -c '/data/hardboot/hardboot log'").endswith(" UTC linux: starting\n")
    (listed,) = phone("--json", "rom", "list").json["roms"]
    assert listed["last"]["outcome"] == "started-on-phone"
    # A copy with less room, booted by its name.
    phone.hardboot.process("rom", "clone", "linux", "copy")
    phone.hardboot.process("rom", "resize", "copy", "--data", "160M")
    assert phone.hardboot.process("--json", "boot", "copy").json["outcome"] == "guest-up"
    assert phone.run("su -c 'cat /data/note'").strip() == "kept"
    (disk,) = [line.split() for line in phone.run("cat /proc/partitions").splitlines() if "dm-0" in line]
    assert int(disk[2]) == 160 << 10
    phone("reboot")
    phone("rom", "remove", "linux", "--yes")
    assert [one["problem"] for one in phone("--json", "rom", "check").json["roms"]] == [None]
    phone("rom", "remove", "copy", "--yes")
    assert phone("--json", "rom", "list").json["roms"] == []


def test_an_android_rom_mounts_its_own_system_and_data_by_its_fstab(
    modern_host_phone: VirtualPhone, modern_rom: Path, tmp_path: Path
) -> None:
    phone = modern_host_phone
    system = stored_roms.system(tmp_path / "system.img", ARM64, "of-the-rom")
    words = ("rom", "add", "android", modern_rom, "--system", system, "--data", "24M", "--cache", "8M")
    added = phone.hardboot.process("--json", *words).json
    assert [one["name"] for one in added["images"]] == ["system", "data", "cache"]
    done = phone.hardboot.process("rom", "boot", "android")
    assert "not mounted in this ROM, as it has no image of it: /metadata" in done.err
    assert phone.run("getprop ro.build.flavor").strip() == "of-the-rom"
    mounts = phone.run("su -c 'cat /proc/mounts'").splitlines()
    assert "/dev/block/dm-0 /system ext4 ro,relatime 0 0" in mounts
    assert "/dev/block/dm-1 /data ext4 rw,nosuid,nodev,relatime 0 0" in mounts
    assert not [line for line in mounts if "by-name" in line]
    phone.run("su -c 'echo mine > /data/local/tmp/note; sync'")
    phone("reboot")
    assert phone.run("getprop ro.build.flavor").strip() == ""
    assert phone.run("cat /data/local/tmp/note 2>/dev/null") == ""
    phone.hardboot.process("--yes", "rom", "wipe", "android")
    phone.hardboot.process("boot", "android")
    assert phone.run("getprop ro.build.flavor").strip() == "of-the-rom"
    assert phone.run("cat /data/local/tmp/note 2>/dev/null") == ""
    phone("reboot")
    phone("rom", "remove", "android", "--yes")
