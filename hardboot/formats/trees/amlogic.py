"""Amlogic device tree tables ("AML_", dt.img, _aml_dtb and the part `second`) of version 1 and 2.

Sources: U-Boot of Amlogic's, common/aml_dt.c get_multi_dt_entry(): 32-bit words of each text are stored in
reversed byte order; ampart src/dtb.c at 03e6a73 (offset and size of each tree).
"""

from dataclasses import dataclass
from typing import Annotated

from construct import Array, Bytes, ByteSwapped

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.trees.tree_table import TableFormat

AMLOGIC_MAGIC = b"AML_"

_WHAT = "Amlogic device tree table"
_Word = ByteSwapped(Bytes(4))


@dataclass(frozen=True)
class AmlogicEntry1(BinaryRecord, what=_WHAT):
    """An entry of version 1: the board a tree is for, as words of text that blanks fill up.

    Attributes:
        soc: The chip, such as "gxl".
        platform: The kind of board, such as "p212".
        variant: Mostly the size of its memory, such as "1g".
    """

    soc: Annotated[tuple[bytes, ...], Array(1, _Word)]
    platform: Annotated[tuple[bytes, ...], Array(1, _Word)]
    variant: Annotated[tuple[bytes, ...], Array(1, _Word)]
    offset: Le32
    size: Le32


@dataclass(frozen=True)
class AmlogicEntry2(AmlogicEntry1):
    """An entry of version 2, whose texts have up to 16 characters."""

    soc: Annotated[tuple[bytes, ...], Array(4, _Word)]
    platform: Annotated[tuple[bytes, ...], Array(4, _Word)]
    variant: Annotated[tuple[bytes, ...], Array(4, _Word)]


AMLOGIC = TableFormat(_WHAT, AMLOGIC_MAGIC, {1: AmlogicEntry1, 2: AmlogicEntry2})
