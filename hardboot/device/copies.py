"""Files of the phone that only root may read: copied into the staging folder, pulled, compared by SHA-256."""

import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import RequestError
from hardboot.base.files import read_bytes, sha256_file
from hardboot.base.temporary import temporary_folder
from hardboot.device.hashes import no_sha256, parse_all_sha256, parse_sha256, sha256_command, time_for
from hardboot.device.shells import read
from hardboot.device.staging import STAGING, StagingFolder
from hardboot.transport.base import Output, Progress

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
        return copies_query([self])


def copies_query(copies: Sequence[Copy]) -> str:
    """Return the command that makes copies, for `roots`; `fetch` reads its output, one after the other."""
    lines = ["umask 022; made="]
    for one in copies:
        path = shlex.quote(one.path)
        command = one.command or f"head -c {one.limit} < {path}"
        make = f'{command} > {one.target} && made="$made {one.target}" || exit 1'
        lines.append(f"if test -e {path}; then {make}; else echo {_NONE} {one.target}; fi")
    lines.append('[ -z "$made" ] || sha256sum $made')  # one program for all: to start it takes the longest
    return "\n".join(lines)


@dataclass
class Copies(StagingFolder):
    """A connected phone whose files can be read as root."""

    def pull_root_file(self, path: str, *, first: int = _ROOT_FILE_LIMIT) -> bytes | None:
        """Return the first bytes of a file or device that only root may read; None if it does not exist.

        Args:
            path: Absolute path on the phone.
            first: Bytes at most.
        """
        return self.pull_copy(Copy("root-file", path, first))

    def pull_copy(self, copy: Copy) -> bytes | None:
        """Make a copy and return its content; None if the original does not exist."""
        made, output = self.roots(self.staging_query(), copy.query)
        self.take_staging(made)
        return self.fetch(copy, output)

    def fetch(self, copy: Copy, output: Output) -> bytes | None:
        """Return the content of a copy; None if the original does not exist.

        Args:
            copy: What was copied.
            output: Of its query, or of that of several copies.
        """
        text = read(copy.query, output)
        if f"{_NONE} {copy.target}" in text.splitlines():
            return None
        digest = parse_all_sha256(text).get(copy.target)
        if digest is None:
            raise no_sha256(copy.path, text)
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
        return parse_sha256(path, self.read(sha256_command(path, first), timeout_s=time_for(size)))
