"""Starting a ROM of the store: its blocks are checked anew, and hb-init gets what it needs."""

from pathlib import Path

import pytest
import scripted_setup
import store_setup as setup
from cpio_archives import newc
from in_process import hardboot
from ramdisks import ARCHIVE
from scripted_phone.files import File
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import HardbootError, InputError, RefusedError
from hardboot.flows.store import initramfs, stored
from hardboot.flows.store.place import STORE
from hardboot.flows.store.start import StoredSource
from hardboot.formats.archives import ramdisk
from hardboot.images import filesystem
from hardboot.payload import extents
from hardboot.store.manifest import Manifest


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return setup.with_linux(monkeypatch, tmp_path)


def manifest(phone: StorePhone) -> Manifest:
    return stored.find(phone.phone, "linux")


def files(data: bytes) -> dict[str, bytes]:
    """Return the files of all archives of a ramdisk."""
    fragments, _ = ramdisk.parse(data)
    return {entry.name: bytes(entry.data) for entry in ramdisk.entries(fragments)}


def steps(phone: StorePhone, source: StoredSource) -> bytes:
    """Return what hb-init does when a ROM is started."""
    return files(bytes(source.complete(phone.phone).ramdisks()))["hb-init/steps"]


def test_the_ramdisk_gets_hb_init_and_the_tables_of_the_disks(phone: StorePhone) -> None:
    known = manifest(phone)
    rom = StoredSource(known).complete(phone.phone)
    assert (rom.path.name, rom.release) == ("linux", "6.6.0-rom")
    found = files(bytes(rom.ramdisks()))
    assert found["hb-init/steps"].decode().splitlines() == [
        f"disk root userdata vda3 {setup.PARTITION} rw",
        "root root ext4",
        "init /sbin/init",
    ]
    assert found["hb-init/root.table"] == extents.build_table(known.images[0].extents)
    assert StoredSource(known).append == "rdinit=/hb-init/init"


def test_blocks_that_have_moved_are_refused(phone: StorePhone) -> None:
    node = phone.scripted.files.find(f"{STORE}/linux/root.img")
    assert isinstance(node, File)
    phone.blocks.move(node)
    with raises(
        RefusedError,
        "the blocks of /data/hardboot/roms/linux/root.img have moved since it was written",
        "Nothing was started.",
        "Something rewrote or defragmented the file. Back the ROM up, remove it and restore it.",
    ):
        StoredSource(manifest(phone)).complete(phone.phone)


def test_blocks_that_somebody_else_shares_now_are_refused(phone: StorePhone) -> None:
    phone.blocks.flags["root.img"] = 0x2000
    with pytest.raises(RefusedError, match="shared with another file"):
        StoredSource(manifest(phone)).complete(phone.phone)


def test_a_boot_image_that_is_not_the_one_added_is_refused(phone: StorePhone) -> None:
    node = phone.scripted.files.find(f"{STORE}/linux/boot-boot.img")
    assert node
    node.write(100, b"another")
    with raises(
        InputError,
        "/data/hardboot/roms/linux/boot-boot.img on the phone is damaged, or not the image that was added",
        "Nothing was started.",
        "Remove the ROM and add it again: hardboot rom remove linux",
    ):
        StoredSource(manifest(phone)).complete(phone.phone)


@pytest.mark.parametrize("name", ["manifest.json", "root.img", "boot-boot.img"])
def test_a_file_that_is_gone_is_refused(phone: StorePhone, name: str) -> None:
    known = manifest(phone) if name != "manifest.json" else None
    phone.scripted.files.remove(f"{STORE}/linux/{name}")
    with pytest.raises(HardbootError):
        StoredSource(known or manifest(phone)).complete(phone.phone)


