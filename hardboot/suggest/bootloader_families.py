"""What bootloaders of a SoC family write to, from public sources: a starting point, a phone's may differ."""

import re
from dataclasses import dataclass

from hardboot.base.memory import Range

_LK = "msm8916-mainline/lk2nd target/{}/rules.mk (Code Aurora's LK; the phone's own may differ)"
_LK_SIZE = 0x100000  # MEMSIZE
# Boot images are read to the scratch address; no phone of these families has a larger boot partition.
_SCRATCH_SIZE = 64 << 20
# U-Boot moves itself, its heap and its stack to the end of RAM (common/board_f.c); 34 MiB were measured.
UBOOT_SIZE = 64 << 20


@dataclass(frozen=True)
class Family:
    """SoCs with similar bootloaders.

    Attributes:
        names: What ro.board.platform, ro.hardware or the tree's compatible contains.
        ranges: What such a bootloader writes to; physical addresses.
        source: Where that was read.
        doubtful: What was reported for one phone of this family, with the source; may be true of others.
    """

    names: re.Pattern[str]
    ranges: tuple[Range, ...]
    source: str
    doubtful: tuple[tuple[Range, str], ...] = ()


def _qualcomm(target: str, names: str, lk: int, scratch: int, *doubtful: tuple[Range, str]) -> Family:
    ranges = (Range.sized(lk, _LK_SIZE, "lk"), Range.sized(scratch, _SCRATCH_SIZE, "scratch"))
    return Family(re.compile(names), ranges, _LK.format(target), doubtful)


# A comment in the hardboot patch says so about the Nexus 5; a copy of it is compiled for APQ8084, too.
_ERASED = (
    Range(0, 128 << 20, "erased"),
    "bootloaders of MSM8974 phones erase the first 128 MB (CyanogenMod/android_kernel_oneplus_msm8974#13)",
)

FAMILIES = (
    _qualcomm("msm8960", r"msm8960|apq8064|msm8930", 0x88F00000, 0x90000000),
    _qualcomm("msm8974", r"msm8974|apq8074", 0x0F900000, 0x11000000, _ERASED),
    _qualcomm("apq8084", r"apq8084|msm8084", 0x0F900000, 0x0FF00000, _ERASED),
    _qualcomm("msm8226", r"msm8[x2]26|msm8610", 0x0FF00000, 0x10000000),
    _qualcomm("msm8916", r"msm8916|msm8939", 0x8F600000, 0x90000000),
    _qualcomm("msm8994", r"msm8994|msm8992", 0x0F900000, 0x10000000),
)


def find(words: str) -> Family | None:
    """Return the family of the SoC that `words` name; None if none is known."""
    return next((one for one in FAMILIES if one.names.search(words.lower())), None)
