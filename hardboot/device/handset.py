"""One connected phone, whichever it is: its shells, its files, its staging folder, and the way to it.

Knows no flow and no profile. Commands for the phone are quoted here or are constants.
"""

import math
import re
import shlex
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.base.files import read_bytes, sha256_file
from hardboot.device.connection import only_phone, open_transport
from hardboot.formats.trees import fdt, treefiles
from hardboot.formats.trees.fdt import Fdt
from hardboot.transport.base import SHELL, Output, Transport

STAGING = "/data/local/tmp/hardboot"
QUICK_S = 30.0
_SMALL = 256 << 10  # bytes; a push nobody needs to watch, and for which there is room or adbd says so
_BLOCK = 1 << 20  # bytes that dd reads at a time
_BYTES_PER_S = 1 << 20  # the slowest flash and CPU we wait for, in bytes a second
_ROOT_FILE_LIMIT = 4 << 20  # bytes; far above every device tree
_TAR_LIMIT = 64 << 20  # bytes; a tar has at least 1 KiB for each property
_NONE = "none"
# How root is had: on the shell's own (adbd runs as root), Magisk and SuperSU, AOSP's su.
_ROOT_WAYS = (SHELL, "su -c {}", "su 0 sh -c {}")
# Prints the number of the first way that gives root, nothing if none does.
FIND_ROOT = "".join(
    f'[ "$({way.format(shlex.quote("id -u"))} 2>/dev/null)" != 0 ] || {{ echo {number}; exit 0; }}\n'
    for number, way in enumerate(_ROOT_WAYS)
)
# For `roots`, together with other questions; `parse_kernel` reads the answer.
KERNEL = "uname -r; cat /proc/sys/kernel/random/boot_id; cat /proc/cmdline"


@dataclass(frozen=True)
class KernelIdentity:
    """Which kernel runs: uname -r, the random number it drew when it started, and its command line."""

    release: str
    boot_id: str
    cmdline: str


@dataclass(frozen=True)
class Copy:
    """A copy in the staging folder of what only root may read.

    Attributes:
        name: Of the copy.
        path: Of the original, absolute.
        limit: Bytes that are copied at most.
        by: What prints them, if not the first bytes of a file; it keeps the limit by itself.
    """

    name: str
    path: str
    limit: int = _ROOT_FILE_LIMIT
    by: str | None = None

    @property
    def target(self) -> str:
        """Where it is."""
        return f"{STAGING}/{self.name}"

    @property
    def command(self) -> str:
        """For `roots`, once the staging folder is made; `fetch` reads the answer."""
        path = shlex.quote(self.path)
        by = self.by or f"head -c {self.limit} < {path}"
        make = f"{by} > {self.target} && chmod 644 {self.target}"
        return f"if test -e {path}; then {make}; else echo {_NONE}; fi"


TREE = Copy("tree", "/sys/firmware/fdt")
_TREE_FILES = Copy("tree", "/proc/device-tree", _TAR_LIMIT, "tar -cf - -C /proc/device-tree .")


