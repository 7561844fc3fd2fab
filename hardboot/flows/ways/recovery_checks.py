"""What speaks against booting a ROM from the recovery partition; each refusal names its reason."""

import re
import shlex
from dataclasses import dataclass

from hardboot.base.errors import RefusedError
from hardboot.device import by_name
from hardboot.device.copies import Copy
from hardboot.device.phone import BlockDevice, Phone
from hardboot.flows import partition_content, partition_read
from hardboot.flows.ways import bootloader_checks
from hardboot.flows.ways.bootloader_checks import OTHER_WAY
from hardboot.formats.boot import bootimg, headerpage
from hardboot.formats.boot.bootheader import BootHeaderV3
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.boot.bootloader_message import BootloaderMessage
from hardboot.formats.boot.image_end import image_end
from hardboot.formats.reading import view
from hardboot.payload import hb_init
from hardboot.profile import Profile

PARTITION, MISC = "recovery", "misc"
_BOOT = "boot"
_BLOCK = 1 << 20  # bytes that dd reads at once
_FIRST_PAGE = 4096  # bytes; the header is in it, whatever its page size
_SHOWN = 60  # characters of a foreign message
_DEVICE = re.compile(r"[A-Za-z0-9_-]{1,32}")  # as "mmcblk0p19"


@dataclass(frozen=True)
class RecoveryState:
    """The partitions that this way needs.

    Attributes:
        recovery: The recovery partition.
        misc: The partition with the message to the bootloader.
        command: The command in that message, 32 bytes; it asks for nothing.
        end: Bytes of the image in the recovery partition.
    """

    recovery: BlockDevice
    misc: BlockDevice
    command: bytes
    end: int


def check_profile(profile: Profile) -> None:
    """Refuse a phone that is known not to do it.

    Raises:
        RefusedError: If its profile has no recovery partition, or its bootloader does not pass the mark on.
    """
    bootloader_checks.check_passes_mark(profile)
    if PARTITION not in profile.partitions:
        raise _refused(
            f"{profile.title} has no recovery partition, as far as its profile knows: the recovery of such "
            "phones is in boot or vendor_boot",
            OTHER_WAY,
        )


def look(phone: Phone) -> RecoveryState:
    """Return the state of a phone that has a recovery of its own, and no message to its bootloader.

    Raises:
        RefusedError: If it has not.
        DeviceError: If a partition cannot be read.
    """
    device = phone.partition(phone.partition_name(PARTITION))
    end = _check_own(phone, device)
    misc = by_name.partition(phone, by_name.full_name(phone, MISC))
    return RecoveryState(device, misc, _idle_command(phone, misc), end)


def held(phone: Phone, state: RecoveryState) -> BootImage:
    """Return the recovery that the partition holds.

    Raises:
        RefusedError: If it is not complete: then the bootloader is not known to start it.
        DeviceError: If it cannot be read.
    """
    path, blocks = state.recovery.path, -(-state.end // _BLOCK)
    command = f"dd if={shlex.quote(path)} bs={_BLOCK} count={blocks} 2>/dev/null"
    content = phone.pull_copy(Copy("recovery", path, state.recovery.size, command)) or b""
    problem = partition_content.inspect(content).problem
    if problem:
        raise _refused(f"{state.recovery.path} does not hold a complete recovery: {problem}", OTHER_WAY)
    return bootimg.parse(content)


def device_name(device: BlockDevice) -> str:
    """Return the name by which kernels know a block device; hb_init.UNKNOWN if it is an unusual one."""
    name = device.path.rpartition("/")[2]
    return name if _DEVICE.fullmatch(name) else hb_init.UNKNOWN


def _check_own(phone: Phone, device: BlockDevice) -> int:
    """Return the bytes of the recovery; refuse what is none, or none that the bootloader starts by itself."""
    page = partition_read.read_range(phone, device, 0, _FIRST_PAGE)
    end = image_end(page)
    if end is None or end > device.size:
        raise _refused(f"{device.path} does not hold a recovery: no complete boot image is in it", OTHER_WAY)
    header = headerpage.parse_header(view(page))
    if isinstance(header, BootHeaderV3) or not header.kernel_size:
        raise _refused(
            f"the recovery in {device.path} is not one image: its bootloader joins it with other partitions",
            OTHER_WAY,
        )
    boot = phone.partition(phone.partition_name(_BOOT))
    shared = boot.path == device.path
    if not shared and end <= boot.size:
        own, other = (phone.sha256(one.path, end, first=end) for one in (device, boot))
        shared = own == other
    if shared:
        raise _refused(
            f"{device.path} holds the boot image, not a recovery: it is not known whether the bootloader "
            "starts it",
            "Install a recovery there, such as TWRP; or boot another way: hardboot boot IMAGE --dry-run",
        )
    return end


def _idle_command(phone: Phone, misc: BlockDevice) -> bytes:
    """Return the command in the message to the bootloader; refuse a message that somebody waits for."""
    if misc.size < BootloaderMessage.SIZE:
        raise _refused(f"{misc.path} has {misc.size} bytes: it holds no message to a bootloader", OTHER_WAY)
    stored = partition_read.read_range(phone, misc, 0, BootloaderMessage.SIZE)
    message = BootloaderMessage.parse(view(stored))
    if message.wish:
        raise _refused(
            f"misc holds a message to the bootloader already: {message.wish[:_SHOWN]!r}",
            "Restart the phone once, so that it is dealt with; then try again.",
        )
    return message.command


def _refused(what: str, fix: str) -> RefusedError:
    return RefusedError(what, state="Nothing was sent.", fix=fix)
