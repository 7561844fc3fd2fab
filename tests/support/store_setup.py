"""A scripted phone whose /data can hold ROMs, and hardboot connected to it."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import scripted_setup as setup
from cpio_archives import newc
from ramdisks import ARCHIVE
from scripted_phone import ScriptedPhone
from scripted_phone.blocks import Blocks, blocks_of

from hardboot.device.phone import Phone
from hardboot.flows.store import add
from hardboot.flows.store.add import NewRom
from hardboot.flows.store.place import STORE
from hardboot.flows.store.write_image import NewImage
from hardboot.images import filesystem

PAGE = 4096
PARTITION = 64 << 20  # bytes of userdata
BLOCK_FILES = ("/sys/class/block/vda3/size", "/sys/class/block/vda3/uevent")
FSTAB = newc(b"fstab.mine", b"/dev/x /system ext4 ro wait\n/dev/y /data ext4 noatime wait\n", mode=0o100644)
ANDROID_RAMDISK = FSTAB + ARCHIVE
ROOT = bytes(PAGE) + b"root file system".ljust(PAGE, b".") + bytes(2 * PAGE)


@dataclass
class StorePhone:
    """The phone as a test sees it."""

    scripted: ScriptedPhone
    phone: Phone

    @property
    def blocks(self) -> Blocks:
        """Where its files lie."""
        return blocks_of(self.scripted.files)

    def names(self) -> list[str]:
        """Return the folders of the store."""
        return self.scripted.files.names(STORE) if self.scripted.files.find(STORE) else []

    def content(self, path: str) -> bytes:
        """Return the content of a file of the store."""
        node = self.scripted.files.find(f"{STORE}/{path}")
        assert node, path
        return node.read()

    def leave_free(self, size: int) -> None:
        """Let `size` bytes be free on /data, beside what is there."""
        data = self.scripted.data
        data.capacity = 1 << 40
        data.capacity += size - (self.scripted.files.free("/data") or 0)


def connected(monkeypatch: pytest.MonkeyPatch, folder: Path, *, filesystem: str = "ext4") -> StorePhone:
    """Return a phone with its host kernel running."""
    scripted = setup.install(setup.phone_with_disk(), monkeypatch, folder / "state")
    scripted.data.kind = filesystem
    prepare(scripted)
    return StorePhone(scripted, setup.connected(scripted))


def with_linux(monkeypatch: pytest.MonkeyPatch, folder: Path, *, filesystem: str = "ext4") -> StorePhone:
    """Return such a phone on which a Linux ROM is stored."""
    found = connected(monkeypatch, folder, filesystem=filesystem)
    new = linux(folder)
    add.add(found.phone, new, add.check(found.phone, new))
    return found


def reconnected(phone: StorePhone) -> StorePhone:
    """Return the phone after the connection was lost."""
    return StorePhone(phone.scripted, setup.connected(phone.scripted))


def prepare(scripted: ScriptedPhone) -> None:
    """Let a phone tell on which block device its /data lies."""
    scripted.show("/proc/mounts", lambda: "".join(f"{mount}\n" for mount in scripted.files.mounts))
    size, uevent = BLOCK_FILES
    scripted.add_file(size, f"{PARTITION // 512}\n")
    scripted.add_file(uevent, "MAJOR=254\nMINOR=3\nDEVNAME=vda3\nPARTNAME=userdata\n")
    blocks_of(scripted.files).pins = scripted.data.kind == "f2fs"


def linux(folder: Path, *, name: str = "linux") -> NewRom:
    """Return a Linux ROM with one image."""
    image = setup.rom_image(folder).read_bytes()
    return NewRom(name=name, kind="linux", boot={"boot": image}, images={"root": NewImage(ROOT)}, root="root")


def android(folder: Path, *, name: str = "droid", size: int = 4 << 20) -> NewRom:
    """Return an Android ROM with a system, data that holds a file, and a cache."""
    made = folder / "data.img"
    (folder / "content").mkdir(exist_ok=True)
    (folder / "content/note").write_text("kept\n")
    filesystem.make(made, size, folder / "content")
    boot = setup.rom_image(folder, ramdisk=ANDROID_RAMDISK).read_bytes()
    system = NewImage(ROOT, changes=False, read_only=True)
    images = {"system": system, "data": NewImage(made.read_bytes()), "cache": NewImage(bytes(PAGE))}
    return NewRom(name=name, kind="android", boot={"boot": boot}, images=images)
