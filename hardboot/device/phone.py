"""One rooted Android phone of a known model: its profile and its partitions."""

import hashlib
import re
import shlex
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hardboot import layout, profile
from hardboot.base import log
from hardboot.base.errors import DeviceError, RefusedError
from hardboot.base.files import state_dir
from hardboot.base.interrupts import if_cut_off
from hardboot.device import lock, slots
from hardboot.device.connection import only_phone, open_transport
from hardboot.device.copies import Copy
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone_lock import LockedHandset
from hardboot.device.shells import FIND_ROOT, QUICK_S, answers, as_one, parse_root_shell, read
from hardboot.profile import Partition, Profile
from hardboot.transport.base import Output, Transport

WAIT_S = 10.0  # for a phone that is starting, or shows its dialog
_POLL_S = 0.5
_PRODUCT = as_one("getprop ro.product.device", "getprop ro.serialno")

# The tools with which partitions are read and written; `check_tools` reads which of them are missing.
_TOOLS = "blockdev dd head readlink sha256sum"
FIND_MISSING = f"for tool in {_TOOLS}; do command -v $tool >/dev/null || echo $tool; done; true"


def check_tools(output: Output) -> None:
    """Refuse a phone that lacks a tool, according to the output of FIND_MISSING.

    Raises:
        RefusedError: If it does.
    """
    tools = read(FIND_MISSING, output).split()
    if tools:
        raise RefusedError(
            f"the phone has no {', '.join(tools)}, which reading and writing partitions need",
            state="Nothing was written.",
            fix="Install busybox for root, or use another recovery; then try again.",
        )


@dataclass(frozen=True)
class BlockDevice:
    """The block device of a partition: the path of its device node, and its size in bytes."""

    path: str
    size: int


