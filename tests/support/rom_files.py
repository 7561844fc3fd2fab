"""The files of a stored ROM, reached while the phone runs its own system."""

import hashlib
import time
from pathlib import Path

from phones import VirtualPhone

LINKED = "ln -sf /etc/inside /link; ln -sfn / /root-link; mkdir -p /tree/sub; echo deep > /tree/sub/file"
_STORE = "/data/hardboot/roms"
_DISKS = "cat /sys/block/dm-*/dm/name 2>/dev/null"
_LOOPS = "cat /sys/block/loop*/loop/backing_file 2>/dev/null"
_MOUNTS = "su -c 'cat /proc/mounts'"


def leaves_nothing(phone: VirtualPhone) -> bool:
    """Whether no disk, no loop device and no mount is left of an image."""
    return phone.run(f"{_DISKS}; {_LOOPS}") == "" and "hardboot" not in phone.run(_MOUNTS)


def file_and_disk(phone: VirtualPhone, name: str) -> tuple[str, str]:
    """Return the SHA-256 of an image as its file shows it, and as the flash memory holds it."""
    (image,) = phone("--json", "rom", "show", name).json["images"]
    file = phone.run(f"su -c 'sha256sum < {_STORE}/{name}/root.img; sync'").split()[0]
    userdata = phone.read_partition("userdata")
    disk = hashlib.sha256()
    for _, start, length in image["runs"]:
        disk.update(userdata[start : start + length])
    return file, disk.hexdigest()


def check_push_and_pull(phone: VirtualPhone, name: str, folder: Path) -> None:
    """Copy files in and out of a ROM that ran LINKED; it does not run now."""
    folder.mkdir()
    (folder / "new").mkdir()
    (folder / "new/large").write_bytes(bytes(range(256)) * 20_000)
    (folder / "new/empty").touch()
    (folder / "inside").write_text("pushed through a link\n")
    # All of the file is cached before; what is pushed goes to its blocks, and must be seen in it.
    before, same = file_and_disk(phone, name)
    assert before == same
    pushed = phone("--json", "rom", "push", name, folder / "new", "/tree").json
    assert pushed == {"name": name, "image": "root", "files": 2, "folders": 1, "bytes": 5_120_000}
    phone("rom", "push", name, folder / "inside", "/link")
    assert phone.run("cat /etc/inside 2>/dev/null") == ""  # not in the phone's own /etc
    assert leaves_nothing(phone)
    after, same = file_and_disk(phone, name)
    assert before != after == same
    pulled = phone("--json", "rom", "pull", name, "/tree", "/root-link/etc/inside", folder / "new").json
    assert (pulled["files"], pulled["folders"], pulled["left_out"]) == (4, 3, [])
    assert (folder / "new/tree/new/large").read_bytes() == (folder / "new/large").read_bytes()
    assert (folder / "new/tree/sub/file").read_text() == "deep\n"
    assert (folder / "new/inside").read_text() == "pushed through a link\n"
    assert leaves_nothing(phone)


def check_shell(phone: VirtualPhone, name: str) -> None:
    """Look into a ROM; what still runs in it keeps others away, and what was killed does not."""
    assert phone("rom", "shell", name, "cat tree/sub/file; pwd").out == "deep\n/data/hardboot/mount/rom\n"
    assert "Read-only file system" in phone("rom", "shell", name, "touch x", code=1).out
    assert phone("rom", "shell", name, "--write", "echo more >> tree/sub/file").out == ""
    assert phone("rom", "shell", name, "cat link", code=1).out  # the phone's programs follow no link of it
    running = phone.hardboot.start("rom", "shell", name, "sleep 99")
    deadline = time.monotonic() + 30
    while phone.run(_DISKS) == "":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    phone.run("su -c 'kill -9 $(pidof image-files)'")
    running.communicate(timeout=60)
    assert (
        f"an image of {name} is mounted on the phone" in phone("rom", "pull", name, "/link", "/", code=4).err
    )
    phone.run("su -c 'kill -9 $(pidof sleep)'")
    assert phone("rom", "shell", name, "cat tree/sub/file").out == "deep\nmore\n"
    assert leaves_nothing(phone)
