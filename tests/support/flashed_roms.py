"""A bootloader that starts what is flashed: a ROM with hardboot's mark, or the phone's own system."""

from dataclasses import dataclass, field, replace

from scripted_phone import BlockDevice, Kernel, ScriptedPhone

from hardboot.formats.boot import bootimg

_MARK = "androidboot.hardboot="


@dataclass
class FlashedRoms:
    """What the bootloader of a scripted phone does.

    Attributes:
        phone: The phone.
        device: The partition that it starts.
        own: The phone's own system.
        rom: What comes up from an image with hardboot's mark; None: the phone stays silent.
        passes_mark: Whether the kernel gets the command line of the image.
    """

    phone: ScriptedPhone
    device: BlockDevice
    own: Kernel
    rom: Kernel | None = field(default_factory=lambda: Kernel("6.6.0-rom", page=None, flag=None, takes=1))
    passes_mark: bool = True

    def __post_init__(self) -> None:
        self.phone.chooses = self._choose
        self.phone.properties["ro.boot.flash.locked"] = "0"

    def _choose(self) -> Kernel | None:
        held = self.device.flash
        if _MARK.encode() not in held[:4096]:
            return self.own
        if self.rom is None or not self.passes_mark:
            return self.rom
        return replace(self.rom, cmdline=f"{self.rom.cmdline} {bootimg.parse(held).cmdline}")
