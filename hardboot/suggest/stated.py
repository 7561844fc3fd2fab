"""A range and where it was read."""

from dataclasses import dataclass

from hardboot.base.memory import Range
from hardboot.profile import Trust


@dataclass(frozen=True)
class Stated:
    """A named range of physical addresses, and where it was read."""

    range: Range
    status: Trust
    source: str
