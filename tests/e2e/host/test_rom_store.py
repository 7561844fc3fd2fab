"""A ROM stored on the phone of the hardboot era: ext4, 32-bit ARM; the phone's own data stays as it is."""

from dataclasses import replace
from pathlib import Path

import pytest
import ramdisk_scripts
import rom_files
import rom_switches
import stored_roms
from phones import VirtualPhone

from hardboot.formats.boot import bootimg
from hardboot.virtual.target import ARM

pytestmark = pytest.mark.e2e
BLOCK = 4096


def changed_blocks(before: bytes, after: bytes) -> set[int]:
    """Return the numbers of the blocks that differ."""
    assert len(before) == len(after)
    return {
        at // BLOCK for at in range(0, len(after), BLOCK) if before[at : at + BLOCK] != after[at : at + BLOCK]
    }


def test_a_stored_rom_writes_to_its_own_blocks_alone(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    phone = host_phone
    rootfs = stored_roms.rootfs(tmp_path / "linux.tar", ARM, "stored")
    words = ("rom", "add", "linux", roms["minimal"], "--rootfs", rootfs, "--data", "80M")
    (image,) = phone.hardboot.process("--json", *words).json["images"]
    own = {
        number
        for _, start, length in image["runs"]
        for number in range(start // BLOCK, (start + length) // BLOCK)
    }
    assert len(own) == (80 << 20) // BLOCK
    assert phone.hardboot.process("--json", "rom", "boot", "linux").json["outcome"] == "guest-up"
    before = phone.read_partition("userdata")
    phone.run(
        "su -c 'dd if=/dev/urandom of=/data/noise bs=65536 count=64 2>/dev/null; echo kept > /data/note'"
    )
    phone.run(f"su -c 'sync; cat /etc/debian_version > /data/version; {rom_files.LINKED}; sync'")
    changed = changed_blocks(before, phone.read_partition("userdata"))
    assert len(changed) > 1000
    assert changed <= own
    phone("reboot")
    rom_files.check_push_and_pull(phone, "linux", tmp_path / "files")
    rom_files.check_shell(phone, "linux")
    # Again, from the phone's own shell.
    resets = phone.status.resets
    phone.run("su -c '/data/hardboot/hardboot boot linux </dev/null >/dev/kmsg 2>&1 &'")
    phone.wait(resets)
    assert phone.run("su -c 'cat /data/note'").strip() == "kept"
    phone("reboot")
    assert phone.run("su -c '/data/hardboot/hardboot log'").endswith(" UTC linux: starting\n")
    fine: dict[str, object] = {"name": "linux", "problem": None, "wiped": []}
    assert phone("--json", "rom", "check").json["roms"] == [fine]
    phone.hardboot.process("virtual", "stop", "--name", phone.name)
    userdata = tmp_path / "userdata"
    userdata.write_bytes(phone.read_partition("userdata"))
    rom_switches.check_ext4(userdata)


def test_the_initial_ramdisk_of_a_rom_can_mount_its_root(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    phone = host_phone
    root, initrd, boot = tmp_path / "root", tmp_path / "initrd", tmp_path / "boot.img"
    stored_roms.make_linux(root, ARM, "by-initramfs")
    initrd.mkdir()
    ramdisk = ramdisk_scripts.pack(initrd, ARM, ramdisk_scripts.MOUNTS_ROOT, "dev", "proc", "sys", "root")
    made = bootimg.renew(replace(bootimg.parse(roms["minimal"].read_bytes()), ramdisk=ramdisk))
    boot.write_bytes(b"".join(bytes(piece) for piece in bootimg.build(made)))
    phone.hardboot.process("rom", "add", "own", boot, "--rootfs", root, "--data", "24M", "--initramfs")
    assert phone.hardboot.process("--json", "rom", "boot", "own").json["outcome"] == "guest-up"
    assert phone.run("getprop ro.build.display.id").strip() == "by-initramfs"
    assert "/dev/dm-0 / ext4 rw,relatime 0 0" in phone.run("su -c 'cat /proc/mounts'").splitlines()
    phone("reboot")
    phone("rom", "remove", "own", "--yes")
