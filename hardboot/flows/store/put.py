"""Write small files of the store: as root, and compared afterwards."""

import shlex
from collections.abc import Mapping

from hardboot.base.errors import DeviceError
from hardboot.base.files import write_atomic
from hardboot.base.temporary import temporary_folder
from hardboot.device.hashes import parse_sha256, time_for
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.formats.reading import Data, sha256

_AT_ONCE = 6  # files, whose paths and hashes fit into one command: SERVICE_MAX of server_requests.py


def put(phone: Phone, data: Data, path: str) -> str:
    """Write the file `path` on the phone, and return its SHA-256, in hex.

    Raises:
        DeviceError: If it does not arrive whole.
    """
    return put_all(phone, {path: data})[path]


def put_all(phone: Phone, files: Mapping[str, Data]) -> dict[str, str]:
    """Write files on the phone, in commands that an ADB server takes; return the SHA-256 of each, in hex.

    Args:
        phone: The phone.
        files: By their paths; no two have the same name.

    Raises:
        DeviceError: If one does not arrive whole.
    """
    paths = list(files)
    digests: dict[str, str] = {}
    for first in range(0, len(paths), _AT_ONCE):
        digests |= _put(phone, {path: files[path] for path in paths[first : first + _AT_ONCE]})
    return digests


def _put(phone: Phone, files: Mapping[str, Data]) -> dict[str, str]:
    names = {path: path.rpartition("/")[2] for path in files}
    assert len(set(names.values())) == len(files)
    with temporary_folder() as folder:
        for path, data in files.items():
            write_atomic(folder / names[path], [data])
        batch = phone.send([(folder / name, name) for name in names.values()])
        # Copies: files of the staging folder belong to the ADB user.
        steps = [
            f"cat {shlex.quote(staged)} > {path} && rm {shlex.quote(staged)}"
            for staged, path in zip(batch.paths, files, strict=True)
        ]
        command = f"{' && '.join(steps)} && sync && sha256sum {' '.join(files)}"
        (output,) = phone.run_with(batch, command, timeout_s=time_for(batch.size))
    lines = read(command, output).splitlines()
    digests = {path: sha256(data) for path, data in files.items()}
    for number, (path, digest) in enumerate(digests.items()):
        if parse_sha256(path, lines[number] if number < len(lines) else "") != digest:
            raise damaged(names[path])
    return digests


def damaged(name: str) -> DeviceError:
    """Return the error that a file does not hold what was written."""
    return DeviceError(
        f"{name} does not hold on the phone what was written",
        state="Nothing was kept on the phone.",
        fix="Try again; check cable, port and the phone's kernel log (adb shell su -c dmesg).",
    )
