"""Qualcomm device tree tables (QCDT, "dt.img") of version 1, 2 and 3, and Motorola's 0x101 to 0x103.

Sources: lk2nd platform/msm_shared/include/dev_tree.h and dev_tree.c; skales' dtbtool; dtbtool.c in the
device folders of Motorola's phones, whose entries end with the name of a board.
"""

from dataclasses import dataclass
from typing import Annotated

from construct import Array, Bytes, Int32ul

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.trees.tree_table import TableFormat

QCDT_MAGIC = b"QCDT"
MODEL_SIZE = 32  # bytes

_WHAT = "Qualcomm device tree table"


@dataclass(frozen=True)
class QcdtEntry1(BinaryRecord, what=_WHAT):
    """The boards a tree is for, as raw words: no bit of them is interpreted.

    Attributes:
        platform_id: The chip in the low 16 bits; the rest may name its foundry or packaging.
        variant_id: The kind of board.
        soc_rev: The lowest revision of the chip the tree is for.
    """

    platform_id: Le32
    variant_id: Le32
    soc_rev: Le32
    offset: Le32
    size: Le32


@dataclass(frozen=True)
class QcdtEntry2(BinaryRecord, what=_WHAT):
    """An entry of version 2: names a subtype of the board, too."""

    platform_id: Le32
    variant_id: Le32
    subtype: Le32
    soc_rev: Le32
    offset: Le32
    size: Le32


@dataclass(frozen=True)
class QcdtEntry3(BinaryRecord, what=_WHAT):
    """An entry of version 3: names the revisions of the power management chips, too."""

    platform_id: Le32
    variant_id: Le32
    subtype: Le32
    soc_rev: Le32
    pmic: Annotated[tuple[int, ...], Array(4, Int32ul)]
    offset: Le32
    size: Le32


@dataclass(frozen=True)
class MotorolaEntry1(QcdtEntry1):
    """An entry of version 0x101: `model` is the name of the board, padded with NULs."""

    model: Annotated[bytes, Bytes(MODEL_SIZE)]


@dataclass(frozen=True)
class MotorolaEntry2(QcdtEntry2):
    """An entry of version 0x102."""

    model: Annotated[bytes, Bytes(MODEL_SIZE)]


@dataclass(frozen=True)
class MotorolaEntry3(QcdtEntry3):
    """An entry of version 0x103."""

    model: Annotated[bytes, Bytes(MODEL_SIZE)]


QCDT = TableFormat(
    _WHAT,
    QCDT_MAGIC,
    {
        1: QcdtEntry1,
        2: QcdtEntry2,
        3: QcdtEntry3,
        0x101: MotorolaEntry1,
        0x102: MotorolaEntry2,
        0x103: MotorolaEntry3,
    },
)
