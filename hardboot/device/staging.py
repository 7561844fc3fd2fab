"""Files to one phone, through a folder of the ADB user; a hash by the phone comes before any use of them."""

import hashlib
import math
import os
import platform
import re
import secrets
import shlex
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.base.process import has_ended
from hardboot.device import kept_files
from hardboot.device.hashes import no_sha256, parse_all_sha256, time_for
from hardboot.device.kept_files import KeptFile
from hardboot.device.shells import QUICK_S, Shells
from hardboot.transport.base import SHELL, Output

_PARENT = "/data/local/tmp"  # the ADB user may write there on every Android
COMPUTER = hashlib.sha256(f"{platform.node()} {uuid.getnode():x}".encode()).hexdigest()[:8]
_NAMES = f"hardboot-{COMPUTER}-"  # of the folders of this computer's commands, before their process ID
# Of this command alone: others work beside it, and one before it may have had its process ID. What a power
# cut left of that one can belong to root.
STAGING = f"{_PARENT}/{_NAMES}{os.getpid()}-{secrets.token_hex(4)}"
# What matters of what lies beside it: a pattern that fits nothing is printed as it is.
_NAMES_BESIDE = f"{_PARENT}/{_NAMES}* {kept_files.FOLDER}*"
_FOLDER = re.compile(rf"{_PARENT}/{_NAMES}([0-9]{{1,10}})(?:-[0-9a-f]+)?")
_ADB_USER = 2000  # AID_SHELL of AOSP's android_filesystem_config.h
_SMALL = 256 << 10  # bytes; a push without a progress bar, and without asking for free space first


@dataclass(frozen=True)
class _File:
    """A file of this computer on its way.

    Attributes:
        name: What it is called.
        content: Its hash and size.
        keep: Whether it is to stay on the phone.
        was_kept: Whether it lies there, with the name of a kept file.
    """

    source: Path
    name: str
    content: KeptFile
    keep: bool
    was_kept: bool

    @property
    def target(self) -> str:
        """Its path on the phone."""
        return f"{STAGING}/{self._file_name}"

    @property
    def shell_path(self) -> str:
        """The same for a shell in which $s is the folder."""
        return f"$s/{shlex.quote(self._file_name)}"

    @property
    def _file_name(self) -> str:
        return self.content.name if self.was_kept else self.name


@dataclass(frozen=True)
class Batch:
    """Files that were sent together, for `run_with`.

    Attributes:
        files: All of them.
        mode: Their permission bits.
        there: Those that were not sent, as they lie on the phone.
    """

    files: tuple[_File, ...]
    mode: int
    there: frozenset[_File]

    @property
    def size(self) -> int:
        """Bytes of all files."""
        return sum(file.content.size for file in self.files)

    @property
    def paths(self) -> list[str]:
        """Their paths on the phone."""
        return [file.target for file in self.files]

    @property
    def to_keep(self) -> list[_File]:
        """The files that were sent and are to stay."""
        return [file for file in self.files if file.keep and file not in self.there]

    def check_script(self) -> str:
        """Return the script that takes the kept files, prints all hashes, and ends if one is not right."""
        there = [file for file in self.files if file in self.there]
        kept = " ".join(f"$k/{file.content.name}" for file in there)
        links = f"ln -f {kept} $s/ 2>/dev/null\n" if there else ""
        taken = " ".join(file.shell_path for file in there)
        removal = f"rm -f {taken}; " if taken else ""
        return (
            f"s={STAGING} k={kept_files.FOLDER}\n{links}"
            f'sums=$(sha256sum {" ".join(file.shell_path for file in self.files)})\necho "$sums"\n'
            f"case $sums in {'*'.join(file.content.digest for file in self.files)}*) ;; "
            f"*) {removal}exit 1 ;; esac\n"
        )

    def find_wrong(self, text: str) -> dict[_File, str | None]:
        """Return the files whose hash in the output of `check_script` is not right, and that hash."""
        hashes = parse_all_sha256(text)
        found = {file: hashes.get(file.target) for file in self.files}
        return {file: digest for file, digest in found.items() if digest != file.content.digest}


