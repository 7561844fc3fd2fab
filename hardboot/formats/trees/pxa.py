"""Marvell device tree tables (PXA-DT, PXA-19xx, "dt.img") of version 1.

Source: dtbtool in the device folders of Samsung's Marvell phones, whose entries are pxa,rev-id of each tree.
"""

from dataclasses import dataclass

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.trees.tree_table import TableFormat

PXA_DT_MAGIC = b"PXA-DT"
PXA_19XX_MAGIC = b"PXA-19xx"

_WHAT = "Marvell device tree table"


@dataclass(frozen=True)
class PxaEntry(BinaryRecord, what=_WHAT):
    """The boards a tree is for, as raw words.

    Attributes:
        chip: The chip's number, such as 0xf45.
        revision: Of the board.
    """

    chip: Le32
    revision: Le32
    offset: Le32
    size: Le32


PXA_DT = TableFormat(_WHAT, PXA_DT_MAGIC, {1: PxaEntry})
PXA_19XX = TableFormat(_WHAT, PXA_19XX_MAGIC, {1: PxaEntry})
