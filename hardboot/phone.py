"""One rooted Android phone: what it says of itself, its root shell, its partitions, its staging folder.

Knows no flow. Commands for the phone are quoted here or are constants.
"""

import hashlib
import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hardboot import log, profile
from hardboot.errors import DeviceError, RefusedError
from hardboot.files import read_bytes, sha256_file
from hardboot.formats import fdt, treefiles
from hardboot.formats.fdt import Fdt
from hardboot.profile import Profile
from hardboot.transport.base import Output, Transport

STAGING = "/data/local/tmp/hardboot"
_QUICK_S = 30.0
_SMALL = 256 << 10  # bytes; a push nobody needs to watch
_BYTES_PER_S = 1 << 20  # the slowest flash and CPU we wait for, in bytes a second
_ROOT_FILE_LIMIT = 4 << 20  # bytes; far above every device tree
_TREE = "/sys/firmware/fdt"
_TREE_FILES = "/proc/device-tree"
_TAR_LIMIT = 64 << 20  # bytes; a tar has at least 1 KiB for each property
# How root is had: on the shell's own (adbd runs as root), Magisk and SuperSU, AOSP's su.
_ROOT_WAYS = ("sh -c {}", "su -c {}", "su 0 sh -c {}")


@dataclass(frozen=True)
class KernelIdentity:
    """Which kernel runs: uname -r, the random number it drew when it started, and its command line."""

    release: str
    boot_id: str
    cmdline: str


