"""MultiROM's folder with ROMs that boot, for a virtual phone, and what must not change of it."""

import gzip
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import ramdisk_scripts
import stored_roms
from multirom_folders import BASE, INI, ROM_INFO
from phones import VirtualPhone

from hardboot.device.connection import open_transport
from hardboot.formats.boot import bootimg
from hardboot.images import filesystem
from hardboot.virtual.target import ARM

LONG_AGO = 1_000_000_000  # seconds: the time of all files, so that ls shows a newer one
ANDROID, FOLDER, IMAGE = "Android", "Folder", "Image"  # the names of the ROMs
NOTE = "kept"  # what a file in the data of each ROM says
LINUX_NOTE = f"640 {LONG_AGO}"  # mode and time of that of a Linux ROM, as stat -c "%a %Y" prints them
_MIB = 1 << 20
# Names, owners, modes and times of all, and what is in the files.
_STATE = f"cd {BASE}; find . | sort | xargs ls -ldn; find . -type f | sort | xargs md5sum"
# What MultiROM's trampoline and menu do after a kexec (trampoline.c, multirom_prep_android_mounts), but all
# read-only: MultiROM lets a ROM write to its images, and here a change must be hardboot's.
_TRAMPOLINE = f"""{ramdisk_scripts.START}\
grep -q mrom_kexecd=1 /proc/cmdline || reboot -f
disk=$(grep -l PARTNAME=userdata /sys/class/block/*/uevent | cut -d / -f 5)
mount -t ext4 /dev/$disk /realdata
base=/realdata{BASE.removeprefix("/data")}
rom=$base/roms/$(sed -n s/^current_rom=//p $base/multirom.ini)
for part in system data cache; do mount -t ext4 -o loop,ro,noload $rom/$part.img /$part; done
sed -i 's/^/#/' /fstab.*
exec /main_init
"""
# What the initial ramdisk of an Ubuntu for MultiROM does with rootsubdir=; read-only for the same reason.
_ROOT_FOLDER = f"""{ramdisk_scripts.START}\
for word in $(cat /proc/cmdline); do case $word in
root=*) disk=${{word#root=}} ;;
rootfstype=*) type=${{word#rootfstype=}} ;;
rootsubdir=*) folder=${{word#rootsubdir=}} ;;
esac; done
mount -t $type $disk /host
mount -o bind /host$folder /root
mount -o remount,bind,ro /root
exec switch_root /root /sbin/init
"""


@dataclass
class MultiRomOnPhone:
    """MultiROM's folder as a tar archive, and what was on the phone after it was put there.

    Attributes:
        archive: The archive.
        phone: The phone that has it.
        state: All that the folder holds.
    """

    archive: Path
    phone: VirtualPhone | None = None
    state: str = ""

    def put(self, phone: VirtualPhone) -> None:
        """Put the folder on a phone, once."""
        if self.phone:
            return
        self.phone, there = phone, "/data/local/tmp/multirom.tar.gz"
        transport = open_transport(phone.serial)
        try:
            transport.push(self.archive, there, mode=0o644, progress=lambda _size: None)
        finally:
            transport.close()
        above = BASE.rpartition("/")[0]
        phone.run(f"su -c 'mkdir -p {above} && tar -xzf {there} -C {above} && rm {there} && sync'")
        self.state = phone.run(f"su -c '{_STATE}'")
        assert f"./roms/{FOLDER}/root/etc/note" in self.state

    def remove(self) -> None:
        """Remove it from the phone, for good: a later test may end the machine as a power cut does."""
        if self.phone and self.phone.status.running:
            self.phone.run(f"su -c 'rm -rf {BASE} && sync'")

    @contextmanager
    def booted(self, *words: str) -> Iterator[VirtualPhone]:
        """Boot a ROM and yield the phone; then restart it, and find its own system and MultiROM's folder."""
        phone = self.phone
        assert phone
        assert phone.hardboot.process("--json", *words).json["outcome"] == "guest-up"
        yield phone
        phone("reboot")
        assert phone.is_host
        assert phone.run(f"su -c '{_STATE}'") == self.state


