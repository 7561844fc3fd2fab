"""ROMs of MultiROM that boot where they lie, and what is told of those that cannot."""

import multirom_setup
import pytest
from in_process import hardboot
from multirom_folders import BASE, ROM_INFO
from multirom_setup import KERNEL, change, injected
from scripted_phone.image_files import images_of
from store_setup import StorePhone

from hardboot.formats.boot import bootimg

phone = multirom_setup.phone


def test_files_are_found_by_a_part_of_their_name_and_the_initrd_may_be_missing(phone: StorePhone) -> None:
    info = ROM_INFO.replace(b"/vmlinuz", b"/linu*").replace(b"/initrd.img", b"/none*")
    for rom in ("Linux", "LinuxFolder"):
        change(phone, f"{rom}/rom_info.txt", info)
    files = images_of(phone.scripted.files).of("hardboot.Linux.root")
    files.update({b"/boot/a-linux": b"other", b"/boot/linux-5": KERNEL, b"/boot/sub": None})
    files[b"/boot/sub/linux"] = b"deeper"
    done = hardboot("--json", "rom", "import", "Linux")
    assert done.returncode == 0, done.stderr
    assert "multirom:Linux has no initrd: boot/none*; it starts without one, as in MultiROM" in done.stderr
    boot = bootimg.parse(phone.content("Linux/boot-boot.img"))
    assert (bytes(boot.kernel), bytes(boot.ramdisk).startswith(b"070701")) == (KERNEL, True)
    done = hardboot("rom", "boot", "multirom:LinuxFolder")
    assert done.returncode == 0, done.stderr
    assert "has no initrd" in done.stderr
    for rom in ("Linux", "LinuxFolder"):
        change(phone, f"{rom}/rom_info.txt", ROM_INFO)


@pytest.mark.parametrize("inside", ["kernel", "initrd"])
def test_a_linux_rom_whose_files_lie_in_its_image_is_not_started_without_them(
    phone: StorePhone, inside: str
) -> None:
    info = ROM_INFO if inside == "kernel" else ROM_INFO.replace(b"%r/boot/vmlinuz", b"kernel")
    change(phone, "Linux/rom_info.txt", info)
    phone.scripted.add_file(f"{BASE}/roms/Linux/kernel", KERNEL)
    done = hardboot("rom", "boot", "multirom:Linux")
    phone.scripted.files.nodes.pop(f"{BASE}/roms/Linux/kernel")
    assert done.returncode == 4, done.stderr
    assert f"hardboot cannot start multirom:Linux: its {inside} lies in its image" in done.stderr
    assert "warning" not in done.stderr
    change(phone, "Linux/rom_info.txt", ROM_INFO)


def test_a_linux_rom_boots_where_it_lies_with_multiroms_own_words(phone: StorePhone) -> None:
    done = hardboot("rom", "boot", "multirom:LinuxFolder")
    assert done.returncode == 0, done.stderr
    assert "runs in the phone's own userdata, and is not kept apart from it" in done.stderr
    running = phone.scripted.running
    assert running
    assert "root=/dev/vda3 rootfstype=ext4 rw console=tty0" in running.cmdline
    assert "rootsubdir=/media/0/multirom/roms/LinuxFolder/root" in running.cmdline
    assert "%" not in running.cmdline


def test_boot_takes_its_name_too_and_adds_to_its_command_line(phone: StorePhone) -> None:
    done = hardboot("boot", "multirom:Chosen", "--append", "loglevel=7", "--dry-run")
    assert done.returncode == 0, done.stderr
    assert "mrom_kexecd=1 loglevel=7" in done.stdout
    done = hardboot("boot", "multirom:LinuxFolder", "--append", "loglevel=7")
    assert done.returncode == 0, done.stderr
    assert phone.scripted.running
    assert "loglevel=7" in phone.scripted.running.cmdline.split()


def test_an_android_rom_boots_by_its_trampoline_if_multirom_has_chosen_it(phone: StorePhone) -> None:
    done = hardboot("rom", "boot", "multirom:Chosen")
    assert done.returncode == 0, done.stderr
    assert phone.scripted.running
    assert "mrom_kexecd=1" in phone.scripted.running.cmdline.split()


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Android", "it shares the phone's kernel: only MultiROM's own menu starts it"),
        (
            "In images",
            "its trampoline starts the ROM that multirom.ini names: Chosen",
        ),
        ("Linux", "its kernel lies in its image"),
        ("Ubuntu", "it has no rom_info.txt, which MultiROM writes as soon as its menu lists the ROM"),
        ("Ubuntu old", "MultiROM itself does not support it any more"),
    ],
)
def test_what_only_multirom_starts_is_told(phone: StorePhone, name: str, reason: str) -> None:
    done = hardboot("rom", "boot", f"multirom:{name}")
    assert done.returncode == 4
    assert f"hardboot cannot start multirom:{name}: {reason}" in " ".join(done.stderr.split())


def test_a_boot_image_without_a_trampoline_is_refused(phone: StorePhone) -> None:
    change(phone, "Chosen/boot.img", injected(b""))
    done = hardboot("rom", "boot", "multirom:Chosen")
    assert "its boot.img has no trampoline of MultiROM" in done.stderr
    change(phone, "Chosen/boot.img", injected())
