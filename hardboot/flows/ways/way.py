"""What every way to boot a ROM offers: whether it works on this phone, the preparation, the start."""

from dataclasses import dataclass
from typing import Protocol

from hardboot.device.phone import Phone
from hardboot.flows.journal import Journal
from hardboot.flows.rom_source import Source

HARDBOOT, SOFT, FASTBOOT, RECOVERY, SLOT, FLASH = "hardboot", "soft", "fastboot", "recovery", "slot", "flash"


@dataclass(frozen=True)
class Request:
    """What the user wants to be booted.

    Attributes:
        source: The ROM.
        cmdline: Replaces its kernel command line; of a ROM with vendor_boot, that of its boot image.
        append: Appended to it.
        untested: Also allow what has never been tested on such a phone.
        fastboot_serial: Where `fastboot -s` reaches the bootloader; None finds it.
        as_v2: Send a ROM of header v3 or v4 as one image of header v2.
    """

    source: Source
    cmdline: str | None = None
    append: str | None = None
    untested: bool = False
    fastboot_serial: str | None = None
    as_v2: bool = False


class Ready(Protocol):
    """A ROM that is ready to be booted; nothing was sent yet."""

    def start(self, phone: Phone, journal: Journal, *, wait_s: float, quiesce: bool) -> None:
        """Boot it, and prove which kernel came up.

        Args:
            phone: The phone it was prepared for.
            journal: Takes what is started, the phases and the outcome.
            wait_s: Seconds the ROM may take to answer.
            quiesce: Quiesce the system before it is left without a shutdown.

        Raises:
            DeviceError: If another kernel came up.
            DeviceStateError: If the phone stays silent.
        """


class Way(Protocol):
    """One way to boot a ROM. After each but FLASH, a restart of the phone leads to its own system."""

    @property
    def name(self) -> str:
        """The word for --via."""

    def check(self, phone: Phone, request: Request) -> None:
        """Refuse a phone on which it cannot work; ask the phone only, change nothing.

        Raises:
            RefusedError: If the phone does not allow it.
            ToolError: If a program on this computer is missing.
        """

    def prepare(self, phone: Phone, request: Request, journal: Journal) -> Ready:
        """Check everything that can be checked, and make what will be sent; nothing is sent.

        Raises:
            HardbootError: If it cannot work, see `check`, or the ROM cannot be booted on this phone.
        """
