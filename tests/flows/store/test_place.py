"""Where the ROMs of a phone lie, and phones on which they cannot."""

from pathlib import Path

import pytest
import scripted_setup
import store_setup as setup
from in_process import hardboot
from scripted_phone import Kernel
from told import raises

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.flows.store import place
from hardboot.flows.store.place import Place

BLOCK = "/sys/class/block/vda3"


def test_the_block_device_below_data_is_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone = setup.connected(monkeypatch, tmp_path)
    wanted = Place("ext4", "vda3", "/dev/block/vda3", "userdata", setup.PARTITION, 8 << 30)
    assert place.ask(phone.phone) == wanted
    phone.scripted.data.capacity = 1 << 30
    free = place.ask(phone.phone).free
    assert free
    assert free <= 1 << 30
    phone.scripted.add_file(f"{BLOCK}/uevent", "MAJOR=254\nMINOR=3\nDEVNAME=vda3\n")
    assert place.ask(phone.phone).partition == "vda3"  # its table has no names


def test_f2fs_moves_what_is_not_pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert not place.ask(setup.connected(monkeypatch, tmp_path).phone).f2fs
    assert place.ask(setup.connected(monkeypatch, tmp_path, filesystem="f2fs").phone).f2fs


def test_another_file_system_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone = setup.connected(monkeypatch, tmp_path, filesystem="btrfs")
    with raises(
        RefusedError,
        "/data is btrfs; ROMs can be stored on ext4 or f2fs only",
        "Nothing was written.",
        "Boot ROMs without storing them: hardboot boot IMAGE",
    ):
        place.ask(phone.phone)


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        (
            {"ro.crypto.type": "file", "ro.crypto.metadata.enabled": "true"},
            "the phone encrypts all of it by metadata encryption (dm-default-key)",
        ),
        ({"ro.crypto.type": "block"}, "the phone encrypts all of it (full-disk encryption)"),
        ({"ro.crypto.type": "file"}, "device mapper makes that"),
    ],
)
def test_data_below_device_mapper_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, properties: dict[str, str], reason: str
) -> None:
    phone = setup.connected(monkeypatch, tmp_path)
    phone.scripted.properties |= properties
    phone.scripted.data.device = "/dev/block/dm-7"
    phone.scripted.add_file("/dev/block/dm-7", b"")
    with raises(
        RefusedError,
        f"/data lies on dm-7: {reason}. A stored ROM would get blocks of the partition, which hold "
        "something else than the files",
        "Nothing was written.",
        "Boot ROMs from RAM without storing them (hardboot boot IMAGE), or a second Android by DSU: "
        "docs/multirom.md",
    ):
        place.ask(phone.phone)


def test_data_that_is_not_mounted_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone = setup.connected(monkeypatch, tmp_path)
    phone.scripted.show("/proc/mounts", lambda: "rootfs / rootfs ro 0 0\n/dev/x /data2 ext4 rw 0 0\n")
    with pytest.raises(RefusedError, match="nothing is mounted on /data"):
        place.ask(phone.phone)


def test_the_data_of_a_rom_of_multirom_is_not_the_phones(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = setup.connected(monkeypatch, tmp_path)
    phone.scripted.show(
        "/proc/mounts",
        lambda: "/dev/block/vda3 /realdata ext4 rw 0 0\n/dev/block/vda3 /data ext4 rw 0 0\n",
    )
    with pytest.raises(RefusedError, match="the phone runs a ROM of MultiROM, whose /data is not that of"):
        place.ask(phone.phone)


@pytest.mark.parametrize(
    ("path", "content"),
    [
        (f"{BLOCK}/size", "many\n"),
        (f"{BLOCK}/size", "-1\n"),
        (f"{BLOCK}/size", "0\n"),
        ("/proc/mounts", "/dev/$(reboot) /data ext4 rw 0 0\n"),
        ("/proc/mounts", "tmpfs /data ext4 rw 0 0\n"),
    ],
)
def test_an_answer_that_makes_no_sense_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, path: str, content: str
) -> None:
    phone = setup.connected(monkeypatch, tmp_path)
    phone.scripted.show(path, lambda: content)
    with pytest.raises(DeviceError, match="does not say on which block device /data lies"):
        place.ask(phone.phone)


def test_a_rom_that_runs_is_told_where_data_is_its_own_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = setup.connected(monkeypatch, tmp_path)
    shown: dict[str, bytes | None] = {
        "/proc/mounts": b"/dev/block/dm-1 /data ext4 rw 0 0\n",
        "/dev/block/dm-1": b"",
    }
    phone.scripted.rom = Kernel("6.6.0-rom", files=shown)
    assert hardboot("boot", scripted_setup.rom_image(tmp_path)).returncode == 0
    done = hardboot("rom", "check")
    assert done.returncode == 4
    assert "the phone runs a ROM, whose /data is its own (dm-1)" in done.stderr
