"""The disks of virtual phones: a GPT partition table, images and file systems, messages in misc.

Everything is written by the tools that phones are made with (sgdisk, mke2fs, mkfs.f2fs), never by hardboot's
own formats: what hardboot reads back was not written by its twin.
"""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import read_bytes
from hardboot.base.process import find_tool, run
from hardboot.base.temporary import temporary_folder

MIB = 1 << 20
_SECTOR = 512
_END = MIB  # bytes behind the last partition, for the second copy of the table
_ADB_KEYS_OFFSET = 4096  # bytes into misc; /init copies this page to /data/misc/adb/adb_keys
# Commands of struct bootloader_message, at the start of misc: AOSP bootable/recovery, bootloader_message.h
BOOT_RECOVERY = "boot-recovery"
BOOT_BOOTLOADER = "bootonce-bootloader"
_COMMAND_SIZE = 32  # bytes


@dataclass(frozen=True)
class Partition:
    """One partition.

    Attributes:
        name: In the table.
        size: Bytes.
        filesystem: "ext4" or "f2fs"; None for what is written raw.
    """

    name: str
    size: int
    filesystem: str | None = None


@dataclass(frozen=True)
class Place:
    """Where a partition lies on the disk, in bytes."""

    offset: int
    size: int


class Table(tuple[Partition, ...]):
    """The partitions of a disk, in this order from its first MiB on."""

    def place(self, name: str) -> Place:
        """Return where the partition `name` lies.

        Raises:
            KeyError: If there is no such partition.
        """
        offset = MIB
        for partition in self:
            if partition.name == name:
                return Place(offset, partition.size)
            offset += partition.size
        raise KeyError(name)

    @property
    def disk_size(self) -> int:
        """The size of the whole disk in bytes."""
        return MIB + sum(partition.size for partition in self) + _END


def make(target: Path, table: Table, images: Mapping[str, Path], folders: Mapping[str, Path]) -> None:
    """Write the disk of a new phone.

    Args:
        target: The disk to write, sparse.
        table: Its partitions.
        images: What is written raw, by the names of partitions.
        folders: What is in file systems, by the names of partitions; the others are empty.
    """
    with log.step("Making the phone's disk"), temporary_folder(target.parent) as folder:
        disk = folder / "disk.img"
        with disk.open("wb") as stream:
            stream.truncate(table.disk_size)
        words: list[str] = ["--clear"]
        for number, partition in enumerate(table, 1):
            start = table.place(partition.name).offset // _SECTOR
            words += [f"--new={number}:{start}:+{partition.size // 1024}K"]
            words += [f"--change-name={number}:{partition.name}"]
        run([find_tool("sgdisk", "gdisk"), *words, disk], timeout_s=60)
        for name, image in images.items():
            place = table.place(name)
            _write_at(disk, place.offset, read_bytes(image, limit=place.size))
        for partition in table:
            place = table.place(partition.name)
            if partition.filesystem == "ext4":
                _make_ext4(disk, place, partition.name, folders.get(partition.name))
            elif partition.filesystem == "f2fs":
                _make_f2fs(disk, place, partition.name)
        disk.replace(target)


def write_adb_key(disk: Path, table: Table, public_key: str) -> None:
    """Answer the phone's "Allow USB debugging?" for `public_key`, the text of an adbkey.pub; "" for none.

    Raises:
        InputError: If it is too long.
    """
    page = public_key.strip().encode() + b"\n" if public_key.strip() else b""
    if len(page) > 4096:
        raise InputError(
            f"the public key has {len(page)} bytes, the limit is 4096",
            state="The phone was not started.",
            fix="Name the adbkey.pub that belongs to your ADB key, usually ~/.android/adbkey.pub.",
        )
    _write_at(disk, table.place("misc").offset + _ADB_KEYS_OFFSET, page.ljust(4096, b"\0"))


def write_message(disk: Path, table: Table, command: str) -> None:
    """Tell the bootloader what to start next: BOOT_RECOVERY or BOOT_BOOTLOADER, once."""
    _write_at(disk, table.place("misc").offset, command.encode().ljust(_COMMAND_SIZE, b"\0"))


def _make_ext4(disk: Path, place: Place, label: str, content: Path | None) -> None:
    words: Sequence[str | Path] = [
        *("-q", "-t", "ext4", "-L", label, "-O", "^metadata_csum"),
        *("-E", f"offset={place.offset},lazy_itable_init=1"),
        *(("-d", content) if content else ()),
    ]
    run([find_tool("mke2fs", "e2fsprogs"), *words, disk, f"{place.size // 1024}k"], timeout_s=120)


def _make_f2fs(disk: Path, place: Place, label: str) -> None:
    made = disk.with_name("f2fs.img")
    with made.open("wb") as stream:
        stream.truncate(place.size)
    run([find_tool("mkfs.f2fs", "f2fs-tools"), "-q", "-f", "-l", label, made], timeout_s=120)
    with made.open("rb") as source, disk.open("r+b") as target:
        for start, end in _written(source.fileno(), place.size):
            source.seek(start)
            target.seek(place.offset + start)
            target.write(source.read(end - start))
    made.unlink()


def _written(file: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the ranges of a sparse file of `size` bytes that are no holes."""
    end = 0
    while end < size:
        try:
            start = os.lseek(file, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only holes are left
                return
            raise
        end = os.lseek(file, start, os.SEEK_HOLE)
        yield start, end


def _write_at(disk: Path, offset: int, content: bytes) -> None:
    with disk.open("r+b") as stream:
        stream.seek(offset)
        stream.write(content)
