"""A fastboot client that is a small script, and the bootloader of a scripted phone behind it."""

import os
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from scripted_phone import Kernel, ScriptedPhone
from scripted_phone.clock import Steps

_SCRIPT = """#!/bin/sh
cd {folder} || exit 99
if [ "$1" = --version ]; then cat version; exit; fi
echo "$*" >>told
shift 2
[ -e present ] || exit 1
case $1 in
getvar)
    [ -e "variable-$2" ] || { echo "getvar:$2 FAILED (remote: 'unknown variable')"; exit 1; }
    echo "$2: $(cat "variable-$2")" ;;
boot)
    cp "$2" image
    if [ -e answer ]; then cat answer; exit 1; fi
    echo "Sending 'boot.img' (1 KB) OKAY [  0.1s]" ;;
esac
"""
_TURN_S = 0.1
# As bootimg.h has them for v0 to v2, and for v3 and v4.
_CMDLINE, _CMDLINE_V3 = slice(64, 576), slice(44, 1580)
_VERSION_OFFSET = 40


@dataclass
class FakeFastboot:
    """The bootloader of a phone.

    Attributes:
        folder: Where the script leaves what it was told.
        phone: The phone; its `rom` says what comes up: "stays" is the bootloader again.
        enters: What the phone does when told to restart into its bootloader: that; "system": its system
            comes up; "nothing": it is silent.
        lingers_s: Seconds that the bootloader still answers after it took an image.
    """

    folder: Path
    phone: ScriptedPhone
    enters: str = "bootloader"
    lingers_s: float = 0
    _done: int = field(default=0, init=False)

    @classmethod
    def install(cls, phone: ScriptedPhone, monkeypatch: pytest.MonkeyPatch, folder: Path) -> "FakeFastboot":
        """Put the client first in PATH, and the bootloader on the phone."""
        folder.mkdir()
        script = folder / "fastboot"
        script.write_text(_SCRIPT.replace("{folder}", str(folder)))
        script.chmod(0o755)
        monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
        made = cls(folder, phone)
        made.version("fastboot version 34.0.5-debian\nInstalled as /usr/bin/fastboot\n")
        for name, value in (("product", "virt-arm"), ("unlocked", "yes"), ("max-download-size", "0x8000000")):
            made.variable(name, value)
        phone.bootloader = made._bootloader
        return made

    def version(self, text: str) -> None:
        """Let the client print this as its version."""
        (self.folder / "version").write_text(text)

    def variable(self, name: str, value: str | None) -> None:
        """Give the bootloader a variable, or take it away."""
        path = self.folder / f"variable-{name}"
        if value is None:
            path.unlink()
        else:
            path.write_text(value)

    def refuses(self, text: str) -> None:
        """Let `boot` fail, with this output of the client."""
        (self.folder / "answer").write_text(text)

    @property
    def told(self) -> list[str]:
        """The words of each call, without those that ask for a variable."""
        path = self.folder / "told"
        lines = path.read_text().splitlines() if path.exists() else []
        return [line for line in lines if " getvar " not in line]

    @property
    def image(self) -> bytes:
        """What was sent."""
        return (self.folder / "image").read_bytes()

    @property
    def cmdline(self) -> str:
        """The command line in the header of the image."""
        version = int.from_bytes(self.image[_VERSION_OFFSET : _VERSION_OFFSET + 4], "little")
        field = self.image[_CMDLINE_V3 if version >= 3 else _CMDLINE]
        return field.partition(b"\0")[0].decode()

    def _bootloader(self) -> Steps:
        yield 2.0
        if self.enters != "bootloader":
            if self.enters == "system":
                self.phone.start_system()
            return 0
        present = self.folder / "present"
        present.touch()
        while True:
            yield _TURN_S
            for words in self.told[self._done :]:
                self._done += 1
                verb = words.split()[2]
                if verb == "reboot" or (verb == "boot" and not (self.folder / "answer").exists()):
                    if verb == "boot" and self.phone.rom == "stays":
                        continue
                    yield self.lingers_s
                    present.unlink()
                    self._leave(verb)
                    return 0

    def _leave(self, verb: str) -> None:
        rom = self.phone.rom
        if verb == "boot" and isinstance(rom, Kernel):
            self.phone.start(rom, cmdline=f"{self.cmdline} androidboot.x=1", after_s=rom.boot_s)
        elif verb == "reboot" or rom == "host":
            self.phone.start_system()
