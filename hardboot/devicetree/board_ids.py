"""Read board ids: from a tree's properties, from an entry of a table (QCDT and others), from a profile.

Sources: lk2nd platform/msm_shared/dev_tree.c (qcom,msm-id of two and three cells, qcom,board-id,
qcom,pmic-id, the subtype in the variant's top byte); caf-backup/quic_la_abl_tianocore_edk2,
QcomModulePkg/Library/BootLib/LocateDeviceTree.c, ReadDtbFindMatch() and GetBoardDtb() (overlays: qcom,msm-id
may be missing, and subtype 0 is any); efidroid modules_libboot qcdt.c (LGE's fourth cell,
Oppo's four-cell board-id, htc,project-id); dtbtool of Samsung's Exynos, of Spreadtrum's and of Marvell's
kernels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from itertools import product
from typing import TypeAlias

from hardboot.devicetree.board_id import BoardId
from hardboot.formats.containers.devicetrees import Ids, Kind
from hardboot.formats.reading import malformed
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Node

CellRows: TypeAlias = Sequence[tuple[int, ...]]

MAX_IDS = 1024  # of one tree; OnePlus has trees with 8
_OPPO_PROJECTS = range(10000, 30000)  # five digits, such as 15055; no variant_id of Qualcomm's has
_SUBTYPE_SHIFT = 24


def ids_of_properties(root: Node, *, chip_needed: bool = True) -> tuple[BoardId, ...]:
    """Return the boards in the properties of a tree's root, without repetition.

    Args:
        root: Of a tree or an overlay.
        chip_needed: Ignore a qcom,board-id without qcom,msm-id; in an overlay it always counts.

    Raises:
        InputError: If an id property is malformed, or there are more than MAX_IDS.
    """
    qcom = _qcom(root, chip_needed=chip_needed)
    return tuple(dict.fromkeys([*_htc(root), *qcom, *_exynos(root), *_sprd(root), *_pxa(root)]))


def ids_of_rows(msm_ids: CellRows, board_ids: CellRows) -> tuple[BoardId, ...]:
    """Return the boards in entries of qcom,msm-id and qcom,board-id, as a profile states them.

    Raises:
        InputError: If there are more than MAX_IDS.
    """
    return tuple(dict.fromkeys(_of_rows(msm_ids, board_ids, ())))


def id_of_entry(kind: Kind, ids: Ids) -> BoardId | None:
    """Return the board in an entry of a table; None if tables of this kind state no ids."""
    words = {name: value for name, value in ids.items() if isinstance(value, int)}
    if kind == "QCDT":
        pmic = ids.get("pmic")
        found = BoardId(
            "QCDT",
            words["platform_id"],
            words["variant_id"],
            words.get("subtype"),
            words["soc_rev"],
            pmic=pmic if isinstance(pmic, tuple) else (),
            model=str(ids.get("model", "")),
        )
        return _with_subtype(found)
    if kind == "DTBH":
        first, last = words["hw_rev"], words["hw_rev_end"]
        return BoardId("exynos", words["chip"], words["platform"], words["subtype"], first, last)
    if kind == "SPRD":
        return BoardId("sprd", words["chip"], words["platform"], soc_rev=words["revision"])
    if kind in ("PXA-DT", "PXA-19xx"):
        return BoardId("pxa", words["chip"], words["revision"])
    if kind == "dt_table":
        return BoardId("dt_table", words["id"], words["rev"])
    return None


def _tuples(root: Node, name: str, width: int) -> list[tuple[int, ...]]:
    value = root.properties.get(name, b"")
    if len(value) % (4 * width):
        raise malformed("device tree", name, 0, f"{len(value)} bytes, not a list of {width} cells each")
    if len(value) > 4 * width * MAX_IDS:
        raise malformed("device tree", name, 0, f"more than {MAX_IDS} ids")
    words = fdt.read_cells(value)
    return [words[at : at + width] for at in range(0, len(words), width)]


def is_overlay(root: Node) -> bool:
    """Return whether the root is that of an overlay, which is applied to the tree of a chip."""
    return any(child.name == "__overlay__" for fragment in root.children for child in fragment.children)


def _qcom(root: Node, *, chip_needed: bool) -> Iterable[BoardId]:
    chips = _tuples(root, "qcom,msm-id", 1)
    words = [word for (word,) in chips]
    boards = _tuples(root, "qcom,board-id", 2)
    overlay = is_overlay(root)
    if not words and (not boards or (chip_needed and not overlay)):
        return
    rows = _tuples(root, "qcom,msm-id", _msm_width(words, bool(boards))) if words else [()]
    flat = [word for board in boards for word in board]
    if boards and len(flat) % 4 == 0 and all(word in _OPPO_PROJECTS for word in flat[2::4]):
        boards = _tuples(root, "qcom,board-id", 4)
    for found in _of_rows(rows, boards, _tuples(root, "qcom,pmic-id", 4)):
        yield replace(found, subtype=found.subtype or None) if overlay else found


def _of_rows(rows: CellRows, boards: CellRows, pmics: CellRows) -> Iterable[BoardId]:
    kinds = boards if boards and rows and len(rows[0]) <= 2 else [()]
    pmics = pmics or [()]
    if len(rows) * len(kinds) * len(pmics) > MAX_IDS:
        raise malformed("device tree", "qcom,msm-id", 0, f"more than {MAX_IDS} ids")
    for row, board, pmic in product(rows, kinds, pmics):
        if len(row) <= 2:
            chip, rev = row or (None, None)
            variant, subtype = (board[0], board[1]) if board else (None, None)
            found = BoardId("qcom", chip, variant, subtype, rev, vendor=board[2:], pmic=pmic)
        else:
            board_rev = row[3] if len(row) == 4 else None
            found = BoardId("qcom", row[0], row[1], None, row[2], board_rev=board_rev, pmic=pmic)
        yield _with_subtype(found)


def _msm_width(words: list[int], boards: bool) -> int:
    """Return the cells of one id: 2 beside a qcom,board-id, else 3, or LGE's 4."""
    count = len(words)
    if boards and count % 2 == 0:
        return 2
    if count % 4 == 0 and (count % 3 or len(set(words[::4])) == 1):
        return 4
    return 3 if count % 3 == 0 else 2


