"""One table of device trees of each format, and how it is read and written."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from image_builders import amlogic, board, dtbh, dtbo, pxa, qcdt, sprd

from hardboot.formats.trees import dtbo as overlays
from hardboot.formats.trees.amlogic import AMLOGIC
from hardboot.formats.trees.dtbh import DTBH
from hardboot.formats.trees.pxa import PXA_19XX, PXA_DT
from hardboot.formats.trees.qcdt import QCDT
from hardboot.formats.trees.sprd import SPRD
from hardboot.formats.trees.tree_table import TableFormat

A, B, C = board("a"), board("b"), board("c")
QCDT_IDS: dict[int, tuple[int, ...]] = {
    1: (0x7E, 8, 0x20000),
    2: (0xCE, 0x1F45, 4, 0x10000),
    3: (0xB801FF01, 1, 2, 3, 4, 5, 6, 7),
}


@dataclass(frozen=True)
class Sample:
    """A table and its format."""

    data: bytes = field(repr=False)
    parse: Callable[[bytes], Any]
    build: Callable[[Any], bytes]
    with_trees: Callable[[Any, Sequence[bytes]], Any]


def several(version: int, page: int = 2048) -> bytes:
    """Return a Qualcomm table of three entries, the first and last of one tree."""
    ids = QCDT_IDS[version & 0xFF]
    other = (ids[0] + 1, *ids[1:])
    return qcdt(version, [(ids, A), (other, B), (other, A)], page=page)


def _sample(table_format: TableFormat, data: bytes) -> Sample:
    return Sample(data, table_format.parse, table_format.build, table_format.with_trees)


_ROWS: list[tuple[tuple[int, ...], bytes]] = [
    ((1, 2, 3, 4, 5, 6), A),
    ((7, 0, 0, 0, 0, 0), B),
    ((8, 0, 0, 0, 0, 0), A),
]
SAMPLES: dict[str, Sample] = {
    **{f"QCDT {version:#x}": _sample(QCDT, several(version)) for version in (1, 2, 3, 0x101, 0x102, 0x103)},
    "DTBH": _sample(DTBH, dtbh([((0x1EBE, 0x50A6, 0x217584DA, 0, 2), A), ((0x1EBE, 1, 2, 3, 255), B)])),
    "SPRD": _sample(SPRD, sprd([((0x227E, 1, 0x20000), A), ((0x227E, 2, 0x20000), B)])),
    "PXA-DT": _sample(PXA_DT, pxa(b"PXA-DT", [((0xF45, 0), A), ((0xF45, 1), B)])),
    "PXA-19xx": _sample(PXA_19XX, pxa(b"PXA-19xx", [((0xF59, 0), A), ((0xF59, 1), B)])),
    "AML_ 1": _sample(AMLOGIC, amlogic(1, [(("gxl", "p212", "1g"), A), (("gxl", "p212", "2g"), B)])),
    "AML_ 2": _sample(AMLOGIC, amlogic(2, [(("g12a", "u212dragon", "2g"), A), (("g12a", "u200", "2g"), B)])),
    "dt_table": Sample(dtbo(_ROWS), overlays.parse, overlays.build, overlays.with_trees),
}
