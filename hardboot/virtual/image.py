"""Write what is on the virtual phone's flash: boot images, file systems, bootloader environment, GPT disk.

Everything is written by the usual tools (mkbootimg, cpio, mke2fs, sgdisk, mkenvimage), never by hardboot's
own formats: an error there would otherwise cancel out when hardboot reads the result.
"""

import gzip
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes, write_atomic
from hardboot.base.process import find_tool, run
from hardboot.virtual import kernel, packages

PHONE = Path(__file__).parent / "phone"
SECTOR = 512
MIB = 1 << 20
DISK_SIZE = 768 * MIB
PARTITIONS = (  # name, size in bytes; in this order from the first MiB of the disk
    ("misc", 1 * MIB),
    ("boot", 16 * MIB),
    ("recovery", 16 * MIB),
    ("system", 32 * MIB),
    ("userdata", 512 * MIB),
)
ADB_KEYS_OFFSET = 4096  # bytes into misc; /init copies this page to /data/misc/adb/adb_keys
ENVIRONMENT_SIZE = 0x40000  # bytes; CONFIG_ENV_SIZE of Debian's qemu_arm U-Boot
FLASH_BANK_SIZE = 64 * MIB  # bytes; QEMU -M virt needs complete pflash banks
CMDLINE = "console=ttyAMA0,115200 panic=5 androidboot.console=ttyAMA0"
# Debian's kernel also tests its ciphers and clears all memory it allocates, which takes seconds in QEMU.
DEBIAN_CMDLINE = f"{CMDLINE} init_on_alloc=0 cryptomgr.notests"
# Addresses in the headers of the boot images; U-Boot loads the parts there.
MKBOOTIMG_LAYOUT = (
    *("--base", "0x40000000", "--pagesize", "2048"),
    *("--kernel_offset", "0x02000000", "--ramdisk_offset", "0x03000000", "--tags_offset", "0x02e00000"),
)
_TOOLS = ("getprop", "setprop", "start", "stop", "reboot", "zygote")  # names of toolbox.c
_ROM_MODULES = ("virtio_mmio", "virtio_blk", "virtio_net", "crc32c_generic", "ext4")


@dataclass(frozen=True)
class Partition:
    """Offset and size of a partition on the disk, in bytes."""

    offset: int
    size: int


def partition(name: str) -> Partition:
    """Return the place of the partition `name`, one of PARTITIONS."""
    offset = MIB
    for candidate, size in PARTITIONS:
        if candidate == name:
            return Partition(offset, size)
        offset += size
    raise KeyError(name)


def write_stock_image(target: Path) -> None:
    """Write the boot image of a new phone: the stock kernel, header v0."""
    zimage = kernel.stock().image
    with tempfile.TemporaryDirectory() as folder:
        ramdisk = _ramdisk(Path(folder), "stock", {})
        _mkbootimg(target, zimage, ramdisk, CMDLINE)


def write_debian_rom(target: Path) -> str:
    """Write a ROM with Debian's unmodified armhf kernel, and return the kernel release."""
    name = packages.find_dependency("linux-image-armmp", "linux-image-", architecture=packages.ARMHF)
    release = name.removeprefix("linux-image-")
    files = packages.package_dir(name, architecture=packages.ARMHF)
    with log.step(f"Packing {target.name} with kernel {release}"), tempfile.TemporaryDirectory() as folder:
        modules = _modules(files, release, Path(folder))
        ramdisk = _ramdisk(Path(folder), f"Debian {release}", modules)
        _mkbootimg(target, files / "boot" / f"vmlinuz-{release}", ramdisk, DEBIAN_CMDLINE)
    return release


def write_minimal_rom(target: Path) -> None:
    """Write the smallest ROM that boots: the phone's stock kernel under another name."""
    zimage = kernel.stock().image
    with tempfile.TemporaryDirectory() as folder:
        ramdisk = _ramdisk(Path(folder), "minimal", {})
        _mkbootimg(target, zimage, ramdisk, CMDLINE)


def write_factory_disk(target: Path, boot_image: Path) -> None:
    """Write the disk of a new phone: `boot_image` in boot and recovery, a system, an empty userdata."""
    with log.step("Making the phone's disk"), tempfile.TemporaryDirectory(dir=target.parent) as folder:
        disk = Path(folder) / "disk.img"
        with disk.open("wb") as stream:
            stream.truncate(DISK_SIZE)
        words: list[str] = ["--clear"]
        for number, (name, size) in enumerate(PARTITIONS, 1):
            start = partition(name).offset // SECTOR
            words += [f"--new={number}:{start}:+{size // 1024}K", f"--change-name={number}:{name}"]
        run([find_tool("sgdisk", "gdisk"), *words, str(disk)], timeout_s=60)
        for name in ("boot", "recovery"):
            _write_at(disk, partition(name), read_bytes(boot_image, limit=partition(name).size))
        system = Path(folder) / "system"
        _system(system)
        for name, content in (("system", system), ("userdata", None)):
            place = partition(name)
            words = ["-q", "-t", "ext4", "-L", name, "-E", f"offset={place.offset},lazy_itable_init=1"]
            words += ["-O", "^metadata_csum"] + (["-d", str(content)] if content else [])
            tool = find_tool("mke2fs", "e2fsprogs")
            run([tool, *words, str(disk), f"{place.size // 1024}k"], timeout_s=120)
        disk.replace(target)


