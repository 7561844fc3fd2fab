"""A scripted phone with MultiROM's folder, which nothing may change."""

from collections.abc import Iterator
from pathlib import Path

import container_builders as build
import multirom_folders
import pytest
import scripted_setup
import store_setup as setup
from cpio_archives import END, newc
from multirom_folders import BASE
from ramdisks import ARCHIVE, ramdisk
from scripted_phone.image_files import Files, images_of
from store_setup import StorePhone

from hardboot.formats.boot import bootimg

EXT4 = (bytes(0x438) + b"\x53\xef").ljust(3 * 4096, b"e")
KERNEL = bytes(bootimg.parse(scripted_setup.own_image()).kernel)
INITRD = ramdisk(1000)
FSTAB = b"".join(
    b"/dev/block/vda%d /%s ext4 rw wait\n" % (number, name)
    for number, name in enumerate((b"system", b"data", b"cache"), 2)
)
BOOT: Files = {b"/boot": None, b"/boot/vmlinuz": KERNEL, b"/boot/initrd.img": INITRD}
# As MultiROM's trampoline leaves a ramdisk.
INJECTED = newc(b"main_init", b"own init", mode=0o100750) + newc(b"fstab.virt", FSTAB) + ARCHIVE


def injected(name: bytes = b"tr_ver27") -> bytes:
    """Return a boot image with MultiROM's trampoline."""
    image = bytearray(build.boot(KERNEL, INJECTED + END, cmdline=b"console=ttyAMA0"))
    image[48:64] = name.ljust(16, b"\0")  # the name in the header
    return bytes(image)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[StorePhone]:
    """Yield a phone with MultiROM's folder, in which nothing may change."""
    found = setup.connected(monkeypatch, tmp_path)
    contents = {
        f"{rom}/{part}{end}": EXT4
        for rom, end in (("In images", ".img"), ("Sparse", ".sparse.img"))
        for part in ("system", "data", "cache")
    }
    contents |= {f"{rom}/boot.img": injected() for rom in ("Chosen", "In images", "Sparse", "Ubuntu")}
    contents["Linux/root.img"] = EXT4
    contents["LinuxFolder/root/boot/vmlinuz"] = KERNEL
    contents["LinuxFolder/root/boot/initrd.img"] = INITRD
    multirom_folders.put(found.scripted, contents)
    images_of(found.scripted.files).of("hardboot.Linux.root").update(BOOT)
    before = multirom_folders.snapshot(found.scripted.files)
    yield found
    assert multirom_folders.snapshot(found.scripted.files) == before


def change(phone: StorePhone, path: str, content: bytes) -> None:
    """Give a file of MultiROM another content; the fixture sees it, and so it is put back."""
    node = phone.scripted.files.find(f"{BASE}/roms/{path}")
    assert node
    node.truncate()
    node.write(0, content)