@dataclass
class StagingFolder(Shells):
    """A connected phone with a folder for files on their way.

    Attributes:
        pushed_bytes: How many were sent so far.
    """

    pushed_bytes: int = field(default=0, init=False, repr=False)
    # Files that earlier commands left, the latest used first; None if they are not known.
    _kept: list[KeptFile] | None = field(default=None, init=False, repr=False)
    _has_kept: bool = field(
        default=False, init=False, repr=False
    )  # whether there is a folder with such files
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
            self._room = self._parse_room(self.shell(_make_command()))
        if self._room < size and self._has_kept:
            self.forget_kept()
            self._room = self._parse_room(self.shell(_make_command()))
        if self._room < size:
            raise DeviceError(
                f"{size} bytes do not fit into {STAGING}: {self._room:.0f} are free",
                state="Nothing was sent.",
                fix="Free some space on /data.",
            )
        self._room -= size

    def staging_query(self) -> str:
        """Return the command for `roots` that makes the folder if needed; `take_staging` reads its output."""
        self._used = True
        if self._room is not None:
            return "true"
        if self.root_shell() == SHELL:  # the ADB user is root
            return _make_command()
        return f"{_make_command()} && chown {_ADB_USER} {STAGING}"

    def take_staging(self, output: Output) -> None:
        """Read the output of `staging_query`; raises DeviceError if the folder cannot be made."""
        if self._room is None:
            self._room = self._parse_room(output)

    def stage(self, source: Path, name: str, *, mode: int = 0o644) -> str:
        """Copy a file into the staging folder as `name`, and return its path there.

        Raises:
            DeviceError: If it does not arrive whole.
            InputError: If `source` cannot be read.
        """
        (target,) = self.stage_all([(source, name)], mode=mode)
        return target

    def stage_all(self, files: Sequence[tuple[Path, str]], *, mode: int = 0o644) -> list[str]:
        """Copy files into the staging folder, each under its name; see `stage`."""
        batch = self.send(files, mode=mode)
        self.run_with(batch, "true")
        return batch.paths

    def stage_program(self, source: Path, name: str, command: str) -> Output:
        """Copy a program into the staging folder and, if it arrived whole, run `command` as root.

        Raises:
            DeviceError: If it does not arrive whole.
        """
        output, kept = self.run_with(self.send([(source, name)], mode=0o755), command, kept_files.LIST)
        self._kept = kept_files.parse(kept)
        return output

    def send(
        self,
        files: Sequence[tuple[Path, str]],
        *,
        mode: int = 0o644,
        keep: Collection[str] = (),
        advance: log.Advance | None = None,
    ) -> Batch:
        """Send files to the staging folder; `run_with` checks that they arrived.

        Args:
            files: Each with its name.
            mode: Permission bits.
            keep: Names of files that are to stay on the phone, and that are not sent if they lie there. Which
                ones do is known after `stage_program`.
            advance: Called with the bytes sent; None shows the progress of each file.

        Raises:
            DeviceError: If one does not arrive.
            InputError: If one cannot be read.
        """
        batch = [self._describe(source, name, keep=name in keep) for source, name in files]
        there = frozenset(file for file in batch if file.was_kept)
        self._push([file for file in batch if file not in there], mode, advance)
        return Batch(tuple(batch), mode, there)

    def _describe(self, source: Path, name: str, *, keep: bool) -> _File:
        content = kept_files.describe(source)
        return _File(source, name, content, keep, was_kept=keep and content in (self._kept or ()))

    def _push(self, files: Sequence[_File], mode: int, advance: log.Advance | None = None) -> None:
        self._reserve(sum(file.content.size for file in files))
        for file in files:
            size = file.content.size
            quiet = size < _SMALL or advance is not None
            with log.progress(f"Pushing {file.name}", size, quiet=quiet) as own:
                self.transport.push(file.source, file.target, mode=mode, progress=advance or own)
            self.pushed_bytes += size

    def run_with(
        self, batch: Batch, command: str, *queries: str, timeout_s: float = QUICK_S, last: bool = False
    ) -> list[Output]:
        """Run `command` as root if the files arrived whole; return its output, and those of the queries.

        Args:
            batch: The files.
            command: What needs them.
            queries: Commands that are run after it in any case.
            timeout_s: Seconds for each, besides those for the check.
            last: Whether the folder is no longer needed then: if the command succeeds, the folder is removed,
                and what is to stay is kept.

        Raises:
            DeviceError: If a file did not arrive whole.
        """
        timeout_s += time_for(batch.size) - QUICK_S
        while True:
            ends = (
                f"{command} && {{ {{ {self._finish(batch)}; }} >/dev/null 2>&1 || true; }}"
                if last
                else command
            )
            output, *others = self.roots(f"{batch.check_script()}{ends}", *queries, timeout_s=timeout_s)
            text, wrong = output.text, batch.find_wrong(output.text)
            if not wrong:
                if last and output.code == 0:
                    self._cleaned()
                return [Output(text.split("\n", len(batch.files))[-1], output.code), *others]
            for file, digest in wrong.items():
                if file not in batch.there:
                    raise _damaged(file.name) if digest else no_sha256(file.target, text.strip())
            log.detail("not intact any more on the phone: " + ", ".join(file.name for file in wrong))
            self._push(list(wrong), batch.mode)
            batch = replace(batch, there=batch.there.difference(wrong))

    def forget_kept(self) -> None:
        """Remove the files that earlier commands left on the phone.

        Raises:
            DeviceError: If there is no root shell, or they cannot be removed.
        """
        self.read(kept_files.CLEAR)
        self._kept, self._has_kept = [], False

    def clean(self) -> None:
        """Remove the staging folder if it was used, and those of this computer's commands that were killed.

        Does nothing if the phone does not answer.
        """
        if not self._used:
            return
        try:
            self.root(self._removal)
            self._cleaned()
        except DeviceError as error:
            log.detail(f"the staging folder {STAGING} stays: {error}")

    @property
    def _removal(self) -> str:
        return " ".join(["rm -rf", STAGING, *self._left_over])

    def _cleaned(self) -> None:
        self._room, self._used, self._left_over = None, False, []

    def _finish(self, batch: Batch) -> str:
        """Return the command that keeps what is to stay, as far as the limits allow, and removes the rest."""
        if self._kept is None or not any(file.keep for file in batch.files):
            return self._removal
        files = [file.content for file in batch.to_keep]
        files += [file.content for file in batch.there]
        files += [file for file in self._kept if file not in files]
        room = math.inf if self._room is None else self._room + sum(file.size for file in files)
        unwanted = kept_files.choose_unwanted(files, room)
        new = [(file.shell_path, file.content) for file in batch.to_keep if file.content not in unwanted]
        gone = [file for file in unwanted if file in self._kept]
        return f"{kept_files.keep_command(new, gone)}; {self._removal}"

    def _reserve(self, size: int) -> None:
        """Call `make_staging` where it is needed: adbd makes the folders of what it receives."""
        self._used = True
        if size >= _SMALL or self._room is not None:
            self.make_staging(size)

    def _parse_room(self, output: Output) -> float:
        """Return the bytes that fit into the folder, infinity if the phone does not tell."""
        if output.code:
            raise DeviceError(
                f"the staging folder {STAGING} cannot be made: {output.text.strip()[-200:]}",
                state="Nothing was sent.",
                # Linux's words for EROFS: the file systems are made so right before a start.
                fix="A start that was cut off left it so, until a restart: hardboot reboot"
                if "Read-only file system" in output.text
                else "Check that /data is mounted and writable, and that /data/local/tmp belongs to shell.",
            )
        names = output.text.split()
        self._left_over = [name for name in names if _is_left_over(name)]
        self._has_kept = kept_files.FOLDER in names
        free = free_bytes(output.text)
        return math.inf if free is None else free


def _make_command() -> str:
    """Return the command that makes the folder, and prints its free space and what lies beside it."""
    return f"mkdir -p {STAGING} && {{ df -k {STAGING} 2>/dev/null; echo {_NAMES_BESIDE}; }}"


def free_bytes(text: str) -> int | None:
    """Return the bytes that are free according to `df -k`; None if it does not tell."""
    free = re.search(r"\s(\d{1,15})\s+\d+%\s", text)
    return int(free[1]) * 1024 if free else None


def _is_left_over(name: str) -> bool:
    """Return whether a folder is that of a command of this computer that no longer runs."""
    found = _FOLDER.fullmatch(name)
    if found is None or name == STAGING:
        return False
    process = int(found[1])
    return process == os.getpid() or has_ended(process)


def _damaged(name: str) -> DeviceError:
    return DeviceError(
        f"{name} arrived damaged on the phone",
        state="Nothing was loaded or written; the copy lies in the staging folder only.",
        fix="Try again; check cable, port and free space (adb shell df /data).",
    )