def write_environment(target: Path, *, serialno: str, words: Sequence[str]) -> None:
    """Write the flash bank that holds the bootloader's environment.

    Args:
        target: Sparse file of FLASH_BANK_SIZE bytes to write.
        serialno: Serial number that the bootloader passes as androidboot.serialno.
        words: Other words that the bootloader adds to the kernel command line.
    """
    text = (PHONE / "uboot.env").read_text()
    text = text.replace("@SERIALNO@", serialno).replace("@WORDS@", "".join(f" {word}" for word in words))
    tool = find_tool("mkenvimage", "u-boot-tools")
    run([tool, "-s", hex(ENVIRONMENT_SIZE), "-o", target, "-"], stdin=text.encode(), timeout_s=30)
    with target.open("r+b") as stream:
        stream.truncate(FLASH_BANK_SIZE)


def write_adb_key(disk: Path, public_key: str) -> None:
    """Authorise `public_key`, the text of an adbkey.pub, as a user would on the screen; "" for none."""
    page = public_key.strip().encode() + b"\n" if public_key.strip() else b""
    if len(page) > 4096:
        raise InputError(
            f"the public key has {len(page)} bytes, the limit is 4096",
            state="The phone was not started.",
            fix="Give the adbkey.pub of your ADB key, usually ~/.android/adbkey.pub.",
        )
    with disk.open("r+b") as stream:
        stream.seek(partition("misc").offset + ADB_KEYS_OFFSET)
        stream.write(page.ljust(4096, b"\0"))


def bootloader() -> Path:
    """Return the path of Debian's U-Boot for QEMU's ARM machine."""
    return (
        packages.package_dir("u-boot-qemu", architecture=packages.ALL) / "usr/lib/u-boot/qemu_arm/u-boot.bin"
    )


def _ramdisk(folder: Path, name: str, modules: dict[str, Path]) -> Path:
    root = folder / "root"
    for sub in ("sbin", "dev", "proc", "sys", "system", "data", "modules"):
        (root / sub).mkdir(parents=True)
    compile_program("init", root / "init", 0o750)
    compile_program("adbd", root / "sbin" / "adbd", 0o750)
    compile_program("su", root / "sbin" / "su", 0o6755)
    (root / "default.prop").write_text(f"ro.build.display.id={name}\n")
    for module, path in modules.items():
        shutil.copyfile(path, root / "modules" / module)
    if modules:
        (root / "modules" / "load").write_text("".join(f"{module}\n" for module in modules))
    names = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    tool = find_tool("cpio", "cpio")
    words = [tool, "--quiet", "--create", "--format=newc", "--owner=0:0", "--reproducible"]
    archive = run(words, cwd=root, stdin=names.encode(), timeout_s=120)
    target = folder / "ramdisk.gz"
    target.write_bytes(gzip.compress(archive, 6, mtime=0))
    return target


def compile_program(name: str, target: Path, mode: int) -> None:
    """Compile one of the phone's own programs for ARM, static."""
    sources = sorted(PHONE.glob(f"{name}*.c"))
    compiler = find_tool(f"{kernel.ARM.cross}gcc", kernel.ARM.package)
    run([compiler, "-O2", "-static", "-s", "-o", target, *sources], timeout_s=120)
    target.chmod(mode)


def _system(root: Path) -> None:
    binaries, extra = root / "bin", root / "xbin"
    binaries.mkdir(parents=True)
    extra.mkdir()
    busybox = packages.package_dir("busybox-static", architecture=packages.ARMHF)
    _install(busybox / "bin" / "busybox", binaries / "busybox", 0o755)
    # Android's own shell; busybox's would run its applets (su, reboot) instead of the phone's programs.
    mksh = packages.package_dir("mksh", architecture=packages.ARMHF)
    _install(mksh / "usr/lib/arm-linux-musleabihf/bin/mksh", binaries / "sh", 0o755)
    for applet in (PHONE / "applets").read_text().split():
        (binaries / applet).symlink_to("busybox")
    compile_program("toolbox", binaries / "toolbox", 0o755)
    for name in _TOOLS:
        (binaries / name).symlink_to("toolbox")
    _install(PHONE / "build.prop", root / "build.prop", 0o644)


def _install(source: Path, target: Path, mode: int) -> None:
    shutil.copyfile(source, target)
    target.chmod(mode)


def _modules(files: Path, release: str, folder: Path) -> dict[str, Path]:
    """Return the modules for the disk and the network of a ROM, in loading order."""
    base = folder / "depmod"
    tree = base / "lib" / "modules" / release
    tree.mkdir(parents=True)
    source = files / "lib" / "modules" / release
    for name in ("modules.order", "modules.builtin"):
        shutil.copyfile(source / name, tree / name)
    (tree / "kernel").symlink_to(source / "kernel")
    run([find_tool("depmod", "kmod"), "-b", base, release], timeout_s=120)
    needs = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[Path(path).stem.replace("-", "_")] = [*reversed(others.split()), path]
    chosen: dict[str, Path] = {}
    for module in _ROM_MODULES:
        for path in needs[module]:
            chosen.setdefault(Path(path).name, source / path)
    return chosen


def _mkbootimg(target: Path, zimage: Path, ramdisk: Path, cmdline: str) -> None:
    tool = find_tool("mkbootimg", "mkbootimg")
    words = ["--kernel", str(zimage), "--ramdisk", str(ramdisk), "--cmdline", cmdline, *MKBOOTIMG_LAYOUT]
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "boot.img"
        run([tool, *words, "--header_version", "0", "--output", str(made)], timeout_s=60)
        write_atomic(target, [made.read_bytes()])


def _write_at(disk: Path, place: Partition, content: bytes) -> None:
    with disk.open("r+b") as stream:
        stream.seek(place.offset)
        stream.write(content)
