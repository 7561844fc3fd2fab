"""Samsung Exynos device tree tables (DTBH, "dt.img") of version 2: read, write.

Source: Samsung's dtbtool in its kernels' scripts; boot-deploy and pmbootstrap read platform and subtype.
"""

from dataclasses import dataclass
from typing import TypeAlias

from hardboot.formats.trees.dttable import Table
from hardboot.formats.trees.wordtable import WordTable

DTBH_MAGIC = b"DTBH"


@dataclass(frozen=True)
class Entry:
    """Which boards a tree is for, as raw words.

    Attributes:
        chip: The number in the chip's name, such as 7870.
        platform: Samsung's constant 0x50a6; other makers' differ.
        subtype: Samsung's constant 0x217584da; other makers' differ.
        hw_rev: The first hardware revision it is for.
        hw_rev_end: The last one.
        space: Always 0x20: the tables' tool writes a space.
        tree: Index of its tree in the table.
    """

    chip: int
    platform: int
    subtype: int
    hw_rev: int
    hw_rev_end: int
    space: int = 0x20
    tree: int = 0


Dtbh: TypeAlias = Table[Entry]
_TABLE: WordTable[Entry] = WordTable(
    "Samsung device tree table",
    DTBH_MAGIC,
    2,
    Entry,
    ("chip", "platform", "subtype", "hw_rev", "hw_rev_end", "offset", "size", "space"),
)
IDS = _TABLE.ids
parse, build, renew = _TABLE.parse, _TABLE.build, _TABLE.renew
