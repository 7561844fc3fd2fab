"""The virtual phone of today, virt-arm64: boot images of header v4 in two slots."""

import gzip
import shutil
import struct
import sys
from collections.abc import Sequence
from pathlib import Path

from hardboot.base import log
from hardboot.base.files import write_atomic
from hardboot.base.process import find_tool, run
from hardboot.base.temporary import temporary_folder
from hardboot.virtual import bootloader, disk, kernel, packages, userland
from hardboot.virtual.disk import MIB, Partition
from hardboot.virtual.target import ARM64

NAME = "virt-arm64"
SLOTS = ("a", "b")
IMAGES = ("boot", "init_boot", "vendor_boot", "dtbo", "vbmeta")  # of one slot
TABLE = disk.Table(
    (
        Partition("misc", 1 * MIB),
        Partition("metadata", 16 * MIB, "ext4"),
        *(
            Partition(f"{name}_{slot}", size * MIB, filesystem)
            for name, size, filesystem in (
                ("vbmeta", 1, None),
                ("dtbo", 1, None),
                ("init_boot", 8, None),
                ("vendor_boot", 32, None),
                ("boot", 32, None),
                ("system", 32, "ext4"),
            )
            for slot in SLOTS
        ),
        Partition("userdata", 3072 * MIB, "f2fs"),
    )
)
# A version of its own: the device tree that QEMU gives belongs to it, and lies in vendor_boot.
MACHINE = ("-M", "virt-7.2,dtb-randomness=off", "-cpu", "cortex-a57", "-smp", "2", "-m", "1G")
VENDOR_CMDLINE = "bootconfig console=ttyAMA0,115200 panic=5"
# Debian's kernel also tests its ciphers and clears all memory it gives out: with QEMU that takes seconds.
DEBIAN_CMDLINE = "init_on_alloc=0 cryptomgr.notests"
BOOTCONFIG = "androidboot.hardware=virt-arm64\nandroidboot.boot_devices=a003e00.virtio_mmio\n"
# Addresses that vendor_boot carries; U-Boot puts the parts where it says.
LAYOUT = (
    *("--base", "0x40000000", "--pagesize", "4096", "--kernel_offset", "0x00400000"),
    *("--ramdisk_offset", "0x0c000000", "--tags_offset", "0x0bf00000", "--dtb_offset", "0x0bf00000"),
)
_VERSION = ("--os_version", "14.0.0", "--os_patch_level", "2024-01")
_FSTAB = "fstab.virt-arm64"
_ROM_MODULES = ("virtio_mmio", "virtio_blk", "virtio_net", "crc32c_generic", "ext4", "f2fs", "dm_mod")
_TABLE_HEADER = ">8L"  # struct dt_table_header and dt_table_entry of AOSP's libufdt/utils/src/dt_table.h
_TABLE_ENTRY = ">8L"
_TABLE_MAGIC = 0xD7B7AB1E


def write_images(target: Path) -> None:
    """Write the images the phone is delivered with into the folder `target`, with the stock kernel."""
    _make_set(target, kernel.stock(ARM64).image, "stock")


def write_disk(target: Path, images: Path) -> None:
    """Write the disk of a new phone: the images of a folder in both slots, a system, an empty userdata."""
    with temporary_folder() as folder:
        system = folder / "system"
        userland.make_system(system, ARM64, "virt-arm64.prop")
        parts = {f"{name}_{slot}": images / f"{name}.img" for name in IMAGES for slot in SLOTS}
        disk.make(target, TABLE, parts, {f"system_{slot}": system for slot in SLOTS})


def write_rom(target: Path, which: str) -> None:
    """Write a ROM into the folder `target`, as boot.img, init_boot.img and so on.

    "debian" has Debian's unmodified arm64 kernel, "minimal" the phone's stock kernel.
    """
    if which == "minimal":
        _make_set(target, kernel.stock(ARM64).image, "minimal")
        return
    name = packages.find_dependency("linux-image-arm64", "linux-image-", architecture=ARM64.debian)
    release = name.removeprefix("linux-image-")
    files = packages.package_dir(name, architecture=ARM64.debian)
    with log.step(f"Packing {target.name} with kernel {release}"), temporary_folder() as folder:
        modules = userland.find_modules(files, release, _ROM_MODULES, folder)
        image = files / "boot" / f"vmlinuz-{release}"
        _make_set(target, image, f"Debian {release}", modules, DEBIAN_CMDLINE)


