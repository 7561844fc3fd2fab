"""The attacked phone, looked at from outside."""

import json
import os
import shlex
import signal
from dataclasses import dataclass, field
from pathlib import Path

from commands import required, run

from hardboot.base.errors import HardbootError
from hardboot.device import connection
from hardboot.formats.boot import bootimg
from hardboot.virtual import machine
from hardboot.virtual.model import Model

FOLDER = Path("build/attack")
_SLOW_BYTES = 8_000_000  # a second, to a slow disk
_ANSWER_S = 90


@dataclass
class Phone:
    """The phone, host images to write to it in turn, and a ROM to boot on it.

    Attributes:
        name: Of the virtual phone.
        model: Its kind.
        rom: Boot image, or folder of images.
        images: Host images; none for a phone that is not attacked by flash-host-kernel.
        slow: Whether its next start gives it a disk that writes slowly.
    """

    name: str
    model: Model
    rom: Path
    images: list[Path] = field(default_factory=list)
    slow: bool = False

    @property
    def serialno(self) -> str:
        """Its serial number."""
        return f"HB{self.name.upper()}"

    @property
    def serial(self) -> str:
        """Where its ADB answers."""
        serial = machine.status(self.name).serial
        assert serial
        return serial

    @property
    def port(self) -> int:
        """The TCP port of its adbd."""
        return int(self.serial.rpartition(":")[2])

    @property
    def content(self) -> bytes:
        """The boot partition on the disk, read from outside."""
        return self._read("boot")

    @property
    def partitions(self) -> dict[str, bytes]:
        """All partitions without a file system, read from outside."""
        return {one.name: self._read(one.name) for one in self.model.table if one.filesystem is None}

    @property
    def console(self) -> Path:
        """The log of its serial port."""
        return machine.folder(self.name) / "console.log"

    @property
    def record(self) -> Path:
        """This computer's record of a change to its partitions that is not settled."""
        return self._state / "transactions" / f"{self.serialno}.json"

    @property
    def owner(self) -> Path:
        """On this computer, the name of the command that changes it."""
        return self._state / "locks" / f"{self.serialno}.owner"

    @property
    def _state(self) -> Path:
        return machine.folder(self.name).parents[1]

    @property
    def resets(self) -> int:
        """Hardware resets since it was started."""
        return machine.status(self.name).resets

    @property
    def _disk(self) -> Path:
        return machine.folder(self.name) / "disk.img"

    def _read(self, name: str) -> bytes:
        place = self.model.table.place(name)
        with self._disk.open("rb") as disk:
            disk.seek(place.offset)
            return disk.read(place.size)

    def said(self, seen: int) -> bytes:
        """Return what is on its console, from byte `seen` of the log on."""
        with self.console.open("rb") as console:
            console.seek(seen)
            return console.read()

    def next_image(self) -> Path:
        """Return the image that is not in the partition."""
        held = self.content
        return next(path for path in self.images if not held.startswith(path.read_bytes()))

    def shell(self, command: str) -> str:
        """Run a root command on the phone, beside what hardboot does there, and return what it prints."""
        transport = connection.open_transport(self.serial)
        try:
            return transport.shell(f"su -c {shlex.quote(command)}", timeout_s=20).text
        finally:
            transport.close()

    def answers(self) -> bool:
        """Wait for its ADB; return whether it answers."""
        transport = connection.open_transport(self.serial)
        try:
            transport.wait(timeout_s=_ANSWER_S)
        except HardbootError:
            return False
        finally:
            transport.close()
        return True

    def power_off(self) -> None:
        """Take the battery out: end QEMU with SIGKILL."""
        if machine.status(self.name).running:
            supervisor = int((machine.folder(self.name) / machine.LOCK).read_text())
            children = Path(f"/proc/{supervisor}/task/{supervisor}/children").read_text().split()
            for child in children:
                os.kill(int(child), signal.SIGKILL)
        machine.stop(self.name)  # the one that QEMU leaves behind

    def power_on(self, *words: str) -> bool:
        """Put the battery back in; return whether the phone boots."""
        path = f"{self._slow_disk()}:" if self.slow else ""
        return run("virtual", "start", "--name", self.name, *words, path=path).code == 0

    def restart(self) -> bool:
        """Take the battery out and put it back in; return whether the phone boots."""
        self.power_off()
        return self.power_on()

    def bring_back(self) -> str | None:
        """Make the phone run a whole image again, as hardboot tells its user; return what failed."""
        if machine.status(self.name).running and self.is_up():
            return self.settle()
        if self.restart():
            return self.settle()
        self.power_off()
        if not self.power_on("--recovery"):
            return "recovery does not start"
        problem = self.settle()
        return problem or (None if self.restart() else "the phone does not boot what was restored")

    def is_up(self) -> bool:
        """Whether hardboot reaches it."""
        return run("status", "--serial", self.serial).code == 0

    def is_broken(self) -> bool:
        """Whether the partition holds no whole image."""
        return bootimg.check_id(bootimg.parse(self.content)) is None

    def settle(self) -> str | None:
        """Settle a write that was cut off, as hardboot says; return what failed."""
        done = run("home", "--yes", "--serial", self.serial)
        if done.code:
            return f"home ended with {done.code}: {done.lines[-3:]}"
        return self.restore() if self.is_broken() else None

    def restore(self) -> str | None:
        """Write the newest whole backup back; return what failed."""
        folder = self._state / "backups" / self.serialno
        newest = max(
            folder.glob("boot-*.json"), key=lambda path: float(json.loads(path.read_text())["taken"])
        )
        done = run("restore", newest.with_suffix(".img"), "--yes", "--serial", self.serial)
        return None if done.code == 0 else f"restore ended with {done.code}: {done.lines[-3:]}"

    def rescue(self, partitions: dict[str, bytes]) -> None:
        """Write partitions from outside, for a phone that was lost, and forget what was not settled."""
        self.power_off()
        with self._disk.open("r+b") as disk:
            for name, content in partitions.items():
                disk.seek(self.model.table.place(name).offset)
                disk.write(content)
        required("virtual", "start", "--name", self.name)
        self.record.unlink(missing_ok=True)
        self.shell("rm -f /data/adb/hardboot/transaction.json; sync")

    def _slow_disk(self) -> Path:
        """Return a folder with a QEMU that starts a phone with a slow disk."""
        folder = (FOLDER / "slow").absolute()
        folder.mkdir(exist_ok=True)
        wrapper = folder / self.model.qemu
        wrapper.write_text(
            f'#!/bin/sh\nPATH=${{PATH#*:}}\nexec {self.model.qemu} "$@" '
            f"-set drive.d0.throttling.bps-write={_SLOW_BYTES}\n"
        )
        wrapper.chmod(0o755)
        return folder
