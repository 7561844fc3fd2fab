"""Files to and from one phone, through a folder of the ADB user; every copy is compared by its SHA-256."""

import hashlib
import math
import os
import platform
import re
import shlex
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError, RequestError
from hardboot.base.files import read_bytes, sha256_file
from hardboot.base.process import has_ended
from hardboot.base.temporary import temporary_folder
from hardboot.device import kept_files
from hardboot.device.kept_files import KeptFile
from hardboot.device.shells import QUICK_S, Shells, read
from hardboot.transport.base import Output, Progress

_PARENT = "/data/local/tmp"  # the ADB user may write there on every Android
_COMPUTER = hashlib.sha256(f"{platform.node()} {uuid.getnode():x}".encode()).hexdigest()[:8]
_NAMES = f"hardboot-{_COMPUTER}-"  # of the folders of this computer's commands, before their process ID
STAGING = f"{_PARENT}/{_NAMES}{os.getpid()}"  # of this command alone: others work beside it
_SMALL = 256 << 10  # bytes; a push without a progress bar, and without asking for free space first
_BLOCK = 1 << 20  # bytes that dd reads at a time
_BYTES_PER_S = 1 << 20  # the slowest flash and CPU we wait for
_ROOT_FILE_LIMIT = 4 << 20  # bytes; far above every device tree
_NONE = "none"


class DamagedError(RequestError):
    """What arrived on this computer is not what the phone sent."""


@dataclass(frozen=True)
class Copy:
    """A copy in the staging folder of a file that only root may read.

    Attributes:
        name: Of the copy.
        path: Of the original, absolute.
        limit: Bytes that are copied at most.
        command: Prints the content, if that is not the first `limit` bytes of the file.
    """

    name: str
    path: str
    limit: int = _ROOT_FILE_LIMIT
    command: str | None = None

    @property
    def target(self) -> str:
        """The path of the copy."""
        return f"{STAGING}/{self.name}"

    @property
    def query(self) -> str:
        """The command that makes the copy, for `roots`; `fetch` reads its output."""
        path = shlex.quote(self.path)
        command = self.command or f"head -c {self.limit} < {path}"
        make = f"{command} > {self.target} && chmod 644 {self.target} && {_sha256_command(self.target)}"
        return f"if test -e {path}; then {make}; else echo {_NONE}; fi"


@dataclass(frozen=True)
class _File:
    """A file of this computer on its way: its name on the phone, and its content."""

    source: Path
    name: str
    content: KeptFile

    @property
    def target(self) -> str:
        """Its path on the phone."""
        return f"{STAGING}/{self.name}"


