"""The virtual phone of the hardboot era, virt-arm: 32-bit ARM, boot images of header v0, no slots."""

from pathlib import Path

from hardboot.base import log
from hardboot.base.files import write_atomic
from hardboot.base.process import find_tool, run
from hardboot.base.temporary import temporary_folder
from hardboot.virtual import disk, kernel, packages, userland
from hardboot.virtual.disk import MIB, Partition
from hardboot.virtual.target import ARM

NAME = "virt-arm"
TABLE = disk.Table(
    (
        Partition("misc", 1 * MIB),
        Partition("boot", 16 * MIB),
        Partition("recovery", 16 * MIB),
        Partition("system", 32 * MIB, "ext4"),
        Partition("userdata", 512 * MIB, "ext4"),
    )
)
CMDLINE = "console=ttyAMA0,115200 panic=5 androidboot.console=ttyAMA0"
# Debian's kernel also tests its ciphers and clears all memory it gives out: with QEMU that takes seconds.
DEBIAN_CMDLINE = f"{CMDLINE} init_on_alloc=0 cryptomgr.notests"
# Addresses the boot images carry; U-Boot loads the parts where the header says.
MKBOOTIMG_LAYOUT = (
    *("--base", "0x40000000", "--pagesize", "2048"),
    *("--kernel_offset", "0x02000000", "--ramdisk_offset", "0x03000000", "--tags_offset", "0x02e00000"),
)
_FSTAB = "fstab.virt-arm"
_ROM_MODULES = ("virtio_mmio", "virtio_blk", "virtio_net", "crc32c_generic", "ext4", "dm_mod")


def write_images(target: Path) -> None:
    """Write the boot image the phone is delivered with, and its recovery: the stock kernel, header v0."""
    with temporary_folder() as folder:
        ramdisk = _ramdisk(folder, "stock")
        _pack(target, kernel.stock(ARM).image, ramdisk, CMDLINE)
        root = folder / "root"
        (root / "sbin" / "recovery").write_text("#!/system/bin/sh\n")
        userland.pack_ramdisk(root, ramdisk)
        _pack(_recovery(target), kernel.stock(ARM).image, ramdisk, CMDLINE)


def factory_images(boot_image: Path) -> dict[str, Path]:
    """Return the images the phone is delivered with, by their partitions."""
    recovery = _recovery(boot_image)  # phones of earlier versions have the same image in both
    return {"boot": boot_image, "recovery": recovery if recovery.exists() else boot_image}


def write_disk(target: Path, boot_image: Path) -> None:
    """Write the disk of a new phone: the images it is delivered with, a system, an empty userdata."""
    with temporary_folder() as folder:
        system = folder / "system"
        userland.make_system(system, ARM, "virt-arm.prop")
        disk.make(target, TABLE, factory_images(boot_image), {"system": system})


def _recovery(boot_image: Path) -> Path:
    """Return the recovery beside a boot image."""
    return boot_image.with_name("factory-recovery.img")


def write_rom(target: Path, which: str) -> None:
    """Write a ROM: "debian" with Debian's unmodified kernel, "minimal" with the phone's stock kernel."""
    with temporary_folder() as folder:
        if which == "minimal":
            _pack(target, kernel.stock(ARM).image, _ramdisk(folder, "minimal"), CMDLINE)
            return
        name = packages.find_dependency("linux-image-armmp", "linux-image-", architecture=ARM.debian)
        release = name.removeprefix("linux-image-")
        files = packages.package_dir(name, architecture=ARM.debian)
        with log.step(f"Packing {target.name} with kernel {release}"):
            ramdisk = _ramdisk(folder, f"Debian {release}", files, release)
            _pack(target, files / "boot" / f"vmlinuz-{release}", ramdisk, DEBIAN_CMDLINE)


def _ramdisk(folder: Path, name: str, files: Path | None = None, release: str = "") -> Path:
    root, output = folder / "root", folder / "ramdisk.gz"
    userland.make_root(root, ARM, name)
    (root / _FSTAB).write_text((userland.PHONE / _FSTAB).read_text())
    if files:
        userland.add_modules(root, userland.find_modules(files, release, _ROM_MODULES, folder))
    userland.pack_ramdisk(root, output)
    return output


def _pack(target: Path, zimage: Path, ramdisk: Path, cmdline: str) -> None:
    tool = find_tool("mkbootimg", "mkbootimg")
    words = ["--kernel", str(zimage), "--ramdisk", str(ramdisk), "--cmdline", cmdline, *MKBOOTIMG_LAYOUT]
    with temporary_folder() as folder:
        made = folder / "boot.img"
        run([tool, *words, "--header_version", "0", "--output", str(made)], timeout_s=60)
        write_atomic(target, [made.read_bytes()])
