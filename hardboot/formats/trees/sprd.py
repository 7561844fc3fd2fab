"""Spreadtrum device tree tables (SPRD, "dt.img") of version 1: read, write.

Source: dtbtool in Spreadtrum's device folders, whose entries are sprd,sc-id of each tree.
"""

from dataclasses import dataclass
from typing import TypeAlias

from hardboot.formats.trees.dttable import Table
from hardboot.formats.trees.wordtable import WordTable

SPRD_MAGIC = b"SPRD"


@dataclass(frozen=True)
class Entry:
    """Which boards a tree is for, as raw words.

    Attributes:
        chip: The number in the chip's name, such as 8830.
        platform: The kind of board.
        revision: Of the chip, such as 0x20000.
        tree: Index of its tree in the table.
    """

    chip: int
    platform: int
    revision: int
    tree: int = 0


Sprd: TypeAlias = Table[Entry]
_TABLE: WordTable[Entry] = WordTable(
    "Spreadtrum device tree table",
    SPRD_MAGIC,
    1,
    Entry,
    ("chip", "platform", "revision", "offset", "size"),
)
IDS = _TABLE.ids
parse, build, renew = _TABLE.parse, _TABLE.build, _TABLE.renew
