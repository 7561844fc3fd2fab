"""What the attacks interrupt: each way that writes to partitions, and the way home after it."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from attacked import Phone
from prepared import CLASSIC, MODERN

FLASH_HOST_KERNEL = "flash-host-kernel"


@dataclass(frozen=True)
class Way:
    """A command that writes to partitions.

    Attributes:
        name: As the table has it.
        phone: The name of the phone it is attacked on.
        moments: When it is attacked; see moments.py.
    """

    name: str
    phone: str
    moments: Sequence[str]

    @property
    def boots(self) -> bool:
        """Whether it boots a ROM, and the partitions are put back."""
        return self.name != FLASH_HOST_KERNEL

    def words(self, phone: Phone, wanted: Path, mark: str) -> tuple[str | Path, ...]:
        """Return the command; `mark` is in the command line of the ROM it boots."""
        if not self.boots:
            return (self.name, wanted, "--yes", "--serial", phone.serial)
        via = ("--via", self.name, "--append", mark)
        return ("boot", wanted, *via, "--yes", "--serial", phone.serial)


@dataclass(frozen=True)
class Target:
    """A way, or `hardboot home` after it."""

    way: Way
    is_home: bool

    @property
    def name(self) -> str:
        """As the table has it."""
        return f"home after {self.way.name}" if self.is_home else self.way.name

    @property
    def moments(self) -> Sequence[str]:
        """When it is attacked."""
        if not self.is_home:
            return self.way.moments
        return ("begin", "write", "restart") if self.way.boots else ("begin", "write")


WAYS = (
    Way(FLASH_HOST_KERNEL, CLASSIC, ("begin", "write")),
    Way("flash", CLASSIC, ("begin", "write", "restart", "rom")),
    Way("recovery", CLASSIC, ("begin", "write", "restart", "rom", "put back")),
    Way("slot", MODERN, ("begin", "write", "restart", "rom", "put back")),
)
TARGETS = tuple(Target(way, is_home) for way in WAYS for is_home in (False, True))