@dataclass
class Handset:
    """A connected phone, whichever it is; made by `reach`."""

    transport: Transport
    _root_way: str | None = field(default=None, repr=False, kw_only=True)

    def shell(self, command: str, *, timeout_s: float = _QUICK_S) -> Output:
        """Run `command` as the ADB user; any exit code is an answer."""
        log.detail(f"$ {command}")
        return self.transport.shell(command, timeout_s=timeout_s)

    def root(self, command: str, *, timeout_s: float = _QUICK_S) -> Output:
        """Run `command` as root; any exit code is an answer.

        Raises:
            DeviceError: If there is no root shell.
        """
        if self._root_way is None:
            self._root_way = self._find_root()
        return self.shell(self._root_way.format(shlex.quote(command)), timeout_s=timeout_s)

    def read(self, command: str, *, timeout_s: float = _QUICK_S) -> str:
        """What `command` prints as root, without the last newline.

        Raises:
            DeviceError: If it exits with another code than 0.
        """
        output = self.root(command, timeout_s=timeout_s)
        if output.code:
            said = " ".join(output.text.split())[-200:] or "it printed nothing"
            raise DeviceError(
                f"a command on the phone failed with {output.code}: {said}",
                unchanged="Nothing after it was done.",
                fix=f"Try it by hand in `adb shell`, as root: {command}",
            )
        return output.text.rstrip("\r\n")

    def kernel(self, *, timeout_s: float = _QUICK_S) -> KernelIdentity:
        """Which kernel runs now."""
        command = "uname -r; cat /proc/sys/kernel/random/boot_id; cat /proc/cmdline"
        text = self.read(command, timeout_s=timeout_s)
        lines = text.splitlines()
        if len(lines) < 2:
            raise DeviceError(
                f"the phone does not say which kernel it runs: {text!r}",
                unchanged="Nothing was sent.",
                fix="Look at /proc on the phone: adb shell su -c 'ls /proc'",
            )
        return KernelIdentity(lines[0], lines[1], "".join(lines[2:3]))

    def pull_root_file(self, path: str, *, first: int = _ROOT_FILE_LIMIT) -> bytes | None:
        """The first bytes of a file or device only root may read; None if there is none.

        Args:
            path: Absolute path on the phone.
            first: How many bytes at most.
        """
        quoted = shlex.quote(path)
        return self._pull_root_output(quoted, f"head -c {first} < {quoted}", limit=first)

    def device_tree(self) -> Fdt | None:
        """The tree the bootloader gave the running kernel; None if it gave none.

        Kernels before 3.19 show only files, one a property: the reserve map is not among them.

        Raises:
            DeviceError: If it is there and cannot be read.
            InputError: If it is malformed.
        """
        blob = self.pull_root_file(_TREE)
        if blob is not None:
            return fdt.parse(blob)
        packed = self._pull_root_output(_TREE_FILES, f"tar -cf - -C {_TREE_FILES} .", limit=_TAR_LIMIT)
        return None if packed is None else treefiles.parse_tar(packed)

    def _pull_root_output(self, path: str, command: str, *, limit: int) -> bytes | None:
        """What `command` prints as root, at most `limit` bytes; None if there is no `path` (quoted)."""
        copy = f"{STAGING}/root-file"
        self.make_staging()
        command = f"{command} > {copy} && chmod 644 {copy}"
        if self.read(f"if test -e {path}; then {command}; else echo none; fi") == "none":
            return None
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "file"
            self.transport.pull(copy, target, progress=lambda _size: None)
            return read_bytes(target, limit=limit)

    def stage(self, source: Path, name: str, *, mode: int = 0o644) -> str:
        """Copy a file into the staging folder, prove that it arrived whole, and return its path there."""
        size = source.stat().st_size
        target = f"{STAGING}/{name}"
        self.make_staging(size)
        with log.progress(f"Pushing {name}", size, quiet=size < _SMALL) as advance:
            self.transport.push(source, target, mode=mode, progress=advance)
        if self.sha256(target, size) != sha256_file(source):
            raise DeviceError(
                f"{name} arrived damaged on the phone",
                unchanged="Nothing was loaded or written; the copy lies in the staging folder only.",
                fix="Try again; check cable, port and free space (adb shell df /data).",
            )
        return target

    def sha256(self, path: str, size: int, *, first: int | None = None) -> str:
        """The SHA-256 the phone computes of a file or device, or of its `first` bytes.

        Args:
            path: Absolute path on the phone.
            size: Bytes to be read, for the time-out.
            first: Read only so many bytes.
        """
        quoted = shlex.quote(path)
        command = f"sha256sum < {quoted}" if first is None else f"head -c {first} < {quoted} | sha256sum"
        text = self.read(command, timeout_s=_time_for(size))
        found = re.match(r"[0-9a-f]{64}\b", text)
        if not found:
            raise DeviceError(
                f"the phone did not compute a SHA-256 of {path}: {text[:200]!r}",
                unchanged="Nothing after it was done.",
                fix="The phone needs sha256sum (toybox or busybox): adb shell sha256sum --help",
            )
        return found[0]

    def clean(self) -> None:
        """Remove the staging folder; a phone that does not answer is left alone."""
        try:
            self.root(f"rm -rf {STAGING}")
        except DeviceError as error:
            log.detail(f"the staging folder {STAGING} stays: {error}")

    def partition_size(self, device: str) -> int:
        """Bytes of a block device `partition` returned."""
        return int(self.read(f"blockdev --getsize64 {shlex.quote(device)}"))

    def make_staging(self, size: int = 0) -> None:
        """Make the folder and see that `size` bytes fit."""
        output = self.shell(f"mkdir -p {STAGING} && df -k {STAGING} | tail -n 1")
        if output.code:
            raise DeviceError(
                f"the staging folder {STAGING} cannot be made: {output.text.strip()[-200:]}",
                unchanged="Nothing was sent.",
                fix="Check that /data is mounted and writable, and who owns /data/local/tmp (shell).",
            )
        found = re.search(r"\s(\d+)\s+\d+%\s", output.text)
        if found and int(found[1]) * 1024 < size:
            raise DeviceError(
                f"{size} bytes do not fit into {STAGING}: {int(found[1]) * 1024} are free",
                unchanged="Nothing was sent.",
                fix="Make room on /data.",
            )

    def _find_root(self) -> str:
        for way in _ROOT_WAYS:
            output = self.shell(way.format(shlex.quote("id -u")))
            if output.code == 0 and output.text.strip() == "0":
                log.detail(f"root shell: {way.format('COMMAND')}")
                return way
        raise DeviceError(
            "no root shell: neither `su -c` nor `su 0` gives uid 0",
            unchanged="Nothing was sent.",
            fix="Root the phone, and grant root to the ADB shell in its superuser app.",
        )


@dataclass
class Phone(Handset):
    """A connected phone and its profile; made by `connect`."""

    profile: Profile
    serialno: str

    def partition(self, name: str) -> str:
        """The block device behind a partition of the profile, checked to be there.

        Raises:
            RefusedError: If the profile names none, or it is no block device, read-only, or of another size.
        """
        known = self.profile.partitions.get(name)
        if known is None:
            raise RefusedError(
                f"the profile {self.profile.name} knows no partition {name!r}",
                unchanged="Nothing was sent.",
                fix=f"It knows: {', '.join(sorted(self.profile.partitions)) or 'none'}.",
            )
        path = shlex.quote(known.path)
        facts = self.root(
            f"test -b {path} && readlink -f {path} && blockdev --getsize64 {path} && blockdev --getro {path}"
        )
        lines = facts.text.split()
        if facts.code or len(lines) != 3:
            raise RefusedError(
                f"{known.path} is not a block device on this phone",
                unchanged="Nothing was written.",
                fix="Check that the profile is the right one (--device): adb shell ls -l /dev/block/by-name",
            )
        device, size, read_only = lines
        if known.size is not None and size != str(known.size):
            raise RefusedError(
                f"{known.path} has {size} bytes, the profile {self.profile.name} says {known.size}",
                unchanged="Nothing was written.",
                fix="This is another phone or another model: choose its profile with --device.",
            )
        if read_only != "0":
            raise RefusedError(
                f"{known.path} is write-protected",
                unchanged="Nothing was written.",
                fix="A locked bootloader protects it: unlock the phone the way its maker intends.",
            )
        return device


