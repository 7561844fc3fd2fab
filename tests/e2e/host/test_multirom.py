"""ROMs of a folder made as MultiROM makes it: imported, and booted where they lie; it stays as it is."""

from collections.abc import Iterator
from pathlib import Path

import multirom_phone
import pytest
from multirom_phone import ANDROID, FOLDER, IMAGE, LINUX_NOTE, NOTE, MultiRomOnPhone
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def _folder(roms: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[MultiRomOnPhone]:
    made = multirom_phone.make(tmp_path_factory.mktemp("multirom"), roms["minimal"])
    yield made
    made.remove()


@pytest.fixture
def multirom(_folder: MultiRomOnPhone, host_phone: VirtualPhone) -> MultiRomOnPhone:
    """Return MultiROM's folder on a phone that runs its host kernel."""
    _folder.put(host_phone)
    return _folder


def test_an_android_rom_in_images_is_imported_and_mounts_its_copies(
    multirom: MultiRomOnPhone, host_phone: VirtualPhone
) -> None:
    listed = host_phone("--json", "rom", "list").json["multirom"]["roms"]
    assert [(one["name"], one["type"], one["not_booted"], one["not_imported"]) for one in listed] == [
        (f"multirom:{ANDROID}", "android-images", None, None),
        (f"multirom:{FOLDER}", "linux", None, None),
        (f"multirom:{IMAGE}", "linux", None, None),
    ]
    made = host_phone.hardboot.process("--json", "rom", "import", ANDROID).json
    assert [one["name"] for one in made["images"]] == ["system", "data", "cache"]
    with multirom.booted("rom", "boot", ANDROID) as phone:
        assert phone.run("getprop ro.build.flavor").strip() == "of-multirom"
        mounts = phone.run("su -c 'cat /proc/mounts'").splitlines()
        assert [line.split()[:4] for line in mounts if line.startswith("/dev/block/")] == [
            ["/dev/block/dm-0", "/system", "ext4", "ro,relatime"],
            ["/dev/block/dm-1", "/data", "ext4", "rw,nosuid,nodev,relatime"],
            ["/dev/block/dm-2", "/cache", "ext4", "rw,nosuid,nodev,relatime"],
        ]
        assert phone.run("su -c 'cat /data/note'") == NOTE
        phone.run("su -c 'echo more > /data/note; sync'")


@pytest.mark.parametrize(("name", "words"), [(IMAGE, ()), (FOLDER, ("--data", "20M"))])
def test_a_linux_rom_is_imported_from_an_image_and_from_a_folder(
    multirom: MultiRomOnPhone, host_phone: VirtualPhone, name: str, words: tuple[str, ...]
) -> None:
    made = host_phone.hardboot.process("--json", "rom", "import", name, *words).json
    assert [(one["name"], one["size"]) for one in made["images"]] == [("root", (20 if words else 16) << 20)]
    with multirom.booted("rom", "boot", name) as phone:
        assert "/hb-init/root-disk / ext4 rw,relatime 0 0" in phone.run("su -c 'cat /proc/mounts'")
        assert phone.run("""su -c 'stat -c "%a %Y" /etc/note'""").strip() == LINUX_NOTE
        assert phone.run("su -c 'cat /etc/note; echo more > /etc/note; sync'") == NOTE
        assert phone.run("getprop ro.build.display.id").strip() == FOLDER


def test_an_android_rom_boots_where_it_lies_by_its_trampoline(multirom: MultiRomOnPhone) -> None:
    with multirom.booted("rom", "boot", f"multirom:{ANDROID}") as phone:
        assert phone.run("getprop ro.build.flavor").strip() == "of-multirom"
        assert phone.run("su -c 'cat /data/note'") == NOTE
        mounts = phone.run("su -c 'cat /proc/mounts'").splitlines()
        assert [line.split()[1] for line in mounts if line.startswith("/dev/loop")] == [
            "/system",
            "/data",
            "/cache",
        ]


def test_a_linux_rom_boots_where_it_lies_by_its_own_ramdisk(multirom: MultiRomOnPhone) -> None:
    with multirom.booted("boot", f"multirom:{FOLDER}") as phone:
        assert phone.run("su -c 'cat /etc/note'") == NOTE
        assert phone.run("getprop ro.build.display.id").strip() == FOLDER
        assert f"rootsubdir=/media/0/multirom/roms/{FOLDER}/root" in phone.run("cat /proc/cmdline").split()
