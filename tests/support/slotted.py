"""A scripted phone with two slots, and a bootloader that chooses between them as U-Boot's ab_select does."""

from dataclasses import dataclass, field, replace
from pathlib import Path

import boot_control
import msgspec
import pytest
import scripted_setup as setup
from boot_control import Slot
from scripted_phone import HOST, STOCK, BlockDevice, Kernel, ScriptedPhone

from hardboot import profile
from hardboot.profile.schema import Partition

HOME = (Slot(15, 1, successful=True), Slot(14, 1, successful=True))
VBMETA = b"AVB0\0\0\0\1".ljust(120, b"\0") + b"\0\0\0\2"  # its flags: no verification
_MARK = b"androidboot.hardboot="
_CMDLINE = slice(64, 576)  # of a header of version 0


@dataclass
class Slotted:
    """The phone, and what its bootloader does.

    Attributes:
        rom: What comes up from an image with hardboot's mark; None if it crashes and the phone restarts.
        marks: Whether that system marks its slot as successful, as Android does.
        reads_misc: Whether the bootloader reads the boot control block; one that does not starts slot a.
        started: The slots that were started, in order.
        starts: What the partitions held then.
    """

    phone: ScriptedPhone
    devices: dict[str, BlockDevice]
    rom: Kernel | None = field(default_factory=lambda: Kernel("6.6.0-rom", page=None, flag=None, takes=1))
    marks: bool = False
    reads_misc: bool = True
    started: list[str] = field(default_factory=list)
    starts: list[dict[str, bytes]] = field(default_factory=list)

    @property
    def control(self) -> tuple[Slot, ...]:
        """The slots in the boot control block."""
        return boot_control.parse(self.devices["misc"].flash)[1]

    @control.setter
    def control(self, slots: tuple[Slot, ...]) -> None:
        misc, at = self.devices["misc"], boot_control.OFFSET
        block = boot_control.build(self.phone.properties["ro.boot.slot_suffix"], *slots)
        misc.flash = misc.flash[:at] + block + misc.flash[at + len(block) :]
        misc.drop()

    def content(self) -> dict[str, bytes]:
        """Return what each partition holds."""
        return {name: device.flash for name, device in self.devices.items()}

    def _choose(self) -> Kernel | None:
        slot = self._select()
        self.started.append("ab"[slot])
        self.starts.append(self.content())
        self.phone.properties["ro.boot.slot_suffix"] = f"_{'ab'[slot]}"
        device = self.devices[f"boot_{'ab'[slot]}"]
        if _MARK not in device.flash[_CMDLINE]:
            return self.phone.kernel_in(device)
        if self.rom is None:
            return self._choose()
        if self.marks and self.reads_misc:
            self._mark(slot)
        return replace(self.rom, cmdline=device.flash[_CMDLINE].partition(b"\0")[0].decode())

    def _select(self) -> int:
        if not self.reads_misc:
            return self.phone.bootctl_active or 0
        slots = list(self.control)
        able = [index for index, slot in enumerate(slots) if slot.tries]
        best = max(able, key=lambda one: (slots[one].priority, slots[one].successful, slots[one].tries, -one))
        if not slots[best].successful:
            slots[best] = replace(slots[best], tries=slots[best].tries - 1)
        self.phone.properties["ro.boot.slot_suffix"] = f"_{'ab'[best]}"
        self.control = tuple(slots)
        return best

    def _mark(self, slot: int) -> None:
        slots = list(self.control)
        slots[slot] = replace(slots[slot], tries=1, successful=True)
        self.control = tuple(slots)


def install(
    monkeypatch: pytest.MonkeyPatch, folder: Path, *, host: bool = False, running: str = "a"
) -> Slotted:
    """Let hardboot find an unlocked phone that runs from this slot; the other one holds the stock image."""
    phone = ScriptedPhone()
    own = setup.HOST_IMAGE if host else setup.STOCK_IMAGE
    devices = {
        f"boot_{slot}": phone.partition(
            f"boot_{slot}", own if slot == running else setup.STOCK_IMAGE, size=setup.SIZE
        )
        for slot in "ab"
    }
    devices |= {
        "misc": phone.partition("misc", bytes(setup.SIZE)),
        "vbmeta_a": phone.partition("vbmeta_a", VBMETA, size=4096),
        "vbmeta_b": phone.partition("vbmeta_b", VBMETA, size=4096),
    }
    phone.boots += [(setup.HOST_IMAGE, HOST), (setup.STOCK_IMAGE, STOCK)]
    phone.trees["/sys/firmware/fdt"] = setup.TREE
    phone.properties |= {"ro.boot.slot_suffix": f"_{running}", "ro.boot.flash.locked": "0"}
    made = Slotted(phone, devices)
    made.control = HOME if running == "a" else HOME[::-1]
    phone.chooses = made._choose
    phone.power_on()
    made.started.clear()
    made.starts.clear()
    setup.install(phone, monkeypatch, folder)
    known = setup.small_profile()
    boot = Partition(path="/dev/block/by-name/boot", size=setup.SIZE, slots=True)
    slotted = msgspec.structs.replace(known, partitions={"boot": boot})
    known_match = profile.match
    monkeypatch.setattr(
        profile, "match", lambda product: slotted if product == "virt-arm" else known_match(product)
    )
    return made
