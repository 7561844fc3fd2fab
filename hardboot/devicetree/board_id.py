"""The ids that tell boards apart, of all makers in one form."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

Scheme: TypeAlias = Literal["htc", "qcom", "QCDT", "exynos", "sprd", "pxa", "dt_table"]

_SAMSUNG = 0xFF01  # low half of Samsung's platform words: the chip is in the top byte (0xb208ff01 is 178)
_LABELS: dict[Scheme, tuple[str, str, str, str]] = {
    "qcom": ("platform", "variant", "subtype", "soc_rev"),
    "QCDT": ("platform", "variant", "subtype", "soc_rev"),
    "htc": ("project", "pcb", "subtype", "soc_rev"),
    "exynos": ("chip", "platform", "subtype", "hw_rev"),
    "sprd": ("chip", "platform", "subtype", "revision"),
    "pxa": ("chip", "revision", "subtype", "soc_rev"),
    "dt_table": ("id", "rev", "subtype", "revision"),
}


@dataclass(frozen=True)
class BoardId:
    """The ids of one board. None or empty means not stated.

    Attributes:
        scheme: Whose numbers they are. Entries of a QCDT hold qcom's words, on HTC's phones HTC's.
        platform: The chip; of dt_table the id. None only in an overlay, which is for a board with any chip.
        variant: The kind of board; of HTC the pcb, of Marvell the board's revision, of dt_table
            the rev.
        soc_rev: Of a tree the lowest revision it is for, of a phone its own; of Exynos of the hardware.
        last_rev: The highest revision, where one is stated.
        board_rev: LGE's fourth cell.
        vendor: Oppo's third and fourth cell: project and hardware revision.
        pmic: Model (low byte) and revision of up to four power chips; 0 is any.
        model: The name in Motorola's tables.
    """

    scheme: Scheme
    platform: int | None
    variant: int | None = None
    subtype: int | None = None
    soc_rev: int | None = None
    last_rev: int | None = None
    board_rev: int | None = None
    vendor: tuple[int, ...] = ()
    pmic: tuple[int, ...] = ()
    model: str = ""

    @property
    def chip(self) -> int | None:
        """The chip alone, without foundry and Samsung's coding."""
        if self.scheme not in ("qcom", "QCDT") or self.platform is None:
            return self.platform
        return self.platform >> 24 if self.samsung else self.platform & 0xFFFF

    @property
    def samsung(self) -> bool:
        """True if the platform word is coded as Samsung does it."""
        return self.scheme in ("qcom", "QCDT") and (self.platform or 0) & 0xFFFF == _SAMSUNG

    @property
    def foundry(self) -> int:
        """Who made the chip; 0 if it does not matter."""
        qualcomm = self.scheme in ("qcom", "QCDT") and not self.samsung
        return (self.platform or 0) >> 16 if qualcomm else 0

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """What its makers call platform, variant, subtype and soc_rev."""
        return _LABELS[self.scheme]

    def __str__(self) -> str:
        """Return the ids that are stated, with the maker's names."""
        names = self.labels
        values = (self.platform, self.variant, self.subtype)
        words = [
            f"{name} {value:#x}" for name, value in zip(names, values, strict=False) if value is not None
        ]
        if self.soc_rev is not None:
            last = f"-{self.last_rev:#x}" if self.last_rev is not None else ""
            words.append(f"{names[3]} {self.soc_rev:#x}{last}")
        if self.board_rev is not None:
            words.append(f"board_rev {self.board_rev:#x}")
        for name, cells in (("vendor", self.vendor), ("pmic", self.pmic)):
            if any(cells):
                words.append(f"{name} {','.join(f'{cell:#x}' for cell in cells)}")
        if self.model:
            words.append(f"model {self.model}")
        return " ".join(words)
