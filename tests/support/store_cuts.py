"""Power cuts while stored ROMs are added, changed, copied and removed: QEMU is killed at random moments.

After each, the phone's own files are as before, its file system is clean, and each ROM is absent or whole.
"""

import collections
import os
import random
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from cpio_archives import END, newc
from phones import Ran, VirtualPhone

from hardboot.base.files import sha256_file
from hardboot.base.process import find_tool
from hardboot.flows.store.place import STORE
from hardboot.formats.boot import bootimg
from hardboot.images import filesystem
from hardboot.virtual import machine, model

MIB = 1 << 20
ROOT, LARGER, DATA = 16 * MIB, 24 * MIB, 8 * MIB
START_S = 240  # of a virtual phone on a busy computer
OWN = "/data/local/tmp/own"
NOTE = "this is whole"
# How long each takes, of the time that adding a ROM takes; roughly.
_OPERATIONS = {
    "add": 1.0,
    "remove": 0.2,
    "resize": 1.3,
    "backup": 0.3,
    "restore": 1.0,
    "wipe": 0.9,
    "clone": 0.9,
}


def with_fstab(boot: Path, target: Path) -> Path:
    """Write a boot image whose ramdisk has an fstab for an Android ROM's disks; return it."""
    image = bootimg.parse(boot.read_bytes())
    more = newc(b"fstab.virt", b"/dev/x /system ext4 ro wait\n/dev/y /data ext4 noatime wait\n") + END
    padded = more.ljust(-(-len(more) // 512) * 512, b"\0")
    target.write_bytes(
        b"".join(bootimg.build(bootimg.renew(replace(image, ramdisk=padded + bytes(image.ramdisk)))))
    )
    return target


@dataclass
class Cuts:
    """The phone, its ROMs, and what the cuts led to.

    `keep` is a Linux ROM and `droid` an Android ROM that are always there; `other` is there now and then.
    """

    phone: VirtualPhone
    boot: Path  # the boot image of all
    folder: Path
    seed: int
    results: "collections.Counter[tuple[str, str]]" = field(default_factory=collections.Counter)

    def __post_init__(self) -> None:
        self.random = random.Random(self.seed)
        self.content = self.folder / "content"
        self.content.mkdir()
        (self.content / "note").write_text(NOTE)
        (self.content / "noise").write_bytes(self.random.randbytes(6 * MIB))
        self.image, self.system = self.folder / "root.img", self.folder / "system.img"
        filesystem.make(self.image, ROOT, self.content)
        filesystem.make(self.system, ROOT, self.content)
        self.saved = self.folder / "saved.tar.zst"
        self.seconds = 0.0

    # The operations

    def words(self, operation: str) -> tuple[str | Path, ...]:
        """Return the command; `resize` goes up and down in turn."""
        if operation == "resize":
            return ("rom", "resize", "keep", "--data", str(LARGER if self._root_size() == ROOT else ROOT))
        return {
            "add": ("rom", "add", "other", self.boot, "--rootfs", self.image),
            "remove": ("--yes", "rom", "remove", "other"),
            "backup": ("rom", "backup", "keep", self.folder / "backup.tar.zst"),
            "restore": ("rom", "restore", self.saved, "--name", "other"),
            "wipe": ("--yes", "rom", "wipe", "droid"),
            "clone": ("rom", "clone", "keep", "other"),
        }[operation]

    def prepare(self) -> None:
        """Store the ROMs, write files of the phone's own, and measure how long adding a ROM takes."""
        hardboot = self.phone.hardboot
        boot = with_fstab(self.boot, self.folder / "droid.img")
        android = ("rom", "add", "droid", boot, "--system", self.system, "--data", str(DATA))
        hardboot.process(*android)
        began = time.monotonic()
        hardboot.process("rom", "add", "keep", self.boot, "--rootfs", self.image)
        self.seconds = time.monotonic() - began
        hardboot.process("rom", "backup", "keep", self.saved)
        self.saved_content = sha256_file(self.image)
        fill = "for n in 1 2 3 4 5 6 7 8; do head -c $((n * 300000)) /dev/urandom > $n; done"
        self.phone.run(f"su -c 'mkdir {OWN} && cd {OWN} && {fill}; sync'")
        self.own = self._own_files()
        assert len(self.own.splitlines()) == 8

    def cut(self, number: int) -> None:
        """Cut the power once during an operation, start the phone again, and check everything."""
        operation = list(_OPERATIONS)[number % len(_OPERATIONS)]
        self._make_ready(operation)
        old = self._root_size()
        if operation in ("add", "restore", "clone"):
            self.wanted = self._wanted(operation)
        began = self.phone.hardboot.start(*self.words(operation))
        delay = self.random.uniform(0.2, 1.0) * self.seconds * _OPERATIONS[operation]
        try:
            time.sleep(delay)
            ended = began.poll() is not None
            self._power_off()
            began.communicate(timeout=START_S)
        finally:
            began.kill()
        self._check_filesystem()
        self.phone.hardboot.process(*_start(self.phone), timeout_s=START_S)
        found = self._check_roms(operation, old)
        self.results[operation, "ended before" if ended else found] += 1
        print(f"cut {number + 1:2}: {operation:8} after {delay:4.1f} s: {found}", flush=True)

    def end(self) -> None:
        """Remove everything, and check the file system once more."""
        for name in self._roms():
            self.phone("--yes", "rom", "remove", name)
        self.phone.run(f"su -c 'rm -r {OWN}; sync'")
        self.phone.hardboot.process("virtual", "stop", "--name", self.phone.name)
        self._check_filesystem()
        for (operation, found), times in sorted(self.results.items()):
            print(f"{operation:8} {found:12} {times}")

    def _make_ready(self, operation: str) -> None:
        there = "other" in self._roms()
        if operation == "remove" and not there:
            self.phone.hardboot.process("rom", "clone", "keep", "other")
        elif operation in ("add", "restore", "clone") and there:
            self.phone("--yes", "rom", "remove", "other")
        (self.folder / "backup.tar.zst").unlink(missing_ok=True)

    def _wanted(self, operation: str) -> str:
        """Return the SHA-256 of the root image that `other` must have."""
        if operation == "add":
            return sha256_file(self.image)
        return self._content("keep", "root*.img") if operation == "clone" else self.saved_content

    def _power_off(self) -> None:
        name = self.phone.name
        supervisor = int((self._home / machine.LOCK).read_text())
        children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
        assert children
        for child in children:
            os.kill(int(child), signal.SIGKILL)
        self.phone.hardboot.process("virtual", "stop", "--name", name)  # the supervisor, if it is there yet

    @property
    def _home(self) -> Path:
        return self.phone.disk.parent

    # What must be true afterwards

    def _roms(self) -> dict[str, dict[str, Any]]:
        return {one["name"]: one for one in self.phone("--json", "rom", "list").json["roms"]}

    def _root_size(self) -> int:
        (image,) = self._roms()["keep"]["images"]
        size: int = image["size"]
        return size

    def _own_files(self) -> str:
        return self.phone.run(f"su -c 'cd {OWN} && sha256sum *'")

    def _check_filesystem(self) -> None:
        """Check a copy of userdata as a phone does at its next start: nothing but the journal is behind."""
        copy = self.folder / "userdata"
        place = model.find(self.phone.name).table.place("userdata")
        words = ["dd", f"if={self.phone.disk}", f"of={copy}", "bs=1M", "conv=sparse", "status=none"]
        words += [f"skip={place.offset // MIB}", f"count={place.size // MIB}"]
        copy.unlink(missing_ok=True)
        subprocess.run(words, check=True, timeout=120)
        os.truncate(copy, place.size)
        with copy.open("rb") as stream:
            kind = filesystem.kind_of(stream.read(4096))
        if kind == "ext4":
            # Preen: it replays the journal, frees what was deleted while open, and refuses all else.
            found = _run("e2fsck", "e2fsprogs", "-p", copy)
            assert found.code in (0, 1), found
            found = _run("e2fsck", "e2fsprogs", "-fn", copy)
        else:
            found = _run("fsck.f2fs", "f2fs-tools", "-f", "--dry-run", copy)
        assert found.code == 0, found

    def _check_roms(self, operation: str, old: int) -> str:
        """Check all ROMs; return what became of the one that was being changed."""
        # A process of its own, as for users: its staging folder is not one that a command before the cut had.
        checked = self.phone.hardboot.process("--json", "rom", "check").json
        assert [one for one in checked["roms"] if one["problem"]] == []
        assert checked["foreign"] == []
        roms = self._roms()
        assert set(roms) - {"other"} == {"droid", "keep"}
        assert self._files() == {name: _files_of(rom) for name, rom in roms.items()}
        assert self._own_files() == self.own
        wiped = [one["name"] for one in checked["roms"] if one["wiped"]]
        if operation == "backup":
            return self._check_backup()
        if operation == "wipe":
            return "wiped by check" if wiped else self._check_image("droid", "data", DATA)
        if operation == "resize":
            (image,) = roms["keep"]["images"]
            assert image["size"] in (ROOT, LARGER)
            assert self._check_image("keep", "root", image["size"]) == "with files"
            return "as before" if image["size"] == old else "resized"
        if "other" not in roms:
            return "absent"
        if operation != "remove":
            assert self._content("other", "root.img") == self.wanted
        return "whole"

    def _files(self) -> dict[str, set[str]]:
        """Return the names in the folders of all ROMs, without those that a start from the phone needs."""
        found: dict[str, set[str]] = {}
        for path in self.phone.run(f"su -c 'find {STORE}'").split()[1:]:
            name, _, file = path.removeprefix(f"{STORE}/").partition("/")
            found.setdefault(name, set()).add(file.partition("/")[0])
        return {name: files - {"", "start", "start.new"} for name, files in found.items()}

    def _content(self, name: str, file: str) -> str:
        return self.phone.run(f"su -c 'cat {STORE}/{name}/{file} | sha256sum'").split()[0]

    def _check_backup(self) -> str:
        path = self.folder / "backup.tar.zst"
        if not path.exists():
            assert not list(self.folder.glob("backup*"))
            return "absent"
        subprocess.run(["tar", "--zstd", "-tf", path], check=True, capture_output=True, timeout=120)
        return "whole"

    def _check_image(self, name: str, image: str, size: int) -> str:
        """Check an image of a ROM as its backup has it; return whether the files are in it."""
        target = self.folder / "check.tar.zst"
        self.phone.hardboot.process("rom", "backup", name, target)
        unpacked = self.folder / "unpacked"
        shutil.rmtree(unpacked, ignore_errors=True)
        unpacked.mkdir()
        subprocess.run(["tar", "--zstd", "-xf", target, "-C", unpacked], check=True, timeout=120)
        subprocess.run(["sha256sum", "-c", "--quiet", "SHA256SUMS"], check=True, cwd=unpacked, timeout=120)
        file = unpacked / f"{image}.img"
        assert file.stat().st_size == size
        found = _run("e2fsck", "e2fsprogs", "-fn", file)
        assert found.code == 0, found
        if _run("debugfs", "e2fsprogs", "-R", "cat /note", file).out != NOTE:
            return "empty"
        noise = self.folder / "noise"
        _run("debugfs", "e2fsprogs", "-R", f"dump /noise {noise}", file)
        assert noise.read_bytes() == (self.content / "noise").read_bytes()
        return "with files"


def _files_of(rom: dict[str, Any]) -> set[str]:
    """Return the names of the files that its manifest names."""
    images = [f"{one['name']}.{one['generation']}.img".replace(".0.", ".") for one in rom["images"]]
    return {"manifest.json", *images, *(f"{one['name']}-boot.img" for one in rom["boot"])}


def _run(name: str, package: str, *words: str | Path) -> Ran:
    done = subprocess.run(
        [find_tool(name, package), *words], capture_output=True, text=True, timeout=180, errors="replace"
    )
    return Ran(done.returncode, done.stdout, done.stderr)


def _start(phone: VirtualPhone) -> tuple[str, ...]:
    return ("virtual", "start", "--name", phone.name)