@dataclass
class Handset:
    """A connected phone, whichever it is; made by `reach`."""

    transport: Transport
    _root_way: str | None = field(default=None, repr=False, kw_only=True)
    _staged: bool = field(default=False, init=False, repr=False)
    _room: float | None = field(default=None, init=False, repr=False)  # in the staging folder once made

    def shell(self, command: str, *, timeout_s: float = QUICK_S) -> Output:
        """Run `command` as the ADB user; any exit code is an answer."""
        log.detail(f"$ {command}")
        return self.transport.shell(command, timeout_s=timeout_s)

    def root(self, command: str, *, timeout_s: float = QUICK_S) -> Output:
        """Run `command` as root; any exit code is an answer.

        Raises:
            DeviceError: If there is no root shell.
        """
        (output,) = self.roots(command, timeout_s=timeout_s)
        return output

    def roots(self, *commands: str, timeout_s: float = QUICK_S) -> list[Output]:
        """Run commands in one root shell, each within `timeout_s` seconds; any exit code is an answer.

        Raises:
            DeviceError: If there is no root shell, or it ends early.
        """
        outputs = list(self.root_steps([(command, timeout_s) for command in commands]))
        if len(outputs) < len(commands):
            raise DeviceError(
                f"the root shell ended early, with {outputs[-1].code}: {outputs[-1].text.strip()[-200:]!r}",
                state="Nothing after it was done.",
                fix="Try it by hand: adb shell su -c id",
            )
        return outputs

    def root_steps(self, commands: Sequence[tuple[str, float]]) -> Iterator[Output]:
        """Run commands, each within its seconds, in one root shell; yields what each gave when it ends.

        If the shell itself ends, that is the answer of the command it was at, and the last.

        Raises:
            DeviceError: If there is no root shell, or one does not end in time.
        """
        way = self._root()
        for command, _ in commands:
            log.detail(f"# {command}")
        return self.transport.shells(commands, template=way)

    def read(self, command: str, *, timeout_s: float = QUICK_S) -> str:
        """What `command` prints as root, without the last newline.

        Raises:
            DeviceError: If it exits with another code than 0.
        """
        return read(command, self.root(command, timeout_s=timeout_s))

    def kernel(self) -> KernelIdentity:
        """Which kernel runs now."""
        return parse_kernel(self.root(KERNEL))

    def kernel_anew(self, *, timeout_s: float) -> KernelIdentity:
        """Connect anew, trying for `timeout_s` seconds until the phone says which kernel runs."""
        return parse_kernel(self.transport.wait(KERNEL, timeout_s=timeout_s, template=self._root()))

    def pull_root_file(self, path: str, *, first: int = _ROOT_FILE_LIMIT) -> bytes | None:
        """The first bytes of a file or device only root may read; None if there is none.

        Args:
            path: Absolute path on the phone.
            first: How many bytes at most.
        """
        return self._pull_copy(Copy("root-file", path, first))

    def fetch(self, copy: Copy, answer: Output) -> bytes | None:
        """Bring a copy that was made here; None if there was nothing to copy.

        Args:
            copy: What was copied.
            answer: What its command gave.
        """
        if read(copy.command, answer) == _NONE:
            return None
        with tempfile.TemporaryDirectory() as folder:
            target = Path(folder) / "file"
            self.transport.pull(copy.target, target, progress=lambda _size: None)
            return read_bytes(target, limit=copy.limit)

    def device_tree(self) -> Fdt | None:
        """The tree the bootloader gave the running kernel; None if it gave none.

        Raises:
            DeviceError: If it is there and cannot be read.
            InputError: If it is malformed.
        """
        self.make_staging()
        return self.fetch_device_tree(self.root(TREE.command))

    def fetch_device_tree(self, answer: Output) -> Fdt | None:
        """The same from what the command of TREE gave.

        Kernels before 3.19 show only files, one a property: the reserve map is not among them.
        """
        blob = self.fetch(TREE, answer)
        if blob is not None:
            return fdt.parse(blob)
        packed = self._pull_copy(_TREE_FILES)
        return None if packed is None else treefiles.parse_tar(packed)

    def _pull_copy(self, copy: Copy) -> bytes | None:
        self.make_staging()
        return self.fetch(copy, self.root(copy.command))

    def stage(self, source: Path, name: str, *, mode: int = 0o644) -> str:
        """Copy a file into the staging folder, prove that it arrived whole, and return its path there."""
        (target,) = self.stage_all([(source, name)], mode=mode)
        return target

    def stage_all(self, files: Sequence[tuple[Path, str]], *, mode: int = 0o644) -> list[str]:
        """`stage` several files, each under its name."""
        sizes = [source.stat().st_size for source, _ in files]
        targets = [f"{STAGING}/{name}" for _, name in files]
        self._make_room(sum(sizes))
        for (source, name), target, size in zip(files, targets, sizes, strict=True):
            with log.progress(f"Pushing {name}", size, quiet=size < _SMALL) as advance:
                self.transport.push(source, target, mode=mode, progress=advance)
        commands = [_sha256_command(target) for target in targets]
        outputs = self.roots(*commands, timeout_s=_time_for(max(sizes)))
        for (source, name), target, command, output in zip(files, targets, commands, outputs, strict=True):
            if _sha256(target, read(command, output)) != sha256_file(source):
                raise _damaged(name)
        return targets

    def stage_program(self, source: Path, name: str, command: str) -> Output:
        """Copy a program into the staging folder and run `command` as root if it arrived whole, in one."""
        target, digest = f"{STAGING}/{name}", sha256_file(source)
        self._make_room(source.stat().st_size)
        self.transport.push(source, target, mode=0o755, progress=lambda _size: None)
        said = self.root(
            f'sum=$({_sha256_command(target)}) && echo "$sum" && case $sum in {digest}*) {command} ;; esac'
        )
        proof, _, text = said.text.partition("\n")
        if _sha256(target, proof) != digest:
            raise _damaged(name)
        return Output(text, said.code)

    def sha256(self, path: str, size: int, *, first: int | None = None) -> str:
        """The SHA-256 the phone computes of a file or block device.

        Args:
            path: Absolute path on the phone.
            size: Bytes to be read, for the time-out.
            first: Of a block device, read only so many bytes.
        """
        return _sha256(path, self.read(_sha256_command(path, first), timeout_s=_time_for(size)))

    def clean(self) -> None:
        """Remove the staging folder if it was used; a phone that does not answer is left alone."""
        if not self._staged:
            return
        try:
            self.root(f"rm -rf {STAGING}")
            self._room, self._staged = None, False
        except DeviceError as error:
            log.detail(f"the staging folder {STAGING} stays: {error}")

    def make_staging(self, size: int = 0) -> None:
        """Make the folder, unless that was done, and see that `size` bytes more fit."""
        self._staged = True
        if self._room is None:
            self._room = self._make_staging()
        if self._room < size:
            raise DeviceError(
                f"{size} bytes do not fit into {STAGING}: {self._room:.0f} are free",
                state="Nothing was sent.",
                fix="Make room on /data.",
            )
        self._room -= size

    def _make_room(self, size: int) -> None:
        """`make_staging` where it is needed: adbd makes the folders of what it receives."""
        self._staged = True
        if size >= _SMALL or self._room is not None:
            self.make_staging(size)

    def _make_staging(self) -> float:
        """Make the folder; returns the bytes that fit, infinitely many if the phone does not tell."""
        output = self.shell(f"mkdir -p {STAGING} && {{ df -k {STAGING} || true; }}")
        if output.code:
            raise DeviceError(
                f"the staging folder {STAGING} cannot be made: {output.text.strip()[-200:]}",
                state="Nothing was sent.",
                fix="Check that /data is mounted and writable, and who owns /data/local/tmp (shell).",
            )
        found = re.search(r"\s(\d+)\s+\d+%\s", output.text)
        return int(found[1]) * 1024 if found else math.inf

    def _root(self) -> str:
        self._root_way = self._root_way or root_way(self.shell(FIND_ROOT))
        if self._root_way:
            return self._root_way
        raise DeviceError(
            "no root shell: neither `su -c` nor `su 0` gives uid 0",
            state="Nothing was sent.",
            fix="Root the phone, and grant root to the ADB shell in its superuser app.",
        )


