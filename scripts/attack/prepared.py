"""The phones that are attacked: one of each kind, with a ROM, and with host images for the classic one."""

import signal
from dataclasses import replace
from pathlib import Path

from attacked import FOLDER, Phone
from commands import required

from hardboot.formats.boot import bootimg
from hardboot.virtual import machine, model

_BUILD_S = 3600
CLASSIC, MODERN = "attack", "attack64"


def phone(name: str) -> Phone:
    """Build what the attacks on a phone need, and start it: settled, and on its own system."""
    # A run in the background ignores Ctrl-C, and so would each command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    FOLDER.mkdir(parents=True, exist_ok=True)
    return _classic() if name == CLASSIC else _modern()


def _started(name: str, kind: str, rom: Path) -> Phone:
    required("virtual", "start", "--name", name, "--device", kind, "--reset-disk", timeout_s=_BUILD_S)
    required("--device", kind, "virtual", "rom", rom, "--kernel", "minimal", timeout_s=_BUILD_S)
    return Phone(name, model.find(kind), rom)


def _classic() -> Phone:
    """Start a phone that runs the first of two host images that differ."""
    tree, zimage = FOLDER / "linux", FOLDER / "zImage"
    if not zimage.exists():
        required("virtual", "source", tree, timeout_s=_BUILD_S)
        required("patch", "apply", tree, "--device", "virt-arm")
        required("virtual", "kernel", tree, "-o", zimage, timeout_s=_BUILD_S)
    made = _started(CLASSIC, "virt-arm", FOLDER / "rom.img")
    first, second = FOLDER / "first.img", FOLDER / "second.img"
    required("host-image", machine.status(CLASSIC).factory_image, "--kernel", zimage, "-o", first)
    image = bootimg.parse(first.read_bytes())
    ramdisk = bytes(image.ramdisk) + bytes(4096)
    changed = bootimg.renew(replace(image, cmdline=f"{image.cmdline} second", ramdisk=ramdisk))
    second.write_bytes(b"".join(bytes(chunk) for chunk in bootimg.build(changed)))
    made.images = [first, second]
    required("flash-host-kernel", first, "--yes", "--reboot", "--serial", made.serial)
    return made


def _modern() -> Phone:
    """Start a phone with slots, which prefers the one that runs, as after any update.

    The ROM is two images: a change to several partitions, without the time that all of them take.
    """
    made = _started(MODERN, "virt-arm64", FOLDER / "rom64")
    for image in made.rom.iterdir():
        if image.name not in ("boot.img", "init_boot.img"):
            image.unlink()
    made.shell("bootctl set-active-boot-slot 0; sync")
    return made
