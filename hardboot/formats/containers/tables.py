"""Tables of device trees as containers."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import chain

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.boot import tail, tail_renewal
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container, Rebuilt
from hardboot.formats.reading import Data, malformed, pieces, windows
from hardboot.formats.trees import dtbo
from hardboot.formats.trees.amlogic import AMLOGIC
from hardboot.formats.trees.dtbh import DTBH
from hardboot.formats.trees.dtbo import OverlayTable
from hardboot.formats.trees.pxa import PXA_19XX, PXA_DT
from hardboot.formats.trees.qcdt import QCDT
from hardboot.formats.trees.sprd import SPRD
from hardboot.formats.trees.stored_trees import StoredTree
from hardboot.formats.trees.tree_table import TableFormat, TreeTable

_FORMATS: dict[str, TableFormat] = {
    sniff.QCDT_TABLE: QCDT,
    sniff.DTBH_TABLE: DTBH,
    sniff.SPRD_TABLE: SPRD,
    sniff.PXA_DT_TABLE: PXA_DT,
    sniff.PXA_19XX_TABLE: PXA_19XX,
    sniff.AMLOGIC_TABLE: AMLOGIC,
}
AnyTable = TreeTable | OverlayTable


def open_table(kind: str, data: memoryview, base: int = 0) -> Container:
    """Take a table of one of sniff.TABLE_KINDS apart; each of its trees is a part.

    Args:
        kind: As `sniff` names it.
        data: The table, with what follows it.
        base: Bytes in front of `data` in the file, from whose start an AVB footer counts.

    Raises:
        InputError: If it is malformed, or a tree overlaps the table itself.
    """
    if kind == sniff.OVERLAY_TABLE:
        return _overlays(kind, data, base)
    table_format = _FORMATS[kind]
    parsed = table_format.parse(data)
    _check_outside(kind, table_format.parse, parsed, data)

    end = max((tree.span.stop for tree in parsed.trees), default=len(data))
    rest = data[end:]

    def rebuild(changes: Changes) -> Rebuilt:
        table = table_format.build(table_format.with_trees(parsed, _contents(parsed.trees, changes)))
        renewed = tail_renewal.renew(rest, base + end, base + len(table), grow=changes.grow)
        return Rebuilt(chain(pieces(table), windows(renewed.data)), len(table) - end, renewed.overwritten)

    return _container(kind, parsed.trees, rebuild, signed=tail.is_signed(rest, base + end))


def _overlays(kind: str, data: memoryview, base: int) -> Container:
    parsed = dtbo.parse(data)
    _check_outside(kind, dtbo.parse, parsed, data)
    size = parsed.header.total_size

    def rebuild(changes: Changes) -> Rebuilt:
        changed = dtbo.with_trees(parsed, _contents(parsed.trees, changes))
        new_size = changed.header.total_size
        renewed = tail_renewal.renew(parsed.tail, base + size, base + new_size, grow=changes.grow)
        chunks = pieces(dtbo.build(replace(changed, tail=renewed.data)))
        return Rebuilt(chunks, new_size - size, renewed.overwritten)

    return _container(kind, parsed.trees, rebuild, signed=tail.is_signed(parsed.tail, base + size))


def _container(
    kind: str,
    trees: Sequence[StoredTree],
    rebuild: Callable[[Changes], Rebuilt],
    *,
    signed: bool,
) -> Container:
    parts = [Part(_name(index), tree.offset, tree.data) for index, tree in enumerate(trees)]
    return Container(
        kind=kind,
        fields={},
        parts=tuple(sorted(parts, key=lambda part: part.offset)),
        part_fields={},
        signed=signed,
        rebuild=rebuild,
    )


def _name(index: int) -> str:
    return f"tree{index}"


def _contents(trees: Sequence[StoredTree], changes: Changes) -> list[Data]:
    return [changes.parts[_name(index)] for index in range(len(trees))]


def _check_outside(kind: str, parse: Callable[[Data], AnyTable], parsed: AnyTable, data: memoryview) -> None:
    """Refuse a tree that overlaps the table itself: without that tree the table would read differently."""
    frame = bytearray(data)
    for tree in parsed.trees:
        frame[tree.span.start : tree.span.stop] = bytes(len(tree.data))
    try:
        again = parse(frame)
        same = again.entries == parsed.entries and _spans(again) == _spans(parsed)
    except InputError:
        same = False
    if not same:
        raise malformed(kind, "entries", 0, "a tree overlaps the table itself")


def _spans(parsed: AnyTable) -> list[range]:
    return [tree.span for tree in parsed.trees]