def read(command: str, output: Output) -> str:
    """What `command` printed, without the last newline.

    Raises:
        DeviceError: If it exited with another code than 0.
    """
    if output.code:
        said = " ".join(output.text.split())[-200:] or "it printed nothing"
        raise DeviceError(
            f"a command on the phone failed with {output.code}: {said}",
            state="Nothing after it was done.",
            fix=f"Try it by hand in `adb shell`, as root: {command}",
        )
    return output.text.rstrip("\r\n")


def parse_kernel(output: Output) -> KernelIdentity:
    """The answer to KERNEL.

    Raises:
        DeviceError: If it is none.
    """
    text = read(KERNEL, output)
    lines = text.splitlines()
    if len(lines) < 2:
        raise DeviceError(
            f"the phone does not say which kernel it runs: {text!r}",
            state="Nothing was sent.",
            fix="Look at /proc on the phone: adb shell su -c 'ls /proc'",
        )
    return KernelIdentity(lines[0], lines[1], "".join(lines[2:3]))


def root_way(output: Output) -> str | None:
    """The answer to FIND_ROOT: how a root shell is started; None if there is none."""
    number = output.text.strip()
    way = _ROOT_WAYS[int(number)] if number in ("0", "1", "2") else None
    if way:
        log.detail(f"root shell: {way.format('COMMAND')}")
    return way


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


def _sha256_command(path: str, first: int | None = None) -> str:
    """What computes the SHA-256 of a file, or of the first bytes of a block device."""
    quoted = shlex.quote(path)
    if first is None:
        return f"sha256sum < {quoted}"
    # head alone reads a few KiB at a time, which is slow on a phone.
    blocks, rest = divmod(first, _BLOCK)
    most = f"dd bs={_BLOCK} count={blocks} 2>/dev/null; " if blocks else ""
    return f"{{ {most}head -c {rest}; }} < {quoted} | sha256sum"


def _sha256(path: str, text: str) -> str:
    found = re.match(r"[0-9a-f]{64}\b", text)
    if not found:
        raise DeviceError(
            f"the phone did not compute a SHA-256 of {path}: {text[:200]!r}",
            state="Nothing after it was done.",
            fix="The phone needs sha256sum (toybox or busybox): adb shell sha256sum --help",
        )
    return found[0]


def _damaged(name: str) -> DeviceError:
    return DeviceError(
        f"{name} arrived damaged on the phone",
        state="Nothing was loaded or written; the copy lies in the staging folder only.",
        fix="Try again; check cable, port and free space (adb shell df /data).",
    )


def _time_for(size: int) -> float:
    return QUICK_S + size / _BYTES_PER_S