def _with_subtype(found: BoardId) -> BoardId:
    """Return `found` with the subtype from the variant's top byte, where it is if not stated by itself."""
    if found.variant is None or found.subtype or not found.variant >> _SUBTYPE_SHIFT:
        return found
    low = found.variant & (1 << _SUBTYPE_SHIFT) - 1
    return replace(found, variant=low, subtype=found.variant >> _SUBTYPE_SHIFT)


def _htc(root: Node) -> Iterable[BoardId]:
    for project, pcb, revision in _tuples(root, "htc,project-id", 3):
        yield BoardId("htc", project, pcb, soc_rev=revision)


def _sprd(root: Node) -> Iterable[BoardId]:
    for chip, platform, revision in _tuples(root, "sprd,sc-id", 3):
        yield BoardId("sprd", chip, platform, soc_rev=revision)


def _pxa(root: Node) -> Iterable[BoardId]:
    for chip, revision in _tuples(root, "pxa,rev-id", 2):
        yield BoardId("pxa", chip, revision)


def _exynos(root: Node) -> Iterable[BoardId]:
    # Platform and subtype are names in the tree, but hashes of them in the table: not compared.
    first = _tuples(root, "model_info-hw_rev", 1)
    last = _tuples(root, "model_info-hw_rev_end", 1)
    for (chip,) in _tuples(root, "model_info-chip", 1):
        yield BoardId(
            "exynos",
            chip,
            soc_rev=first[0][0] if first else None,
            last_rev=last[0][0] if last else None,
        )
