"""Spreadtrum device tree tables (SPRD, "dt.img") of version 1.

Source: dtbtool in Spreadtrum's device folders, whose entries are sprd,sc-id of each tree.
"""

from dataclasses import dataclass

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.trees.tree_table import TableFormat

SPRD_MAGIC = b"SPRD"

_WHAT = "Spreadtrum device tree table"


@dataclass(frozen=True)
class SprdEntry(BinaryRecord, what=_WHAT):
    """The boards a tree is for, as raw words.

    Attributes:
        chip: The number in the chip's name, such as 8830.
        platform: The kind of board.
        revision: Of the chip, such as 0x20000.
    """

    chip: Le32
    platform: Le32
    revision: Le32
    offset: Le32
    size: Le32


SPRD = TableFormat(_WHAT, SPRD_MAGIC, {1: SprdEntry})