@dataclass
class StagingFolder(Shells):
    """A connected phone with a folder for files on their way.

    Attributes:
        pushed_bytes: How many were sent so far.
    """

    pushed_bytes: int = field(default=0, init=False, repr=False)
    # Files that earlier commands left, the latest used first; None if they are not known.
    _kept: list[KeptFile] | None = field(default=None, init=False, repr=False)
    _keeps: bool = field(default=False, init=False, repr=False)  # whether there is a folder with such files
    _to_keep: list[_File] = field(default_factory=list, init=False, repr=False)
    _used: bool = field(default=False, init=False, repr=False)
    _room: float | None = field(default=None, init=False, repr=False)  # bytes; None before it is made
    _left_over: list[str] = field(
        default_factory=list, init=False, repr=False
    )  # of commands that were killed

    def make_staging(self, size: int = 0) -> None:
        """Make the folder unless it exists, and reserve `size` bytes in it.

        Raises:
            DeviceError: If it cannot be made, or has too little room.
        """
        self._used = True
        if self._room is None:
            self._room = self._make_staging()
        if self._room < size and self._keeps:
            self.forget_kept()
            self._room = self._make_staging()
        if self._room < size:
            raise DeviceError(
                f"{size} bytes do not fit into {STAGING}: {self._room:.0f} are free",
                state="Nothing was sent.",
                fix="Free some space on /data.",
            )
        self._room -= size

    def stage(self, source: Path, name: str, *, mode: int = 0o644) -> str:
        """Copy a file into the staging folder as `name`, and return its path there.

        Raises:
            DeviceError: If it does not arrive whole.
            InputError: If `source` cannot be read.
        """
        (target,) = self.stage_all([(source, name)], mode=mode)
        return target

    def stage_all(
        self, files: Sequence[tuple[Path, str]], *, mode: int = 0o644, keep: Collection[str] = ()
    ) -> list[str]:
        """Copy files into the staging folder, each under its name; see `stage`.

        Args:
            files: Each with its name.
            mode: Permission bits.
            keep: Names of files that `clean` keeps on the phone, and that are not sent if they lie there.
        """
        batch = [_File(source, name, kept_files.describe(source)) for source, name in files]
        there = [file for file in batch if file.name in keep and file.content in (self._kept or ())]
        new = [file for file in batch if file not in there]
        self._push(new, mode)
        links = [file.content.link_command(file.target) for file in there]
        hashes = [_sha256_command(file.target) for file in new]
        timeout_s = _time_for(max(file.content.size for file in batch))
        outputs = self.roots(*links, *hashes, timeout_s=timeout_s)
        _check_all(new, outputs[len(links) :])
        gone = [file for file, output in zip(there, outputs, strict=False) if output.code]
        if gone:
            log.detail("not intact any more on the phone: " + ", ".join(file.name for file in gone))
            self._push(gone, mode)
            hashes = [_sha256_command(file.target) for file in gone]
            _check_all(gone, self.roots(*hashes, timeout_s=timeout_s))
        self._to_keep += [file for file in new + gone if file.name in keep]
        used = [file.content for file in there if file not in gone]
        self._kept = self._kept and used + [file for file in self._kept if file not in used]
        return [file.target for file in batch]

    def _push(self, files: Sequence[_File], mode: int) -> None:
        self._reserve(sum(file.content.size for file in files))
        for file in files:
            size = file.content.size
            with log.progress(f"Pushing {file.name}", size, quiet=size < _SMALL) as advance:
                self.transport.push(file.source, file.target, mode=mode, progress=advance)
            self.pushed_bytes += size

    def stage_program(self, source: Path, name: str, command: str) -> Output:
        """Copy a program into the staging folder and, if it arrived whole, run `command` as root.

        Raises:
            DeviceError: If it does not arrive whole.
        """
        program = _File(source, name, kept_files.describe(source))
        self._push([program], 0o755)
        proof = f'sum=$({_sha256_command(program.target)}) && echo "$sum"'
        digest = program.content.digest
        output, kept = self.roots(f"{proof} && case $sum in {digest}*) {command} ;; esac", kept_files.LIST)
        self._kept = kept_files.parse(kept)
        found, _, text = output.text.partition("\n")
        if _parse_sha256(program.target, found) != digest:
            raise _damaged(name)
        return Output(text, output.code)

    def forget_kept(self) -> None:
        """Remove the files that earlier commands left on the phone.

        Raises:
            DeviceError: If there is no root shell, or they cannot be removed.
        """
        self.read(kept_files.CLEAR)
        self._kept, self._keeps = [], False

    def pull_root_file(self, path: str, *, first: int = _ROOT_FILE_LIMIT) -> bytes | None:
        """Return the first bytes of a file or device that only root may read; None if it does not exist.

        Args:
            path: Absolute path on the phone.
            first: Bytes at most.
        """
        return self.pull_copy(Copy("root-file", path, first))

    def pull_copy(self, copy: Copy) -> bytes | None:
        """Make a copy and return its content; None if the original does not exist."""
        self.make_staging()
        return self.fetch(copy, self.root(copy.query))

    def fetch(self, copy: Copy, output: Output) -> bytes | None:
        """Return the content of a copy; None if the original does not exist.

        Args:
            copy: What was copied.
            output: Of its query.
        """
        text = read(copy.query, output)
        if text == _NONE:
            return None
        digest = _parse_sha256(copy.path, text)
        with temporary_folder() as folder:
            target = folder / "file"
            self.pull_proven(copy.target, target, digest, name=copy.path)
            return read_bytes(target, limit=copy.limit)

    def pull_proven(
        self,
        remote: str,
        target: Path,
        digest: str,
        *,
        name: str,
        progress: Progress = lambda _size: None,
    ) -> None:
        """Pull a file that the ADB user may read, and compare it with what the phone computed.

        Args:
            remote: Absolute path on the phone.
            target: Replaced if it exists.
            digest: The SHA-256 of the file in hex, as the phone computed it.
            name: What messages call it.
            progress: Called with the bytes that arrived.

        Raises:
            DamagedError: If other bytes arrived.
            DeviceError: If it cannot be pulled.
        """
        self.transport.pull(remote, target, progress=progress)
        if sha256_file(target) != digest:
            raise DamagedError(
                f"{name} arrived damaged",
                state="Nothing was written to the phone.",
                fix="Try again; check cable and port.",
            )

    def sha256(self, path: str, size: int, *, first: int | None = None) -> str:
        """Return the SHA-256 of a file or block device in hex, as the phone computes it.

        Args:
            path: Absolute path on the phone.
            size: Bytes to be read; sets the time-out.
            first: Of a block device, read only so many bytes.
        """
        return _parse_sha256(path, self.read(_sha256_command(path, first), timeout_s=_time_for(size)))

    def clean(self) -> None:
        """Remove the staging folder if it was used, and those of this computer's commands that were killed.

        Does nothing if the phone does not answer.
        """
        if not self._used:
            return
        removal = " ".join(["rm -rf", STAGING, *self._left_over])
        try:
            self.root("; ".join([*self._keep_commands(), removal]))
            self._room, self._used, self._left_over = None, False, []
        except DeviceError as error:
            log.detail(f"the staging folder {STAGING} stays: {error}")

    def _keep_commands(self) -> list[str]:
        """Return the command that keeps what was pushed to be kept, as far as the limits allow."""
        to_keep, self._to_keep = self._to_keep, []
        if self._kept is None or not to_keep:
            return []
        files = [*(file.content for file in to_keep), *self._kept]
        room = math.inf if self._room is None else self._room + sum(file.size for file in files)
        unwanted = kept_files.choose_unwanted(files, room)
        new = [(file.content, file.target) for file in to_keep if file.content not in unwanted]
        return [kept_files.keep_command(new, [file for file in self._kept if file in unwanted])]

    def _reserve(self, size: int) -> None:
        """Call `make_staging` where it is needed: adbd makes the folders of what it receives."""
        self._used = True
        if size >= _SMALL or self._room is not None:
            self.make_staging(size)

    def _make_staging(self) -> float:
        """Make the folder; return the bytes that fit, infinity if the phone does not tell."""
        output = self.shell(
            f"mkdir -p {STAGING} && {{ df -k {STAGING}; ls {_PARENT}; ls -d {kept_files.FOLDER}; }} "
            f"2>/dev/null || test -d {STAGING}"
        )
        if output.code:
            raise DeviceError(
                f"the staging folder {STAGING} cannot be made: {output.text.strip()[-200:]}",
                state="Nothing was sent.",
                fix="Check that /data is mounted and writable, and that /data/local/tmp belongs to shell.",
            )
        self._left_over = [f"{_PARENT}/{name}" for name in output.text.split() if _is_left_over(name)]
        self._keeps = kept_files.FOLDER in output.text.split()
        free = free_bytes(output.text)
        return math.inf if free is None else free