def make(folder: Path, boot_image: Path) -> MultiRomOnPhone:
    """Make MultiROM's folder with an Android ROM in images, a Linux ROM in an image, and one in a folder.

    Args:
        folder: An empty folder.
        boot_image: Of the virtual phone: kernel, and a ramdisk with its userland.
    """
    roms = folder / "multirom/roms"
    _make_android(roms / ANDROID, boot_image, folder)
    _make_linux(roms / FOLDER, boot_image, folder)
    image = roms / IMAGE
    image.mkdir()
    shutil.copyfile(roms / FOLDER / "rom_info.txt", image / "rom_info.txt")
    filesystem.make(image / "root.img", 16 * _MIB, roms / FOLDER / "root")
    ini = INI.replace(b"current_rom=Chosen", f"current_rom={ANDROID}".encode())
    (folder / "multirom/multirom.ini").write_bytes(ini)
    archive = folder / "multirom.tar.gz"
    words = ["tar", "-C", str(folder), "--owner=0", "--group=0", f"--mtime=@{LONG_AGO}"]
    pack = [*words, "--use-compress-program=gzip -1", "-cf", str(archive), "multirom"]
    subprocess.run(pack, check=True, timeout=60)
    return MultiRomOnPhone(archive)


def _make_android(rom: Path, boot_image: Path, work: Path) -> None:
    """Make a ROM of images, whose boot image has a trampoline."""
    (rom / "boot").mkdir(parents=True)
    (rom / "boot/init.rc").write_text("# shared by MultiROM\n")
    stored_roms.system(rom / "system.img", ARM, "of-multirom", size=8 * _MIB)
    shutil.rmtree(rom / "system.img.root")
    data = work / "data"
    (data / "local/tmp").mkdir(parents=True)
    (data / "note").write_text(NOTE)
    filesystem.make(rom / "data.img", 4 * _MIB, data)
    filesystem.make(rom / "cache.img", 4 * _MIB)
    boot = bootimg.parse(boot_image.read_bytes())
    root = work / "injected"
    root.mkdir()
    unpack = ["cpio", "--quiet", "-id"]
    subprocess.run(unpack, cwd=root, input=gzip.decompress(boot.ramdisk), check=True, timeout=60)
    (root / "init").rename(root / "main_init")
    (root / "cache").mkdir()
    with (root / "fstab.virt-arm").open("a") as stream:
        stream.write("/dev/block/by-name/cache /cache ext4 nosuid,nodev wait\n")
    ramdisk = ramdisk_scripts.pack(root, ARM, _TRAMPOLINE, "realdata")
    made = bootimg.renew(replace(boot, ramdisk=ramdisk, name="tr_ver27"))
    (rom / "boot.img").write_bytes(b"".join(bytes(piece) for piece in bootimg.build(made)))


def _make_linux(rom: Path, boot_image: Path, work: Path) -> None:
    """Make a ROM of a folder, with its kernel in it."""
    root = rom / "root"
    stored_roms.make_linux(root, ARM, rom.name)
    (root / "etc").mkdir()
    note = root / "etc/note"
    note.write_text(NOTE)
    note.chmod(0o640)
    os.utime(note, (LONG_AGO, LONG_AGO))
    (root / "data/local/tmp").mkdir(parents=True)
    (root / "boot").mkdir()
    boot = bootimg.parse(boot_image.read_bytes())
    (root / "boot/vmlinuz-6.1").write_bytes(boot.kernel)
    initrd = work / "initrd"
    initrd.mkdir()
    (root / "boot/initrd.img").write_bytes(
        ramdisk_scripts.pack(initrd, ARM, _ROOT_FOLDER, "dev", "proc", "sys", "host", "root")
    )
    (rom / "rom_info.txt").write_bytes(ROM_INFO.replace(b"%r/boot/vmlinuz", b"%r/boot/vmlinuz*"))
