"""Where the ROMs of a phone lie: a folder of /data, and the block device below its file system."""

import re
import shlex
from dataclasses import dataclass, replace

from hardboot.base.errors import DeviceError, RefusedError
from hardboot.base.printable import printable
from hardboot.base.sizes import human_size
from hardboot.device import kept_files, record
from hardboot.device.phone import Phone
from hardboot.device.shells import answers, as_one, read
from hardboot.device.staging import free_bytes

STORE = "/data/hardboot/roms"
RESERVE = 256 << 20  # bytes of /data that stay free: Android behaves badly on a full one
_SECTOR = 512  # bytes, of sysfs
# f2fs moves the blocks of files that are not pinned; ext4 never moves any by itself.
_FILE_SYSTEMS = ("ext4", "f2fs")

_MOUNTS = "cat /proc/mounts"
_ROOM = "df -k /data"
_ENCRYPTION = ("getprop ro.crypto.type", "getprop ro.crypto.metadata.enabled")
# Where MultiROM has userdata while one of its ROMs runs, whose /data is another (trampoline.c, REALDATA).
_MULTIROM = "/realdata"
_SOURCE = re.compile(r"/dev/[A-Za-z0-9_./-]{1,120}")


@dataclass(frozen=True)
class Place:
    """The place of a phone's ROMs.

    Attributes:
        filesystem: "ext4" or "f2fs".
        device: Name of the block device below it, as in /sys/class/block.
        node: Path of it.
        partition: Name of the partition; the device's where it has none.
        size: Bytes of it.
        free: Bytes that are free on /data; None if the phone does not tell.
    """

    filesystem: str
    device: str
    node: str
    partition: str
    size: int
    free: int | None

    @property
    def f2fs(self) -> bool:
        """Whether files must be pinned to keep their places."""
        return self.filesystem == "f2fs"


def ask(phone: Phone) -> Place:
    """Return the place of a phone's ROMs.

    Raises:
        RefusedError: If images on its /data cannot be given to a ROM as block devices.
        DeviceError: If the phone does not answer.
    """
    mounts, room = phone.roots(_MOUNTS, _ROOM)
    source, filesystem = _mounted(read(_MOUNTS, mounts))
    node = read(source, phone.root(f"readlink -f {shlex.quote(source)}"))
    device = node.rpartition("/")[2]
    if device.startswith("dm-"):
        raise _mapped(phone, device)
    if not re.fullmatch(r"[A-Za-z0-9]{1,31}", device):
        raise _unexpected(device)
    block = f"/sys/class/block/{device}"
    query = as_one(f"cat {block}/size", f"cat {block}/uevent")
    found = answers(read(query, phone.root(query)))
    if len(found) != 2 or not re.fullmatch(r"[1-9][0-9]{0,14}", found[0]) or not _SOURCE.fullmatch(node):
        raise _unexpected(" ".join(found))
    named = re.search(r"^PARTNAME=([A-Za-z0-9_.-]{1,36})\r?$", found[1], re.MULTILINE)
    return Place(
        filesystem=filesystem,
        device=device,
        node=node,
        partition=named[1] if named else device,
        size=int(found[0]) * _SECTOR,
        free=free_bytes(room.text),
    )


def _mapped(phone: Phone, device: str) -> RefusedError:
    """Return the error for a /data that lies on a device of device mapper.

    The properties are those by which Magisk tells kinds of encryption apart (topjohnwu/Magisk,
    find_preinit_device).
    """
    kind, metadata = (output.text.strip() for output in phone.roots(*_ENCRYPTION))
    if record.is_guest(phone.kernel()):
        return RefusedError(
            f"the phone runs a ROM, whose /data is its own ({device})",
            state="Nothing was written.",
            fix="Return to the phone's own system: hardboot home",
        )
    if metadata == "true":
        reason = "the phone encrypts all of it by metadata encryption (dm-default-key)"
    elif kind == "block":
        reason = "the phone encrypts all of it (full-disk encryption)"
    else:
        reason = "device mapper makes that"
    return RefusedError(
        f"/data lies on {device}: {reason}. A stored ROM would get blocks of the partition, which hold "
        "something else than the files",
        state="Nothing was written.",
        fix="Boot ROMs from RAM without storing them (hardboot boot IMAGE), or a second Android by DSU: "
        "docs/multirom.md",
    )


def has_room(where: Place, size: int) -> bool:
    """Return whether `size` bytes fit, and the reserve stays free; yes if the phone does not tell.

    What takes no more than it replaces fits, however little is free.
    """
    return where.free is None or size <= 0 or size + RESERVE <= where.free


def make_room(phone: Phone, where: Place, size: int) -> Place:
    """Remove the files kept for later loads if `size` bytes do not fit beside them; return the place.

    Raises:
        DeviceError: If they cannot be removed.
    """
    if has_room(where, size):
        return where
    phone.forget_kept()
    return ask(phone)


def without_kept(phone: Phone, where: Place, *, besides: int = 0) -> Place:
    """Return the place as `make_room` would make it, with more free bytes `besides`; nothing is removed."""
    kept = kept_files.parse(phone.root(kept_files.LIST)) or ()
    more = sum(one.size for one in kept) + besides
    return replace(where, free=None if where.free is None else where.free + more)


def check_room(
    where: Place,
    size: int,
    what: str,
    *,
    state: str = "Nothing was written.",
    fix: str = "Free some space on the phone.",
) -> None:
    """Refuse what does not fit.

    Args:
        where: The place of the ROMs.
        size: Bytes.
        what: Takes them.
        state: For the error.
        fix: For the error.

    Raises:
        RefusedError: If it does not.
    """
    if where.free is not None and not has_room(where, size):
        raise RefusedError(
            f"{what} needs {human_size(size)} on /data, {human_size(where.free)} are free, of which "
            f"{human_size(RESERVE)} stay free",
            state=state,
            fix=fix,
        )


def _mounted(mounts: str) -> tuple[str, str]:
    """Return what is mounted on /data, and its file system, from /proc/mounts; the last mount counts."""
    lines = [line.split() for line in mounts.splitlines()]
    if any(fields[1:2] == [_MULTIROM] for fields in lines):
        raise RefusedError(
            "the phone runs a ROM of MultiROM, whose /data is not that of the phone's own system",
            state="Nothing was written.",
            fix="Restart the phone, and start Internal in MultiROM's menu.",
        )
    mounted = [fields for fields in lines if fields[1:2] == ["/data"]]
    if not mounted or len(mounted[-1]) < 3:
        raise RefusedError(
            "nothing is mounted on /data",
            state="Nothing was written.",
            fix="Start the phone's own system, and unlock its screen once.",
        )
    source, _, filesystem, *_ = mounted[-1]
    if filesystem not in _FILE_SYSTEMS:
        raise RefusedError(
            f"/data is {printable(filesystem)[:40]}; ROMs can be stored on {' or '.join(_FILE_SYSTEMS)} only",
            state="Nothing was written.",
            fix="Boot ROMs without storing them: hardboot boot IMAGE",
        )
    if not _SOURCE.fullmatch(source):
        raise _unexpected(source)
    return source, filesystem


def _unexpected(text: str) -> DeviceError:
    shown = " ".join(text.split())[-200:]
    return DeviceError(
        f"the phone does not say on which block device /data lies: {shown!r}",
        state="Nothing was written.",
        fix="Look at it on the phone: adb shell su -c 'grep /data /proc/mounts; ls -l /sys/class/block'",
    )
