"""Which boards a device tree is for, and which board a phone is: the ids of all makers in one form.

Sources: lk2nd platform/msm_shared/dev_tree.c (qcom,msm-id of two and three cells, qcom,board-id,
qcom,pmic-id, the subtype in the variant's top byte); efidroid modules_libboot qcdt.c (LGE's fourth cell,
Oppo's four-cell board-id, htc,project-id); dtbtool of Samsung's Exynos, of Spreadtrum's and of Marvell's
kernels.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal, TypeAlias

from hardboot.base.errors import InputError
from hardboot.formats.containers.devicetrees import Ids, Kind
from hardboot.formats.reading import malformed
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Node

Cells: TypeAlias = Sequence[tuple[int, ...]]
Scheme: TypeAlias = Literal["htc", "qcom", "QCDT", "exynos", "sprd", "pxa", "dt_table"]

MAX_IDS = 1024  # of one tree; a tree of OnePlus' has 8
_OPPO_PROJECTS = range(10000, 30000)  # five digits, such as 15055; no variant_id of Qualcomm's looks so
_SAMSUNG = 0xFF01  # low half of Samsung's platform words: the chip is in the top byte (0xb208ff01 is 178)
_SUBTYPE_SHIFT = 24
_PROPERTIES = {  # what a person may type, and the property it stands for
    "msm-id": "qcom,msm-id",
    "board-id": "qcom,board-id",
    "pmic-id": "qcom,pmic-id",
    "project-id": "htc,project-id",
    "sc-id": "sprd,sc-id",
    "rev-id": "pxa,rev-id",
    "chip": "model_info-chip",
    "hw-rev": "model_info-hw_rev",
    "hw-rev-end": "model_info-hw_rev_end",
}
_LABELS: dict[Scheme, tuple[str, str, str, str]] = {
    "qcom": ("platform", "variant", "subtype", "soc_rev"),
    "QCDT": ("platform", "variant", "subtype", "soc_rev"),
    "htc": ("project", "pcb", "subtype", "soc_rev"),
    "exynos": ("chip", "platform", "subtype", "hw_rev"),
    "sprd": ("chip", "platform", "subtype", "revision"),
    "pxa": ("chip", "revision", "subtype", "soc_rev"),
    "dt_table": ("id", "rev", "subtype", "revision"),
}


@dataclass(frozen=True)
class BoardId:
    """One board. What is None or empty is not stated.

    Attributes:
        scheme: Who gave the numbers. Entries of a QCDT hold qcom's words, on HTC's phones HTC's.
        platform: The chip; of dt_table the id.
        variant: The kind of board; of HTC the pcb, of Marvell the board's revision, of dt_table
            the rev.
        soc_rev: Of a tree the lowest revision it is for, of a phone its own; of Exynos of the hardware.
        last_rev: The highest revision, where one is stated.
        board_rev: LGE's fourth cell.
        vendor: Oppo's third and fourth cell: project and hardware revision.
        pmic: Model (low byte) and revision of up to four power chips; 0 is any.
        model: The name in Motorola's tables.
    """

    scheme: Scheme
    platform: int
    variant: int | None = None
    subtype: int | None = None
    soc_rev: int | None = None
    last_rev: int | None = None
    board_rev: int | None = None
    vendor: tuple[int, ...] = ()
    pmic: tuple[int, ...] = ()
    model: str = ""

    @property
    def chip(self) -> int:
        """The chip alone, without foundry and Samsung's coding."""
        if self.scheme not in ("qcom", "QCDT"):
            return self.platform
        return self.platform >> 24 if self.samsung else self.platform & 0xFFFF

    @property
    def samsung(self) -> bool:
        """True if the platform word is coded as Samsung does it."""
        return self.scheme in ("qcom", "QCDT") and self.platform & 0xFFFF == _SAMSUNG

    @property
    def foundry(self) -> int:
        """Who made the chip; 0 if it does not matter."""
        qualcomm = self.scheme in ("qcom", "QCDT") and not self.samsung
        return self.platform >> 16 if qualcomm else 0

    @property
    def labels(self) -> tuple[str, str, str, str]:
        """What its makers call platform, variant, subtype and soc_rev."""
        return _LABELS[self.scheme]

    def __str__(self) -> str:
        names = self.labels
        values = (self.platform, self.variant, self.subtype)
        words = [
            f"{name} {value:#x}" for name, value in zip(names, values, strict=False) if value is not None
        ]
        if self.soc_rev is not None:
            last = f"-{self.last_rev:#x}" if self.last_rev is not None else ""
            words.append(f"{names[3]} {self.soc_rev:#x}{last}")
        if self.board_rev is not None:
            words.append(f"board_rev {self.board_rev:#x}")
        for name, cells in (("vendor", self.vendor), ("pmic", self.pmic)):
            if any(cells):
                words.append(f"{name} {','.join(f'{cell:#x}' for cell in cells)}")
        if self.model:
            words.append(f"model {self.model}")
        return " ".join(words)


def of_properties(root: Node) -> tuple[BoardId, ...]:
    """The boards in the properties of a tree's root, without repetition.

    Raises:
        InputError: If an id property is malformed, or there are more than MAX_IDS.
    """
    return tuple(dict.fromkeys([*_htc(root), *_qcom(root), *_exynos(root), *_sprd(root), *_pxa(root)]))