def _make_set(
    target: Path, image: Path, name: str, modules: dict[str, Path] | None = None, cmdline: str = ""
) -> None:
    target.mkdir(parents=True, exist_ok=True)
    with temporary_folder() as folder:
        work = folder
        kernel_gz = work / "Image.gz"
        kernel_gz.write_bytes(gzip.compress(image.read_bytes(), 6, mtime=0))
        generic = work / "generic"
        userland.make_root(generic, ARM64, name)
        _mkbootimg(target / "boot.img", ["--kernel", kernel_gz, "--cmdline", cmdline, *_VERSION])
        userland.pack_ramdisk(generic, work / "generic.gz")
        _mkbootimg(target / "init_boot.img", ["--ramdisk", work / "generic.gz", *_VERSION])
        _make_vendor_boot(target / "vendor_boot.img", work, modules or {})
        write_atomic(target / "dtbo.img", [_overlays(work)])
        # No descriptor and no signature: an unlocked phone's bootloader does not ask for them.
        write_atomic(target / "vbmeta.img", [struct.pack(">4s2L", b"AVB0", 1, 0).ljust(256, b"\0")])


def _make_vendor_boot(target: Path, work: Path, modules: dict[str, Path]) -> None:
    platform, recovery = work / "platform", work / "recovery"
    first_stage = platform / "first_stage_ramdisk"
    first_stage.mkdir(parents=True)
    (platform / "lib/modules").mkdir(parents=True)
    shutil.copyfile(userland.PHONE / _FSTAB, first_stage / _FSTAB)
    userland.add_modules(platform, modules)
    (recovery / "sbin").mkdir(parents=True)
    (recovery / "sbin" / "recovery").write_text("#!/system/bin/sh\n")
    for root in (platform, recovery):
        userland.pack_ramdisk(root, root.with_suffix(".gz"))
    config, tree = work / "bootconfig", work / "dtb"
    config.write_text(BOOTCONFIG)
    tree.write_bytes(device_tree(work))
    ramdisks: list[str | Path] = []
    for root, kind in ((platform, "PLATFORM"), (recovery, "RECOVERY")):
        ramdisks += ["--ramdisk_type", kind, "--ramdisk_name", root.name]
        ramdisks += ["--vendor_ramdisk_fragment", root.with_suffix(".gz")]
    words: list[str | Path] = [
        "--dtb",
        tree,
        "--vendor_cmdline",
        VENDOR_CMDLINE,
        "--vendor_bootconfig",
        config,
        *LAYOUT,
    ]
    _mkbootimg(target, [*ramdisks, *words], output="--vendor_boot")


def device_tree(work: Path) -> bytes:
    """Return the device tree of the machine, as QEMU gives it to its bootloader; `work` is for files."""
    dumped, packed = work / "qemu.dtb", work / "packed.dtb"
    qemu = find_tool("qemu-system-aarch64", "qemu-system-arm")
    machine = [word.replace("virt-7.2", f"virt-7.2,dumpdtb={dumped}") for word in MACHINE]
    run([qemu, *machine, "-display", "none", "-nic", "none", "-bios", bootloader.build(ARM64)], timeout_s=60)
    dtc = find_tool("dtc", "device-tree-compiler")
    # QEMU fills it up to 1 MiB.
    run([dtc, "-q", "-I", "dtb", "-O", "dtb", "-o", packed, dumped], timeout_s=60)
    return packed.read_bytes()


def _overlays(work: Path) -> bytes:
    """Return the content of dtbo: a table with one overlay."""
    made = work / "overlay.dtbo"
    dtc = find_tool("dtc", "device-tree-compiler")
    source = userland.PHONE / "virt-arm64.dtso"
    run([dtc, "-q", "-@", "-I", "dts", "-O", "dtb", "-o", made, source], timeout_s=60)
    overlay = made.read_bytes()
    header, entry = struct.calcsize(_TABLE_HEADER), struct.calcsize(_TABLE_ENTRY)
    at = header + entry
    table = struct.pack(_TABLE_HEADER, _TABLE_MAGIC, at + len(overlay), header, entry, 1, header, 4096, 0)
    return table + struct.pack(_TABLE_ENTRY, len(overlay), at, 0, 0, 0, 0, 0, 0) + overlay


def _mkbootimg(target: Path, words: Sequence[str | Path], *, output: str = "--output") -> None:
    # Debian 12's own one is too old for header v4.
    package = packages.package_dir("mkbootimg", suite=packages.NEWER, architecture=packages.ALL)
    command = [sys.executable, package / "usr/bin/mkbootimg", "--header_version", "4", *words]
    with temporary_folder() as folder:
        made = folder / "image"
        run([*command, output, made], timeout_s=60)
        write_atomic(target, [made.read_bytes()])
