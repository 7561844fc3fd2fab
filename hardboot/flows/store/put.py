"""Write a small file of the store: as root, and compared afterwards."""

from hardboot.base.errors import DeviceError
from hardboot.base.files import write_atomic
from hardboot.base.temporary import temporary_folder
from hardboot.device.phone import Phone
from hardboot.device.shells import read
from hardboot.flows.partition_read import time_for
from hardboot.formats.reading import Data, sha256


def put(phone: Phone, data: Data, path: str) -> str:
    """Write the file `path` on the phone, and return its SHA-256, in hex.

    Raises:
        DeviceError: If it does not arrive whole.
    """
    name = path.rpartition("/")[2]
    with temporary_folder() as folder:
        source = folder / name
        write_atomic(source, [data])
        staged = phone.stage(source, name)
    # A copy: files of the staging folder belong to the ADB user.
    command = f"cat {staged} > {path} && rm {staged} && sync"
    read(command, phone.root(command, timeout_s=time_for(len(data))))
    digest = sha256(data)
    if phone.sha256(path, len(data)) != digest:
        raise damaged(name)
    return digest


def damaged(name: str) -> DeviceError:
    """Return the error that a file does not hold what was written."""
    return DeviceError(
        f"{name} does not hold on the phone what was written",
        state="Nothing was kept on the phone.",
        fix="Try again; check cable, port and the phone's kernel log (adb shell su -c dmesg).",
    )
