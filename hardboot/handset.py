"""One connected phone, whichever it is: its shells, its files, its staging folder, and the way to it.

Knows no flow and no profile. Commands for the phone are quoted here or are constants.
"""

import re
import shlex
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hardboot import log
from hardboot.errors import DeviceError, RefusedError
from hardboot.files import read_bytes, sha256_file
from hardboot.formats import atags, fdt, treefiles
from hardboot.formats.atags import Tag
from hardboot.formats.fdt import Fdt
from hardboot.transport.base import Output, Transport

STAGING = "/data/local/tmp/hardboot"
QUICK_S = 30.0
_SMALL = 256 << 10  # bytes; a push nobody needs to watch
_BLOCK = 1 << 20  # bytes that dd reads at a time
_BYTES_PER_S = 1 << 20  # the slowest flash and CPU we wait for, in bytes a second
_ROOT_FILE_LIMIT = 4 << 20  # bytes; far above every device tree
_ATAGS = "/proc/atags"
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

    def shell(self, command: str, *, timeout_s: float = QUICK_S) -> Output:
        """Run `command` as the ADB user; any exit code is an answer."""
        log.detail(f"$ {command}")
        return self.transport.shell(command, timeout_s=timeout_s)

    def root(self, command: str, *, timeout_s: float = QUICK_S) -> Output:
        """Run `command` as root; any exit code is an answer.

        Raises:
            DeviceError: If there is no root shell.
        """
        if self._root_way is None:
            self._root_way = self._find_root()
        return self.shell(self._root_way.format(shlex.quote(command)), timeout_s=timeout_s)

    def read(self, command: str, *, timeout_s: float = QUICK_S) -> str:
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

    def kernel(self, *, timeout_s: float = QUICK_S) -> KernelIdentity:
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

    def atags(self) -> tuple[Tag, ...]:
        """The ATAGS the bootloader gave the running kernel.

        Raises:
            RefusedError: If the kernel does not show them.
            InputError: If they are malformed or cut off.
        """
        data = self.pull_root_file(_ATAGS)
        if data is None:
            raise RefusedError(
                f"the running kernel shows no {_ATAGS}",
                unchanged="Nothing was sent.",
                fix="Use a host kernel built with CONFIG_ATAGS_PROC.",
            )
        return atags.parse(data)

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
        """The SHA-256 the phone computes of a file or block device.

        Args:
            path: Absolute path on the phone.
            size: Bytes to be read, for the time-out.
            first: Of a block device, read only so many bytes.
        """
        quoted = shlex.quote(path)
        command = f"sha256sum < {quoted}"
        if first is not None:
            # head alone reads a few KiB at a time, which is slow on a phone.
            blocks, rest = divmod(first, _BLOCK)
            most = f"dd bs={_BLOCK} count={blocks} 2>/dev/null; " if blocks else ""
            command = f"{{ {most}head -c {rest}; }} < {quoted} | sha256sum"
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
    handset = Handset(open_transport(serial or only_phone()))
    try:
        yield handset
    finally:
        handset.transport.close()


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


def only_phone() -> str:
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


def _time_for(size: int) -> float:
    return QUICK_S + size / _BYTES_PER_S
