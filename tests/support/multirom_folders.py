"""A folder of MultiROM on a phone, with a ROM of each type."""

from scripted_phone import ScriptedPhone
from scripted_phone.files import File, FileSystem, Folder, Link

BASE = "/data/media/0/multirom"
# Tasssadar/multirom, rom_info.txt, without most of its comments.
ROM_INFO = b"""\
# This file contains info about ROMs capabilites and boot process.
# If you need to use " character in string, just use it, no need to escape it
type="kexec"

root_dir="%m/root"
root_img="%m/root.img"
root_img_fs="ext4"
kernel_path="%r/boot/vmlinuz"
initrd_path="%r/boot/initrd.img"

base_cmdline="%b root=%d rootfstype=%r rw console=tty0 quiet splash rootflags=defaults,noatime,nodiratime"
img_cmdline="loop=%i loopfstype=%f"
dir_cmdline="rootsubdir=%s"
"""
# Tasssadar/multirom, multirom_save_status.
INI = b"current_rom=Chosen\nauto_boot_seconds=5\nauto_boot_rom=\nauto_boot_type=0\ncurr_rom_part=\n"
# What each ROM has: its folders and its files.
ROMS = {
    "Internal": (),
    "Android": ("boot/init.rc", "system/build.prop", "data/app/x", "cache/recovery/log"),
    "Chosen": ("boot/init.rc", "system/build.prop", "data/app/x", "cache/recovery/log", "boot.img"),
    "In images": ("boot/init.rc", "system.img", "data.img", "cache.img", "boot.img", "firmware.img"),
    "Sparse": ("boot/init.rc", "system.sparse.img", "data.sparse.img", "cache.sparse.img", "boot.img"),
    "Linux": ("rom_info.txt", "root.img"),
    "LinuxFolder": ("rom_info.txt", "root/boot/vmlinuz", "root/boot/initrd.img", "root/etc/passwd"),
    "Ubuntu": ("root/etc/passwd", "boot.img"),
    "Ubuntu old": ("root/etc/passwd",),
    "Nothing": ("readme",),
    "a name that is much too long": ("rom_info.txt",),
}


def put(phone: ScriptedPhone, contents: dict[str, bytes], *, base: str = BASE) -> None:
    """Put the folder on a phone.

    Args:
        phone: The phone.
        contents: Of files, by their path below "roms".
        base: Path of the folder.
    """
    phone.add_file(f"{base}/multirom.ini", INI)
    for name, files in ROMS.items():
        phone.make_folder(f"{base}/roms/{name}")
        for file in files:
            path = f"{name}/{file}"
            default = ROM_INFO if file == "rom_info.txt" else path.encode()
            phone.add_file(f"{base}/roms/{path}", contents.get(path, default))
            folder = file.rpartition("/")[0]
            if folder:
                phone.files.nodes.setdefault(f"{base}/roms/{name}/{folder}", Folder())


def snapshot(files: FileSystem, base: str = BASE) -> dict[str, object]:
    """Return all that is in the folder: content, owner, mode and time of each file."""
    found: dict[str, object] = {}
    for path, node in files.nodes.items():
        if path.startswith(f"{base}/"):
            content = node.content if isinstance(node, File) else getattr(node, "target", None)
            assert isinstance(node, File | Folder | Link)
            found[path] = (type(node).__name__, content, node.owner, node.mode, node.touched)
    return found