def test_a_rom_whose_own_ramdisk_mounts_the_root_gets_the_disk_alone(
    phone: StorePhone, tmp_path: Path
) -> None:
    boot, image = scripted_setup.rom_image(tmp_path), tmp_path / "root.img"
    filesystem.make(image, 4 << 20)
    words = ("rom", "add", "own", boot, "--rootfs", image, "--initramfs", "--append", "quiet")
    done = hardboot(*words)
    assert done.returncode == 0, done.stderr
    known = stored.find(phone.phone, "own")
    assert (known.init, known.cmdline) == ("/init", "root=/dev/dm-0 quiet")
    found = files(bytes(StoredSource(known).complete(phone.phone).ramdisks()))
    assert found["hb-init/steps"].decode().splitlines() == [
        f"disk root userdata vda3 {setup.PARTITION} rw",
        "init /init",
    ]


@pytest.mark.parametrize(("own", "append"), [(b"rdinit=own", ""), (b"rdinit=/x", "rdinit=/own"), (b"", "")])
def test_the_first_program_that_the_user_has_named_comes_after_hb_init(
    phone: StorePhone, tmp_path: Path, own: bytes, append: str
) -> None:
    init = b"/own" if own else b"/init"
    data = newc(b"own", b"#!", mode=0o100755) + ARCHIVE
    boot, image = scripted_setup.rom_image(tmp_path, cmdline=own, ramdisk=data), tmp_path / "root.img"
    filesystem.make(image, 4 << 20)
    done = hardboot("rom", "add", "own", boot, "--rootfs", image, "--initramfs", "--append", append)
    assert done.returncode == 0, done.stderr
    source = StoredSource(stored.find(phone.phone, "own"))
    assert source.append == "rdinit=/hb-init/init root=/dev/dm-0"
    assert steps(phone, source).endswith(b"\ninit %s\n" % init)
    other = source.appending("quiet rdinit=/init -- rdinit=x single")
    assert other.append == "rdinit=/hb-init/init root=/dev/dm-0 quiet -- single"
    assert steps(phone, other).endswith(b"\ninit /init\n")


@pytest.mark.parametrize(
    ("option", "text"), [("--append", "x" * 4097), ("--description", "x" * 4097), ("--description", "\udcff")]
)
def test_what_no_manifest_can_say_is_refused_before_anything_is_written(
    phone: StorePhone, tmp_path: Path, option: str, text: str
) -> None:
    done = hardboot("rom", "add", "own", scripted_setup.rom_image(tmp_path), option, text)
    assert done.returncode == 3, done.stderr
    assert "the ROM cannot be described" in done.stderr
    assert phone.names() == ["linux"]


@pytest.mark.parametrize(
    ("append", "line"),
    [
        ("", "root=/dev/dm-0"),
        ("quiet", "root=/dev/dm-0 quiet"),
        ("root=LABEL=x quiet", "root=LABEL=x quiet"),
        ("datapart=/dev/dm-0", "datapart=/dev/dm-0"),
        ("rootflags=x", "root=/dev/dm-0 rootflags=x"),
    ],
)
def test_the_disk_is_named_unless_the_user_has_named_one(append: str, line: str) -> None:
    assert initramfs.command_line(append) == line


def test_an_initial_ramdisk_that_cannot_mount_a_root_is_refused(phone: StorePhone, tmp_path: Path) -> None:
    boot, image = scripted_setup.rom_image(tmp_path, cmdline=b"rdinit=/none"), tmp_path / "root.img"
    filesystem.make(image, 4 << 20)
    done = hardboot("rom", "add", "own", boot, "--rootfs", image, "--initramfs")
    assert done.returncode == 3
    assert "there is no /none in the initial ramdisk" in " ".join(done.stderr.split())
    assert phone.names() == ["linux"]
    assert hardboot("rom", "add", "own", boot, "--initramfs").returncode == 2
    done = hardboot("rom", "add", "own", boot, "--rootfs", image, "--append", "rdinit=/linuxrc")
    assert (done.returncode, phone.names()) == (2, ["linux"])
    assert "rdinit= needs --initramfs" in done.stderr
