"""A scripted phone with a recovery of its own, and a bootloader that reads misc at each start."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import container_builders as build
import pytest
import scripted_setup as setup
from image_builders import zimage
from ramdisks import ramdisk
from scripted_phone import BlockDevice, Kernel, ScriptedPhone

from hardboot.formats.archives import ramdisk as ramdisks
from hardboot.formats.boot import bootimg
from hardboot.virtual import disk

RECOVERY_IMAGE = build.boot(zimage(), ramdisk(1234), cmdline=b"console=ttyAMA0")
RECOVERY = Kernel("5.10.0-recovery", page=None, flag=None, takes=1)
ASKED = disk.BOOT_RECOVERY.encode().ljust(32, b"\0")
_MARK = b"androidboot.hardboot="
_CMDLINE = slice(64, 576)  # of a header of version 0


@dataclass
class Recovering:
    """The phone, and what its bootloader does.

    Attributes:
        rom: What comes up from an image with hardboot's mark, after hb-init; "crashes": the phone restarts;
            "dies": before hb-init, and the phone hangs.
        takes_back: Whether hb-init reaches misc.
        reads_misc: Whether the bootloader reads the message; one that does not starts boot.
        clears: Whether the bootloader takes the message back itself, as Little Kernel does.
        protects: Whether the ROM's kernel write-protects the recovery partition.
        started: What was started, in order.
        held: What the recovery partition held when it was started last.
    """

    phone: ScriptedPhone
    devices: dict[str, BlockDevice]
    rom: Kernel | str = field(default_factory=lambda: Kernel("6.6.0-rom", page=None, flag=None, takes=1))
    takes_back: bool = True
    reads_misc: bool = True
    clears: bool = False
    protects: bool = False
    started: list[str] = field(default_factory=list)
    held: bytes = b""

    @property
    def command(self) -> bytes:
        """The command in the message to the bootloader."""
        return self.devices["misc"].flash[:32]

    @command.setter
    def command(self, command: bytes) -> None:
        self.hold("misc", command.ljust(32, b"\0") + self.devices["misc"].flash[32:])

    def hold(self, name: str, content: bytes) -> None:
        """Let a partition hold something else."""
        device = self.devices[name]
        device.flash = content.ljust(device.size(), b"\0")
        device.drop()

    def content(self) -> dict[str, bytes]:
        """Return what each partition holds."""
        return {name: device.flash for name, device in self.devices.items()}

    def restart(self) -> None:
        """Restart the phone as its user does, and wait."""
        self.phone.reboot()
        self.phone.clock.sleep(60)

    def _choose(self) -> Kernel | None:
        if not self.reads_misc or self.command.partition(b"\0")[0] != disk.BOOT_RECOVERY.encode():
            self.started.append("boot")
            self.devices["recovery"].read_only = False
            return self.phone.kernel_in(self.devices["boot"])
        self.started.append("recovery")
        self.held = held = self.devices["recovery"].flash
        if self.clears:
            self.command = b"\0" + self.command[1:]
        if _MARK not in held[_CMDLINE]:
            self.command = b""  # as a recovery does when it has ended
            return self.phone.kernel_in(self.devices["recovery"])
        if self.rom == "dies":
            return None
        if self.takes_back:
            self._hb_init(held)
        if not isinstance(self.rom, Kernel):
            return self._choose()
        self.devices["recovery"].read_only = self.protects
        return replace(self.rom, cmdline=held[_CMDLINE].partition(b"\0")[0].decode())

    def _hb_init(self, image: bytes) -> None:
        """Do the first step that stands in the image, as message.c does."""
        fragments, _ = ramdisks.parse(bootimg.parse(image).ramdisk)
        files = {entry.name: bytes(entry.data) for entry in ramdisks.entries(fragments)}
        step, partition, device, written, former = files["hb-init/steps"].decode().splitlines()[0].split(" ")
        assert (step, partition) == ("message", "misc")
        assert self.phone.files.find(f"/dev/block/{device}") is self.devices["misc"]
        if self.command == bytes.fromhex(written):
            self.command = bytes.fromhex(former)


def install(monkeypatch: pytest.MonkeyPatch, folder: Path, *, host: bool = False) -> Recovering:
    """Let hardboot find an unlocked phone that runs its own system, and whose recovery is another one."""
    phone = setup.phone_with_disk(host=host)
    recovery = phone.files.find("/dev/block/vda2")
    assert isinstance(recovery, BlockDevice)
    devices = {
        "boot": phone.boot,
        "recovery": recovery,
        "misc": phone.partition("misc", b"", size=setup.SIZE),
    }
    phone.boots += [(RECOVERY_IMAGE, RECOVERY)]
    phone.properties["ro.boot.flash.locked"] = "0"
    made = Recovering(phone, devices)
    made.hold("recovery", RECOVERY_IMAGE)
    phone.chooses = made._choose
    setup.install(phone, monkeypatch, folder)
    return made
