"""hb-init, the program that runs in a ROM before its own init: the archive that brings it, and its steps."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from hardboot.formats.archives.cpio import S_IFDIR, S_IFREG, Entry

FOLDER = "hb-init"
RDINIT = f"/{FOLDER}/init"  # for rdinit= in the kernel command line
UNKNOWN = "-"  # the device of a partition that is only known by its name
STEPS_LIMIT = 32768  # bytes; STEPS_MAX of hb-init.c
LOG_PREFIX = "hb-init: "  # of its lines in the kernel log

_PAYLOAD = Path(__file__).parent
_S_IFCHR = 0o020000
_KMSG = (1, 11)  # Linux Documentation/admin-guide/devices.txt
_MAPPER = (10, 236)  # MAPPER_CTRL_MINOR of include/linux/miscdevice.h


def message_step(partition: str, device: str, written: bytes, former: bytes) -> str:
    """Return the step that takes the message to the bootloader back; see message.c.

    Args:
        partition: Name of the partition it is in.
        device: Name of its block device, "mmcblk0p19"; UNKNOWN if it is not known.
        written: The command as hardboot writes it, 32 bytes.
        former: What was there before, and will be there again.
    """
    return f"message {partition} {device} {written.hex()} {former.hex()}"


def tell_step(word: str) -> str:
    """Return the step that writes a word to the logs that may be kept over a restart; see tell.c."""
    return f"tell {word}"


def restart_step(kind: str) -> str:
    """Return the step that restarts the phone: "plain", "warm" or "command"; see tell.c."""
    return f"restart {kind}"


def module_step(name: str) -> str:
    """Return the step that loads a kernel module; `name` is that of its file in the archive."""
    return f"module {name}"


def disk_step(name: str, partition: str, device: str, size: int, *, read_only: bool) -> str:
    """Return the step that makes a disk of the runs in a table; see disks.c.

    Args:
        name: Of the disk; its table is the file `table_name(name)` in the archive.
        partition: Name of the partition in which the runs lie.
        device: Name of its block device, "mmcblk0p42"; UNKNOWN if it is not known.
        size: Bytes of the partition: no other one is taken.
        read_only: The ROM cannot write to the disk.
    """
    return f"disk {name} {partition} {device} {size} {'ro' if read_only else 'rw'}"


def table_name(name: str) -> str:
    """Return the name of the file with the table of a disk."""
    return f"{name}.table"


def root_step(name: str, filesystem: str) -> str:
    """Return the step that mounts the disk made last, `name`, as the root file system."""
    return f"root {name} {filesystem}"


def entries(
    arch: str, steps: Sequence[str], init: str, files: Mapping[str, bytes] | None = None
) -> tuple[Entry, ...]:
    """Return the files of the archive behind the ROM's ramdisk.

    Args:
        arch: "arm" or "arm64".
        steps: What it does.
        init: Path of the ROM's own init, which it becomes at the end.
        files: What the steps need: modules and tables, by name.
    """
    text = "".join(f"{step}\n" for step in (*steps, f"init {init}")).encode()
    assert len(text) <= STEPS_LIMIT
    program = (_PAYLOAD / f"hb-init-{arch}").read_bytes()
    (major, minor), mapper = _KMSG, _MAPPER
    return (
        Entry(FOLDER, S_IFDIR | 0o700),
        Entry(f"{FOLDER}/sys", S_IFDIR | 0o700),
        Entry(f"{FOLDER}/kmsg", _S_IFCHR | 0o600, rdev_major=major, rdev_minor=minor),
        Entry(f"{FOLDER}/mapper", _S_IFCHR | 0o600, rdev_major=mapper[0], rdev_minor=mapper[1]),
        Entry(f"{FOLDER}/root", S_IFDIR | 0o700),
        Entry(f"{FOLDER}/steps", S_IFREG | 0o600, text),
        *(Entry(f"{FOLDER}/{name}", S_IFREG | 0o600, data) for name, data in (files or {}).items()),
        Entry(f"{FOLDER}/init", S_IFREG | 0o700, program),
    )