@contextmanager
def reach(serial: str | None) -> Iterator[Handset]:
    """Connect to a phone without asking what it is, and close the connection at the end.

    Args:
        serial: As `adb devices` shows it, or HOST:PORT; None if there is only one phone.

    Raises:
        DeviceError: If no phone is there or it does not answer.
        RefusedError: If there are several.
        InputError: If `serial` is wrong.
    """
    handset = Handset(open_transport(serial or _only_phone()))
    try:
        yield handset
    finally:
        handset.transport.close()


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
    transport = open_transport(serial or _only_phone())
    try:
        product, serialno = _product(transport)
        return Phone(transport, _matching(product, chosen), serialno or transport.serial)
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


def open_transport(serial: str) -> Transport:
    """The transport for a serial: through a running ADB server that lists the phone, else straight over TCP.

    Raises:
        DeviceError: If the server does not list it, and it is not HOST:PORT.
        InputError: If the environment does not say where the server is.
    """
    from hardboot.transport import adb_server

    listed = adb_server.find_states()
    host, _, port = serial.rpartition(":")
    on_network = host and port.isascii() and port.isdecimal() and 0 < int(port[:6]) < 65536
    # What the server calls offline may be left from before the phone restarted.
    if serial in listed and not (on_network and listed[serial] == "offline"):
        return adb_server.AdbServer(serial)
    if on_network:
        from hardboot.transport.adb import AdbTcp

        return AdbTcp(host.strip("[]"), int(port))
    raise DeviceError(
        f"no phone {serial!r}: the ADB server lists {', '.join(listed)}"
        if listed
        else f"no phone {serial!r}: no ADB server runs, or it lists none",
        unchanged="Nothing was sent.",
        fix="Plug it in, turn on USB debugging and look: adb devices. A phone on the network is HOST:PORT.",
    )


def _only_phone() -> str:
    from hardboot.transport import adb_server
    from hardboot.virtual import machine

    virtual = [status.serial for status in machine.running() if status.serial]
    # A phone that is listed but not ready tells why when it is used.
    found = list(dict.fromkeys(virtual + adb_server.find_serials())) or list(adb_server.find_states())
    if not found:
        raise DeviceError(
            "no phone: no ADB server runs or it lists none, no virtual phone runs, and --serial is not given",
            unchanged="Nothing was sent.",
            fix="Plug a phone in, turn on USB debugging and look: adb devices. Or: hardboot virtual start",
        )
    if len(found) > 1:
        raise RefusedError(
            f"{len(found)} phones are connected: {', '.join(found)}",
            unchanged="Nothing was sent.",
            fix=f"Say which one: --serial {found[0]}",
        )
    return found[0]


def _product(transport: Transport) -> tuple[str, str]:
    output = transport.shell("getprop ro.product.device; getprop ro.serialno", timeout_s=_QUICK_S)
    lines = [line.strip() for line in output.text.splitlines()]
    if output.code or not lines or not lines[0]:
        raise DeviceError(
            f"the phone does not say what it is: {output.text.strip()[:200]!r}",
            unchanged="Nothing was sent.",
            fix="Is this an Android phone? Try: adb shell getprop ro.product.device",
        )
    return lines[0], lines[1] if len(lines) > 1 else ""


def _matching(product: str, chosen: Profile | None) -> Profile:
    found = chosen or profile.match(product)
    if found is None:
        raise RefusedError(
            f"no profile knows a phone that reports ro.product.device={product!r}",
            unchanged="Nothing was sent.",
            fix="hardboot devices list shows the phones that are known; docs/profiles.md how to add one.",
        )
    if product not in found.codenames:
        raise RefusedError(
            f"the phone reports ro.product.device={product!r}; the profile {found.name} is for "
            f"{', '.join(found.codenames)}",
            unchanged="Nothing was sent.",
            fix="Leave --device out to choose the profile by what the phone reports.",
        )
    return found


def _time_for(size: int) -> float:
    return _QUICK_S + size / _BYTES_PER_S


def safe_serial(serialno: str) -> str:
    """A serial as a file name: a phone's own words never choose a path."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", serialno):
        return serialno
    return hashlib.sha256(serialno.encode()).hexdigest()[:16]
