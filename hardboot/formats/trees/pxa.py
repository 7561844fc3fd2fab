"""Marvell device tree tables (PXA-DT, PXA-19xx, "dt.img") of version 1: read, write.

Source: dtbtool in the device folders of Samsung's Marvell phones, whose entries are pxa,rev-id of each tree.
"""

from dataclasses import dataclass

from hardboot.formats.trees.wordtable import WordTable

PXA_DT_MAGIC = b"PXA-DT"
PXA_19XX_MAGIC = b"PXA-19xx"


@dataclass(frozen=True)
class Entry:
    """Which boards a tree is for, as raw words.

    Attributes:
        chip: The chip's number, such as 0xf45.
        revision: Of the board.
        tree: Index of its tree in the table.
    """

    chip: int
    revision: int
    tree: int = 0


_WORDS = ("chip", "revision", "offset", "size")
PXA_DT: WordTable[Entry] = WordTable("Marvell device tree table", PXA_DT_MAGIC, 1, Entry, _WORDS)
PXA_19XX: WordTable[Entry] = WordTable("Marvell device tree table", PXA_19XX_MAGIC, 1, Entry, _WORDS)
