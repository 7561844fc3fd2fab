"""One rooted Android phone: what it says of itself, its profile, its partitions.

Knows no flow. Commands for the phone are quoted here or are constants.
"""

import hashlib
import re
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from hardboot import layout, profile
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.device.connection import only_phone, open_transport
from hardboot.device.handset import (
    FIND_ROOT,
    QUICK_S,
    STAGING,
    Copy,
    Handset,
    KernelIdentity,
    root_way,
)
from hardboot.profile import Profile
from hardboot.transport.base import Output

__all__ = [
    "STAGING",
    "KernelIdentity",
    "Phone",
    "connect",
    "connected",
    "matching",
    "safe_serial",
]


_PRODUCT = "getprop ro.product.device; getprop ro.serialno"


@dataclass(frozen=True)
class BlockDevice:
    """What a partition of the profile is on a phone: the path of its device, and its bytes."""

    path: str
    size: int


@dataclass
class Phone(Handset):
    """A connected phone and its profile; made by `connect`."""

    profile: Profile
    serialno: str

    def tell_model(self) -> None:
        """Take the profile of this model, where models differ: the end of its RAM tells which one it is.

        Raises:
            DeviceError: If that is needed, and /proc/iomem cannot be read as root.
        """
        if self.profile.hardboot.models:
            live = layout.parse_iomem(self.read("cat /proc/iomem"))
            self.profile = layout.profile_of_model(self.profile, live)

    def partition(self, name: str) -> BlockDevice:
        """The block device behind a partition of the profile, checked to be there.

        Raises:
            RefusedError: If the profile names none, or it is no block device, read-only, or of another size.
        """
        return self.parse_partition(name, self.root(self.partition_command(name)))

    def partition_path(self, name: str) -> str:
        """Where the profile has a partition.

        Raises:
            RefusedError: If it names none.
        """
        known = self.profile.partitions.get(name)
        if known is None:
            raise RefusedError(
                f"the profile {self.profile.name} knows no partition {name!r}",
                state="Nothing was sent.",
                fix=self._how_to_find(name),
            )
        return known.path

    def partition_command(self, name: str) -> str:
        """For `roots`; `parse_partition` reads the answer. Raises RefusedError like `partition_path`."""
        path = shlex.quote(self.partition_path(name))
        return (
            f"test -b {path} && readlink -f {path} && blockdev --getsize64 {path} && blockdev --getro {path}"
        )

    def parse_partition(self, name: str, facts: Output) -> BlockDevice:
        """The block device in the answer to `partition_command`. Raises RefusedError like `partition`."""
        known = self.profile.partitions[name]
        lines = facts.text.split()
        if facts.code or len(lines) != 3:
            raise RefusedError(
                f"{known.path} is not a block device on this phone",
                state="Nothing was written.",
                fix="Check that the profile is the right one (--device): adb shell ls -l /dev/block/by-name",
            )
        device, size, read_only = lines
        if known.size is not None and size != str(known.size):
            raise RefusedError(
                f"{known.path} has {size} bytes, the profile {self.profile.name} says {known.size}",
                state="Nothing was written.",
                fix="This is another phone or another model: choose its profile with --device.",
            )
        if read_only != "0":
            raise RefusedError(
                f"{known.path} is write-protected",
                state="Nothing was written.",
                fix="A locked bootloader protects it: unlock the phone the way its maker intends.",
            )
        return BlockDevice(device, int(size))

    def pull_partition(self, name: str) -> bytes:
        """What a partition of the profile holds, whole.

        Raises:
            RefusedError: See `partition`.
            DeviceError: If it cannot be read.
        """
        device = self.partition(name)
        # head reads a few KiB at a time, slowly
        by = f"dd if={shlex.quote(device.path)} bs=1048576 2>/dev/null"
        return self._pull_copy(Copy("partition", device.path, device.size, by)) or b""

    def _how_to_find(self, name: str) -> str:
        if f"partitions.{name}" in self.profile.evidence:
            return f"How to find it: {self.profile.how_to_find(f'partitions.{name}')}"
        return f"It knows: {', '.join(sorted(self.profile.partitions)) or 'none'}."


def connect(serial: str | None, device: str | None) -> Phone:
    """Find the phone, connect, and match its profile.

    Args:
        serial: As `adb devices` shows it, or HOST:PORT; None if there is only one phone.
        device: Name of the profile; None matches ro.product.device.

    Raises:
        DeviceError: If no phone is there or it does not answer.
        RefusedError: If there are several, or no profile fits.
        InputError: If `serial` or `device` is wrong.
    """
    chosen = profile.load(device) if device else None
    transport = open_transport(serial or only_phone())
    try:
        # One command for all of it: each takes as long as what it asks.
        said, root = transport.shells([(_PRODUCT, QUICK_S), (FIND_ROOT, QUICK_S)])
        product, serialno = _product(said)
        phone = Phone(
            transport, matching(product, chosen), serialno or transport.serial, _root_way=root_way(root)
        )
        phone.tell_model()
        return phone
    except BaseException:
        transport.close()
        raise


@contextmanager
def connected(serial: str | None, device: str | None) -> Iterator[Phone]:
    """`connect`, and close the connection at the end."""
    phone = connect(serial, device)
    try:
        yield phone
    finally:
        phone.transport.close()


def _product(output: Output) -> tuple[str, str]:
    lines = [line.strip() for line in output.text.splitlines()]
    if output.code or not lines or not lines[0]:
        raise DeviceError(
            f"the phone does not say what it is: {output.text.strip()[:200]!r}",
            state="Nothing was sent.",
            fix="Is this an Android phone? Try: adb shell getprop ro.product.device",
        )
    return lines[0], lines[1] if len(lines) > 1 else ""


def matching(product: str, chosen: Profile | None) -> Profile:
    """The profile for a phone that reports `product` as ro.product.device; `chosen` must be one for it.

    Raises:
        RefusedError: If no profile fits, or `chosen` does not.
    """
    found = chosen or profile.match(product)
    if found is None:
        raise RefusedError(
            f"no profile knows a phone that reports ro.product.device={product!r}",
            state="Nothing was sent.",
            fix="hardboot devices list shows the phones that are known; docs/profiles.md how to add one.",
        )
    if product not in found.codenames:
        raise RefusedError(
            f"the phone reports ro.product.device={product!r}; the profile {found.name} is for "
            f"{', '.join(found.codenames)}",
            state="Nothing was sent.",
            fix="Leave --device out to choose the profile by what the phone reports.",
        )
    return found


def safe_serial(serialno: str) -> str:
    """A serial as a file name: a phone's own words never choose a path."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", serialno):
        return serialno
    return hashlib.sha256(serialno.encode()).hexdigest()[:16]
