"""Read the logs of earlier kernels: pstore, and last_kmsg of older phones."""

import hashlib
import re
import shlex
from dataclasses import dataclass

from hardboot.base import log
from hardboot.base.errors import DeviceError
from hardboot.device.phone import Phone

_FOLDER = "/sys/fs/pstore"
_LIMIT = 4 << 20  # bytes of one file; phones keep a few MiB
_MAX_FILES = 64
# fs/pstore/inode.c and fs/pstore/ram.c for the names; drivers/staging/android/ram_console.c of 3.0 and 3.4;
# MediaTek's aee (last_kmsg, and pstore).
_OLD = ("/proc/last_kmsg",)
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_ORDER = ("console", "dmesg", "pmsg", "ftrace")


@dataclass(frozen=True)
class KeptLog:
    """A log of an earlier kernel.

    Attributes:
        path: Its file on the phone.
        text: Its text; other bytes are replaced.
        truncated: Whether the file is longer than the text.
        sha256: Of the bytes that were read, in hex.
    """

    path: str
    text: str
    truncated: bool = False
    sha256: str = ""

    @property
    def name(self) -> str:
        """The name of its file."""
        return self.path.rpartition("/")[2]


def read(phone: Phone) -> tuple[KeptLog, ...]:
    """Read every log that the phone kept over the restart: console logs first, then crash logs, then others.

    Raises:
        DeviceError: If there is no root, or a file cannot be read.
    """
    with log.step("Reading the kept logs"):
        # Android mounts it, a recovery may not.
        phone.root(f"mountpoint -q {_FOLDER} || mount -t pstore pstore {_FOLDER}")
        names = [name for name in phone.root(f"ls -1 {_FOLDER}").text.split() if _NAME.fullmatch(name)]
        paths = [f"{_FOLDER}/{name}" for name in sorted(names, key=_rank)[:_MAX_FILES]]
        found = [one for path in (*paths, *_OLD) if (one := _read(phone, path))]
        phone.clean()
    return tuple(found)


def _read(phone: Phone, path: str) -> KeptLog | None:
    if phone.root(f"test -f {shlex.quote(path)}").code:
        return None
    try:
        data = phone.pull_root_file(path, first=_LIMIT)
    except DeviceError as error:
        raise DeviceError(
            f"{path} cannot be read: {error.what}", state="Nothing on the phone was changed.", fix=error.fix
        ) from error
    if not data:
        return None
    return KeptLog(path, readable(data), len(data) == _LIMIT, hashlib.sha256(data).hexdigest())


def _rank(name: str) -> tuple[int, str]:
    return next((at for at, kind in enumerate(_ORDER) if name.startswith(kind)), len(_ORDER)), name


def readable(data: bytes) -> str:
    """Return a log as text without control characters; memory that lost bits is not text everywhere."""
    text = data.decode("utf-8", "replace")
    return "".join(
        char if char.isprintable() or char in "\n\t" else "" if char == "\r" else "\N{REPLACEMENT CHARACTER}"
        for char in text
    )
