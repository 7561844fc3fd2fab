"""Half-open ranges of physical addresses, and the arithmetic on them."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from hardboot.base.sizes import human_size

PAGE_SIZE = 4096  # bytes; the page size of every ARM and arm64 kernel hardboot knows


@dataclass(frozen=True, order=True, slots=True)
class Range:
    """Addresses `start` <= a < `end`; `name` says what lies there and does not take part in comparisons."""

    start: int
    end: int
    name: str = field(default="", compare=False)

    def __post_init__(self) -> None:
        if not 0 <= self.start <= self.end:
            raise ValueError(f"not a range: {self.start:#x}-{self.end:#x}")

    @classmethod
    def sized(cls, start: int, size: int, name: str = "") -> "Range":
        """Return the range of `size` bytes from `start`."""
        return cls(start, start + size, name)

    @property
    def size(self) -> int:
        """Bytes in the range."""
        return self.end - self.start

    def overlaps(self, other: "Range") -> bool:
        """Return whether at least one address lies in both."""
        return self.start < other.end and other.start < self.end

    def contains(self, other: "Range") -> bool:
        """Return whether all of `other` lies inside."""
        return self.start <= other.start and other.end <= self.end

    def __str__(self) -> str:
        text = f"{self.start:#010x}-{self.end:#010x} ({human_size(self.size)})"
        return f"{self.name} {text}" if self.name else text


def subtract(ranges: Iterable[Range], holes: Iterable[Range]) -> list[Range]:
    """Return what is left of `ranges` without `holes`, sorted; pieces keep their range's name."""
    cuts = sorted((hole.start, hole.end) for hole in holes if hole.start < hole.end)
    left: list[Range] = []
    for item in sorted(ranges):
        start = item.start
        for low, high in cuts:
            if low >= item.end:
                break
            if high > start:
                if low > start:
                    left.append(Range(start, low, item.name))
                start = high
        if start < item.end:
            left.append(Range(start, item.end, item.name))
    return left
