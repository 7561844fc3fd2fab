"""A ROM of MultiROM on a virtual phone, made of a stored one, and imported from there."""

import base64
from pathlib import Path

from multirom_folders import BASE, INI, ROM_INFO
from phones import VirtualPhone

from hardboot.formats.boot import bootimg

_ROM = f"{BASE}/roms/Debian"
# Names, owners, modes and times of all, and what is in the files.
_STATE = f"cd {BASE}; find . | sort | xargs ls -ldn; find . -type f | sort | xargs sha256sum"


def move_to_multirom(phone: VirtualPhone, name: str, image: Path, folder: Path) -> None:
    """Make a ROM of MultiROM of a stored Linux ROM, with the kernel of a boot image in it."""
    boot = bootimg.parse(image.read_bytes())
    (folder / "boot").mkdir()
    (folder / "boot/vmlinuz-6.1").write_bytes(boot.kernel)
    (folder / "boot/initrd.img").write_bytes(boot.ramdisk)
    phone("rom", "push", name, folder / "boot", "/")
    info = ROM_INFO.replace(b"%r/boot/vmlinuz", b"%r/boot/vmlinuz*")
    phone.run(f"su -c 'mkdir -p {_ROM} && mv /data/hardboot/roms/{name}/root.img {_ROM}/'")
    for path, content in ((f"{_ROM}/rom_info.txt", info), (f"{BASE}/multirom.ini", INI)):
        phone.run(f"su -c 'echo {base64.b64encode(content).decode()} | base64 -d > {path}'")
    phone("rom", "remove", name, "--yes")


def check_import(phone: VirtualPhone) -> None:
    """Import it, and boot it; what is MultiROM's stays as it is."""
    before = phone.run(f"su -c '{_STATE}'")
    assert len(before.splitlines()) == 9, before
    listed = phone("--json", "rom", "list").json["multirom"]
    assert [(one["name"], one["type"]) for one in listed["roms"]] == [("multirom:Debian", "linux")]
    made = phone.hardboot.process("--json", "rom", "import", "Debian").json
    assert (made["name"], made["kind"]) == ("Debian", "linux")
    assert phone.run(f"su -c '{_STATE}'") == before
    assert phone.hardboot.process("--json", "rom", "boot", "Debian").json["outcome"] == "guest-up"
    assert phone.run("getprop ro.build.display.id").strip() == "stored"
    assert phone.run("su -c 'cat /data/note'").strip() == "kept"
    phone("reboot")
    assert phone.run(f"su -c '{_STATE}'") == before