def of_rows(msm_ids: Cells, board_ids: Cells) -> tuple[BoardId, ...]:
    """The boards in entries of qcom,msm-id and qcom,board-id, whose widths are what they are.

    Raises:
        InputError: If there are more than MAX_IDS.
    """
    return tuple(dict.fromkeys(_of_rows(msm_ids, board_ids, ())))


def of_entry(kind: Kind, ids: Ids) -> BoardId | None:
    """The board in an entry of a table; None if its holder gives no ids."""
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


def parse(text: str) -> tuple[BoardId, ...]:
    """The boards in what a person types: `178,0x47,0x8200` or `msm-id=194,0x10000 board-id=8,0`.

    Raises:
        InputError: If it is no such text.
    """
    root = Node("")
    other: dict[str, tuple[int, ...]] = {}
    model = ""
    for word in text.split():
        name, equals, value = word.rpartition("=")
        name = name if equals else "msm-id"
        if name == "model":
            model = value
        elif name in _PROPERTIES:
            key = _PROPERTIES[name]
            root.properties[key] = root.properties.get(key, b"") + fdt.cells(_numbers(word, value))
        elif name == "id":
            other[name] = _numbers(word, value)
        else:
            known = ", ".join([*_PROPERTIES, "id", "model"])
            raise _wrong(text, f"{name!r} is no kind of id; known are {known}")
    chips = root.properties.get("qcom,msm-id", b"")
    alone = len(chips) == 4  # a chip without its revision
    if alone:
        root.properties["qcom,msm-id"] = chips + bytes(4)
    found = of_properties(root)
    if alone:
        found = tuple(replace(one, soc_rev=None) if one.scheme == "qcom" else one for one in found)
    if "id" in other:
        number, *rest = other["id"]
        found += (BoardId("dt_table", number, rest[0] if rest else None),)
    if not found:
        raise _wrong(text, "no chip is in it")
    return tuple(replace(one, model=model) for one in found) if model else found


def _numbers(word: str, value: str) -> tuple[int, ...]:
    try:
        found = tuple(int(cell, 0) for cell in value.split(","))
    except ValueError as error:
        raise _wrong(word, "not numbers with commas between them") from error
    if not all(0 <= cell < 1 << 32 for cell in found):
        raise _wrong(word, "a cell is below 0x100000000")
    return found


def _wrong(text: str, problem: str) -> InputError:
    return InputError(
        f"--match {text[:80]!r}: {problem}",
        state="Nothing was sent.",
        fix="Write it as in the phone's device tree: --match 178,0x47,0x8200, or "
        '--match "msm-id=194,0x10000 board-id=8,0".',
    )


def _tuples(root: Node, name: str, width: int) -> list[tuple[int, ...]]:
    value = root.properties.get(name, b"")
    if len(value) % (4 * width):
        raise malformed("device tree", name, 0, f"{len(value)} bytes are no list of {width} cells each")
    if len(value) > 4 * width * MAX_IDS:
        raise malformed("device tree", name, 0, f"more than {MAX_IDS} ids")
    words = fdt.read_u32s(value)
    return [words[at : at + width] for at in range(0, len(words), width)]


def _qcom(root: Node) -> Iterable[BoardId]:
    chips = _tuples(root, "qcom,msm-id", 1)
    words = [word for (word,) in chips]
    boards = _tuples(root, "qcom,board-id", 2)
    if not words:
        return
    width = _msm_width(words, bool(boards))
    rows = _tuples(root, "qcom,msm-id", width)
    flat = [word for board in boards for word in board]
    if boards and len(flat) % 4 == 0 and all(word in _OPPO_PROJECTS for word in flat[2::4]):
        boards = _tuples(root, "qcom,board-id", 4)
    yield from _of_rows(rows, boards, _tuples(root, "qcom,pmic-id", 4))


def _of_rows(rows: Cells, boards: Cells, pmics: Cells) -> Iterable[BoardId]:
    kinds = boards if boards and rows and len(rows[0]) == 2 else [()]
    pmics = pmics or [()]
    if len(rows) * len(kinds) * len(pmics) > MAX_IDS:
        raise malformed("device tree", "qcom,msm-id", 0, f"more than {MAX_IDS} ids")
    for row, board, pmic in product(rows, kinds, pmics):
        if len(row) == 2:
            variant, subtype = (board[0], board[1]) if board else (None, None)
            found = BoardId("qcom", row[0], variant, subtype, row[1], vendor=board[2:], pmic=pmic)
        else:
            rev = row[3] if len(row) == 4 else None
            found = BoardId("qcom", row[0], row[1], None, row[2], board_rev=rev, pmic=pmic)
        yield _with_subtype(found)


def _msm_width(words: list[int], boards: bool) -> int:
    """Cells of one id: 2 beside a qcom,board-id, else 3, or LGE's 4."""
    count = len(words)
    if boards and count % 2 == 0:
        return 2
    if count % 4 == 0 and (count % 3 or len(set(words[::4])) == 1):
        return 4
    return 3 if count % 3 == 0 else 2


def _with_subtype(found: BoardId) -> BoardId:
    """With the subtype out of the variant's top byte, where it is if there is none of its own."""
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
    # Platform and subtype are names in the tree and their hashes in the table: not compared.
    first = _tuples(root, "model_info-hw_rev", 1)
    last = _tuples(root, "model_info-hw_rev_end", 1)
    for (chip,) in _tuples(root, "model_info-chip", 1):
        yield BoardId(
            "exynos",
            chip,
            soc_rev=first[0][0] if first else None,
            last_rev=last[0][0] if last else None,
        )
