"""The attacked phone, looked at from outside, and the hardboot commands that run against it."""

import json
import os
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path

from hardboot.device import connection
from hardboot.formats.boot import bootimg
from hardboot.virtual import classic, machine

NAME = "attack"
FOLDER = Path("build/attack")
BUILD_S = 3600
_COMMAND_S = 400  # of one command: it waits 180 s for a phone


@dataclass(frozen=True)
class Ended:
    """How a command ended: its exit code, negative for a signal, and the lines it printed."""

    code: int
    lines: list[str]

    @property
    def state(self) -> str:
        """The state that the error tells."""
        found = [line for line in self.lines if line.startswith("  state: ")]
        return found[-1].removeprefix("  state: ") if found else ""

    @property
    def shown(self) -> str:
        """The end in one line."""
        return f"exit code {self.code}: {self.state}" if self.code else "done"

    @property
    def is_bug(self) -> bool:
        """Whether hardboot itself failed."""
        return "Traceback" in "\n".join(self.lines) or self.code == 1


def start(*words: str | Path, path: str = "") -> "subprocess.Popen[str]":
    """Start a hardboot command in a process group of its own; `path` goes before PATH."""
    return subprocess.Popen(
        [sys.executable, "-m", "hardboot", *map(str, words)],
        env=os.environ | {"PATH": path + os.environ["PATH"]},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def ended(process: "subprocess.Popen[str]", timeout_s: float = _COMMAND_S) -> Ended:
    """Wait for a command."""
    try:
        out, _ = process.communicate(timeout=timeout_s)
    except subprocess.TimeoutExpired:
        process.kill()
        out, _ = process.communicate()
        return Ended(-99, [*out.splitlines(), f"  state: it did not end within {timeout_s:.0f} s"])
    return Ended(process.returncode, out.splitlines())


def run(*words: str | Path, timeout_s: float = _COMMAND_S, path: str = "") -> Ended:
    """Run a hardboot command to its end."""
    return ended(start(*words, path=path), timeout_s)


def required(*words: str | Path, timeout_s: float = _COMMAND_S) -> None:
    """Run a command that must succeed, or end the attack."""
    done = run(*words, timeout_s=timeout_s)
    if done.code:
        sys.exit(f"{shlex.join(map(str, words))} failed with {done.code}:\n" + "\n".join(done.lines[-8:]))


class Phone:
    """The phone, two host images to write to it in turn, and a ROM to boot on it.

    Attributes:
        slow: Whether its next start gives it a disk that writes 4 MB a second.
    """

    def __init__(self, images: list[Path], rom: Path) -> None:
        self.images = images
        self.rom = rom
        self.slow = False

    @property
    def serial(self) -> str:
        """Where its ADB answers."""
        serial = machine.status(NAME).serial
        assert serial
        return serial

    @property
    def port(self) -> int:
        """The TCP port of its adbd."""
        return int(self.serial.rpartition(":")[2])

    @property
    def content(self) -> bytes:
        """The boot partition on the disk, read from outside."""
        place = classic.TABLE.place("boot")
        with (machine.folder(NAME) / "disk.img").open("rb") as disk:
            disk.seek(place.offset)
            return disk.read(place.size)

    @property
    def console(self) -> Path:
        """The log of its serial port."""
        return machine.folder(NAME) / "console.log"

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

    def power_off(self) -> None:
        """Take the battery out."""
        machine.stop(NAME)

    def power_on(self, *words: str) -> bool:
        """Put the battery back in; return whether the phone boots."""
        path = f"{_slow_disk()}:" if self.slow else ""
        return run("virtual", "start", "--name", NAME, *words, path=path).code == 0

    def bring_back(self) -> str | None:
        """Make the phone run a whole image again, as hardboot tells its user; return what failed."""
        if machine.status(NAME).running and self.is_up():
            return self.settle()
        self.power_off()
        if self.power_on():
            return self.settle()
        self.power_off()
        if not self.power_on("--recovery"):
            return "recovery does not start"
        problem = self.settle()
        self.power_off()
        return problem or (None if self.power_on() else "the phone does not boot what was restored")

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
        folder = machine.folder(NAME).parents[1] / "backups" / f"HB{NAME.upper()}"
        newest = max(
            folder.glob("boot-*.json"), key=lambda path: float(json.loads(path.read_text())["taken"])
        )
        done = run("restore", newest.with_suffix(".img"), "--yes", "--serial", self.serial)
        return None if done.code == 0 else f"restore ended with {done.code}: {done.lines[-3:]}"

    def rescue(self, content: bytes) -> None:
        """Write the boot partition from outside, for a phone that was lost."""
        required("virtual", "stop", "--name", NAME)
        place = classic.TABLE.place("boot")
        with (machine.folder(NAME) / "disk.img").open("r+b") as disk:
            disk.seek(place.offset)
            disk.write(content)
        required("virtual", "start", "--name", NAME)


def _slow_disk() -> Path:
    """Return a folder with a QEMU that starts a phone with a slow disk."""
    folder = (FOLDER / "slow").absolute()
    folder.mkdir(exist_ok=True)
    wrapper = folder / "qemu-system-arm"
    wrapper.write_text(
        '#!/bin/sh\nPATH=${PATH#*:}\nexec qemu-system-arm "$@" -set drive.d0.throttling.bps-write=4000000\n'
    )
    wrapper.chmod(0o755)
    return folder


def prepare() -> Phone:
    """Build two host images that differ and a ROM, and start a phone that runs the first image."""
    # A run in the background ignores Ctrl-C, and so would each command.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    FOLDER.mkdir(parents=True, exist_ok=True)
    tree, zimage, rom = FOLDER / "linux", FOLDER / "zImage", FOLDER / "rom.img"
    if not zimage.exists():
        required("virtual", "source", tree, timeout_s=BUILD_S)
        required("patch", "apply", tree, "--device", "virt-arm")
        required("virtual", "kernel", tree, "-o", zimage, timeout_s=BUILD_S)
    required("virtual", "start", "--name", NAME, "--reset-disk", timeout_s=BUILD_S)
    required("virtual", "rom", rom, "--kernel", "minimal", timeout_s=BUILD_S)
    first, second = FOLDER / "first.img", FOLDER / "second.img"
    required("host-image", machine.status(NAME).factory_image, "--kernel", zimage, "-o", first)
    made = bootimg.parse(first.read_bytes())
    ramdisk = bytes(made.ramdisk) + bytes(4096)
    changed = bootimg.renew(replace(made, cmdline=f"{made.cmdline} second", ramdisk=ramdisk))
    second.write_bytes(b"".join(bytes(chunk) for chunk in bootimg.build(changed)))
    phone = Phone([first, second], rom)
    required("flash-host-kernel", first, "--yes", "--reboot", "--serial", phone.serial)
    return phone