@dataclass
class Phone(LockedHandset):
    """A connected phone and its profile; made by `connect`.

    Attributes:
        serialno: ro.serialno; the ADB serial if the phone has none.
    """

    profile: Profile
    serialno: str
    _slot: str | None = field(default=None, repr=False, kw_only=True)

    def kernel_anew(self, *, timeout_s: float) -> KernelIdentity:
        """Connect anew, as any handset; another slot may be running then."""
        self._slot = None
        return super().kernel_anew(timeout_s=timeout_s)

    def is_in_use(self) -> bool:
        """Return whether a command of this computer keeps others away from the phone."""
        return lock.is_held(_lock_of(self.serialno))

    def slot_with_next(self) -> None:
        """Ask for the slot in the shell of the next `roots`, if the phone has slots and it is not known."""

        def take(output: Output) -> None:
            try:
                self._slot = slots.parse(output)
            except RefusedError as error:  # told by whoever needs it
                log.detail(error.what)

        if self._slot is None and any(one.slots for one in self.profile.partitions.values()):
            self.after_next(slots.QUERY, take)

    def slot(self) -> str:
        """Return the slot that the phone runs from, "a" or "b".

        Raises:
            RefusedError: If the phone does not say it.
        """
        self._slot = self._slot or slots.parse(self.root(slots.QUERY))
        return self._slot

    def partition_name(self, name: str, slot: str | None = None) -> str:
        """Return the name of a partition on the phone: boot_a for boot, where it has slots.

        Args:
            name: Of a partition of the profile, also with the suffix of its slot.
            slot: "a" or "b"; None is the running one.

        Raises:
            RefusedError: If the phone does not say its slot, or `name` has no slots and one is given.
        """
        known = self.profile.partitions.get(name)
        if known and known.slots:
            return f"{name}_{slot or self.slot()}"
        if slot and self.profile.all_partitions.get(name):
            raise RefusedError(
                f"{name} of {self.profile.title} has no slots to choose from",
                state="Nothing was sent.",
                fix="Leave out --slot.",
            )
        return name

    def tell_model(self) -> None:
        """Choose among the models of the profile, if it has several: the end of the RAM tells them apart.

        Raises:
            DeviceError: If it has several, and /proc/iomem cannot be read as root.
        """
        if self.profile.hardboot.models:
            live = layout.parse_iomem(self.read("cat /proc/iomem"))
            self.profile = layout.profile_of_model(self.profile, live)

    def partition(self, name: str) -> BlockDevice:
        """Return the block device of a partition of the profile, after checking it.

        Args:
            name: Its name, as `partition_name` takes it.

        Raises:
            RefusedError: If the profile does not know it, or it is no block device, is write-protected or has
                another size; or if the phone lacks a tool.
        """
        missing, partition = self.roots(FIND_MISSING, self.partition_query(name))
        check_tools(missing)
        return self.parse_partition(name, partition)

    def partition_path(self, name: str) -> str:
        """Return the path of a partition in the profile.

        Raises:
            RefusedError: If the profile does not know it.
        """
        return self._partition(name).path

    def _partition(self, name: str) -> Partition:
        known = self.profile.all_partitions.get(self.partition_name(name))
        if known is None:
            raise RefusedError(
                f"the profile {self.profile.name} knows no partition {name!r}",
                state="Nothing was sent.",
                fix=self._how_to_find(name),
            )
        return known

    def partition_query(self, name: str) -> str:
        """Return a command for `roots`; `parse_partition` reads its output.

        Raises:
            RefusedError: If the profile does not know the partition.
        """
        path = shlex.quote(self.partition_path(name))
        return (
            f"test -b {path} && readlink -f {path} && blockdev --getsize64 {path} && blockdev --getro {path}"
        )

    def parse_partition(self, name: str, output: Output) -> BlockDevice:
        """Return the block device in the output of `partition_query`; see `partition`."""
        known = self._partition(name)
        device, size, read_only = _words(known, output, 3)
        found = BlockDevice(device, self._parse_size(known, size))
        if read_only != "0":
            raise RefusedError(
                f"{known.path} is write-protected",
                state="Nothing was written.",
                fix="A locked bootloader protects it: unlock the phone the way its maker intends.",
            )
        return found

    def size_query(self, name: str) -> str:
        """Return a command for `roots`; `check_size` reads its output. See `partition_query`."""
        path = shlex.quote(self.partition_path(name))
        return f"test -b {path} && blockdev --getsize64 {path}"

    def check_size(self, name: str, output: Output) -> None:
        """Refuse a partition that is not as the profile says, according to the output of `size_query`.

        Raises:
            RefusedError: If it is no block device, or has another size.
        """
        known = self._partition(name)
        self._parse_size(known, *_words(known, output, 1))

    def _parse_size(self, known: Partition, size: str) -> int:
        """Return the size that blockdev gives; refuse another one than the profile's."""
        if not re.fullmatch(r"[0-9]{1,18}", size):
            raise DeviceError(
                f"blockdev on the phone gives {size[:40]!r} as the size of {known.path}",
                state="Nothing was written.",
                fix=f"Look at it on the phone, as root: blockdev --getsize64 {known.path}",
            )
        if known.size is not None and size != str(known.size):
            raise RefusedError(
                f"{known.path} has {size} bytes, the profile {self.profile.name} says {known.size}",
                state="Nothing was written.",
                fix="This is another phone or another model: choose its profile with --device or --profile.",
            )
        return int(size)

    def pull_partition(self, name: str) -> bytes:
        """Return the whole content of a partition of the profile.

        Raises:
            RefusedError: See `partition`.
            DeviceError: If it cannot be read.
        """
        device = self.partition(name)
        # head reads a few KiB at a time, which is slow
        command = f"dd if={shlex.quote(device.path)} bs=1048576 2>/dev/null"
        return self.pull_copy(Copy("partition", device.path, device.size, command)) or b""

    def _how_to_find(self, name: str) -> str:
        if f"partitions.{name}" in self.profile.evidence:
            return f"How to find it: {self.profile.how_to_find(f'partitions.{name}')}"
        return f"It knows: {', '.join(sorted(self.profile.all_partitions)) or 'none'}."


def _words(known: Partition, output: Output, count: int) -> list[str]:
    """Return the words that a query about a partition printed, if it is a block device."""
    words = output.text.split()
    if output.code or len(words) != count:
        raise RefusedError(
            f"{known.path} is not a block device on this phone",
            state="Nothing was written.",
            fix="Check that the profile is the right one (--device): adb shell ls -l /dev/block/by-name",
        )
    return words


