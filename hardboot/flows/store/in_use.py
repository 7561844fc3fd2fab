"""Whether an image of a stored ROM is mounted on the running host; what a cut-off command left is cleared."""

import re

from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.device.staging import STAGING
from hardboot.payload import agent as agents
from hardboot.payload import image_files

PROGRAM = f"{STAGING}/image-files"
FOLDER = "/data/hardboot/mount"  # where images are mounted
MAKE_FOLDER = f"mkdir -p {FOLDER} && chmod 700 {FOLDER}"
_DISKS = "cat /sys/block/dm-*/dm/name 2>/dev/null; true"


def disk_name(rom: str, image: str) -> str:
    """Return the name of the device-mapper disk of an image."""
    return f"hardboot.{rom}.{image}"


def disks(phone: Phone) -> list[str]:
    """Return the names of all device-mapper disks.

    Raises:
        DeviceError: If the phone does not answer.
    """
    return read(_DISKS, phone.root(_DISKS)).splitlines()


def check(phone: Phone, name: str) -> None:
    """Refuse a ROM of which an image is mounted; clear the disk that a killed command left.

    Its blocks must stay the ROM's own as long as a disk is made of them.

    Raises:
        RefusedError: If one is.
        DeviceError: If the phone does not answer.
    """
    own = re.compile(re.escape(disk_name(name, "")) + r"[a-z][a-z0-9_]*")  # no image has a point, as ROMs may
    left = [disk for disk in disks(phone) if own.fullmatch(disk)]
    if not left:
        return
    phone.stage(agents.image_files(phone.profile.arch), "image-files", mode=0o755)
    command = f"{MAKE_FOLDER} && {image_files.forget_command(PROGRAM, FOLDER, left)}"
    if phone.root(command).code:
        raise refused(name)


def refused(name: str) -> RefusedError:
    """Return the error that an image of a ROM is mounted."""
    return RefusedError(
        f"an image of {name} is mounted on the phone",
        state="Nothing was changed.",
        fix="End what uses it, or restart the phone: hardboot reboot",
    )