def free_bytes(text: str) -> int | None:
    """Return the bytes that are free according to `df -k`; None if it does not tell."""
    free = re.search(r"\s(\d{1,15})\s+\d+%\s", text)
    return int(free[1]) * 1024 if free else None


def _is_left_over(name: str) -> bool:
    """Return whether a folder's name is that of a command of this computer that no longer runs."""
    number = name.removeprefix(_NAMES)
    return number != name and number.isascii() and number.isdecimal() and has_ended(int(number))


def _sha256_command(path: str, first: int | None = None) -> str:
    """Return the command that computes the SHA-256 of a file, or of the first bytes of a block device."""
    return f"sha256sum < {shlex.quote(path)}" if first is None else f"{read_command(path, first)} | sha256sum"


def read_command(path: str, first: int) -> str:
    """Return the command that prints the first bytes of a block device."""
    # head alone reads a few KiB at a time, which is slow on a phone.
    blocks, rest = divmod(first, _BLOCK)
    most = f"dd bs={_BLOCK} count={blocks} 2>/dev/null; " if blocks else ""
    return f"{{ {most}head -c {rest}; }} < {shlex.quote(path)}"


def _parse_sha256(path: str, text: str) -> str:
    digest = re.match(r"[0-9a-f]{64}\b", text)
    if not digest:
        raise DeviceError(
            f"the phone did not compute a SHA-256 of {path}: {text[:200]!r}",
            state="Nothing after it was done.",
            fix="The phone needs sha256sum (toybox or busybox): adb shell sha256sum --help",
        )
    return digest[0]


def _check_all(files: Sequence[_File], outputs: Sequence[Output]) -> None:
    """Compare files with the hashes that the phone computed; raises DeviceError."""
    for file, output in zip(files, outputs, strict=True):
        if _parse_sha256(file.target, read(_sha256_command(file.target), output)) != file.content.digest:
            raise _damaged(file.name)


def _damaged(name: str) -> DeviceError:
    return DeviceError(
        f"{name} arrived damaged on the phone",
        state="Nothing was loaded or written; the copy lies in the staging folder only.",
        fix="Try again; check cable, port and free space (adb shell df /data).",
    )


def _time_for(size: int) -> float:
    return QUICK_S + size / _BYTES_PER_S
