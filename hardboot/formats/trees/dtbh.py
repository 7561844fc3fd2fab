"""Samsung Exynos device tree tables (DTBH, "dt.img") of version 2.

Source: Samsung's dtbtool in its kernels' scripts; boot-deploy and pmbootstrap read platform and subtype.
"""

from dataclasses import dataclass

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.trees.tree_table import TableFormat

DTBH_MAGIC = b"DTBH"

_WHAT = "Samsung device tree table"


@dataclass(frozen=True)
class DtbhEntry(BinaryRecord, what=_WHAT):
    """The boards a tree is for, as raw words.

    Attributes:
        chip: The number in the chip's name, such as 7870.
        platform: Samsung's constant 0x50a6; other makers' differ.
        subtype: Samsung's constant 0x217584da; other makers' differ.
        hw_rev: The first hardware revision it is for.
        hw_rev_end: The last one.
        space: Always 0x20: the maker's tool writes a space.
    """

    chip: Le32
    platform: Le32
    subtype: Le32
    hw_rev: Le32
    hw_rev_end: Le32
    offset: Le32
    size: Le32
    space: Le32


DTBH = TableFormat(_WHAT, DTBH_MAGIC, {2: DtbhEntry})