def connect(serial: str | None, chosen: Profile | None, *, wait_s: float = 0.0) -> Phone:
    """Find the phone, connect, and match its profile.

    Args:
        serial: As `adb devices` shows it, or HOST:PORT; None if only one phone is connected.
        chosen: The profile; None finds the one for ro.product.device.
        wait_s: Seconds to wait for a phone that does not answer; if there is no sign of any, none.

    Raises:
        DeviceError: If no phone is connected or it does not answer.
        RefusedError: If several are, or no profile fits.
        InputError: If `serial` or a profile is wrong.
    """
    transport, names, root = _greet(serial or only_phone(), wait_s)
    try:
        product, serialno = _parse_product(names)
        phone = Phone(
            transport,
            matching(product, chosen),
            serialno or transport.serial,
            _root_shell=parse_root_shell(root),
        )
        phone.tell_model()
        return phone
    except BaseException:
        transport.close()
        raise


def _greet(serial: str, wait_s: float) -> tuple[Transport, Output, Output]:
    """Connect to a phone; return the outputs of _PRODUCT and FIND_ROOT, too."""
    try:
        return _ask(open_transport(serial))
    except DeviceError as error:
        if not wait_s:
            raise
        log.detail(error.what)
    end = time.monotonic() + wait_s
    with log.step("Waiting for the phone", limit_s=wait_s):
        while True:
            try:
                return _ask(open_transport(serial), within_s=max(end - time.monotonic(), _POLL_S))
            except DeviceError:
                if time.monotonic() >= end:
                    raise
            time.sleep(_POLL_S)


def _ask(transport: Transport, *, within_s: float = 0.0) -> tuple[Transport, Output, Output]:
    """Return `transport` and its answers, after waiting for the phone if `within_s` is not 0."""
    try:
        if within_s:
            transport.wait(timeout_s=within_s)
        # Both in one shell: starting one takes as long as these commands.
        names, root = transport.shells([(_PRODUCT, QUICK_S), (FIND_ROOT, QUICK_S)])
    except BaseException:
        transport.close()
        raise
    return transport, names, root


@contextmanager
def connected(
    serial: str | None, chosen: Profile | None, *, exclusive: bool = False, wait_s: float = WAIT_S
) -> Iterator[Phone]:
    """Connect as `connect` does, and close the connection at the end.

    Args:
        serial: See `connect`.
        chosen: See `connect`.
        exclusive: Keep other commands that change the phone away meanwhile.
        wait_s: See `connect`.

    Raises:
        RefusedError: If one is running.
    """
    with if_cut_off("Nothing was sent."):
        phone = connect(serial, chosen, wait_s=wait_s)
    try:
        if exclusive:
            with lock.exclusive(_lock_of(phone.serialno), f"{phone.profile.name} {phone.serialno}"):
                yield phone
        else:
            yield phone
    finally:
        with if_cut_off("The command had ended. The phone may stay locked for other computers for a while."):
            phone.unlock()
        phone.clean()  # also after an error or Ctrl-C; nothing if the command has done so
        phone.transport.close()


def _lock_of(serialno: str) -> Path:
    return state_dir() / "locks" / f"{safe_serial(serialno)}.lock"


def _parse_product(output: Output) -> tuple[str, str]:
    found = [answer.strip() for answer in answers(output.text)]
    if output.code or len(found) != 2 or not found[0]:
        raise DeviceError(
            f"the phone does not say which model it is: {found[0][:200]!r}",
            state="Nothing was sent.",
            fix="Is this an Android phone? Try: adb shell getprop ro.product.device",
        )
    return found[0], found[1]


def matching(product: str, chosen: Profile | None) -> Profile:
    """Return the profile of a phone whose ro.product.device is `product`: `chosen`, if it fits.

    Raises:
        RefusedError: If no profile fits, or `chosen` does not.
    """
    match = chosen or profile.match(product)
    if match is None:
        raise RefusedError(
            f"no profile is for ro.product.device={product!r}",
            state="Nothing was sent.",
            fix="Draft a profile: hardboot devices suggest --install. Known phones: hardboot devices list",
        )
    if product not in match.codenames:
        raise RefusedError(
            f"the phone reports ro.product.device={product!r}; the profile {match.name} is for "
            f"{', '.join(match.codenames)}",
            state="Nothing was sent.",
            fix="Leave out --device and --profile: the profile is then chosen by what the phone reports.",
        )
    return match


def safe_serial(serialno: str) -> str:
    """Return a serial as a file name, its hash if it has other characters: a phone never chooses a path."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", serialno):
        return serialno
    return hashlib.sha256(serialno.encode()).hexdigest()[:16]
