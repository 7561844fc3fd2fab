"""Tables of device trees as containers."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.formats.boot import tail
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container
from hardboot.formats.reading import Data, malformed, pieces


def table(kind: str, data: memoryview) -> Container:
    """A table of one of sniff.TABLE_KINDS; each of its trees is a part."""
    from hardboot.formats.trees import dtbh, dtbo, pxa, qcdt, sprd

    formats = (dtbo, qcdt, dtbh, sprd, pxa.PXA_DT, pxa.PXA_19XX)
    module: Any = dict(zip(sniff.TABLE_KINDS, formats, strict=True))[kind]
    found = module.parse(data)
    _check_outside(kind, module, found, data)
    names = [f"tree{index}" for index in range(len(found.trees))]
    order = sorted(range(len(names)), key=lambda index: found.trees[index].offset)

    def rebuild(changes: Changes) -> Iterator[Data]:
        slots = [
            replace(slot, data=changes.parts[name], offset=None, size=None)
            for name, slot in zip(names, found.trees, strict=True)
        ]
        renewed = module.renew(replace(found, trees=tuple(slots)))
        if module is dtbo:
            moved = tail.renew(found.tail, found.total_size, renewed.total_size)
            renewed = replace(renewed, tail=moved)
        return pieces(module.build(renewed))

    return Container(
        kind=kind,
        fields={},
        parts=tuple(Part(names[one], found.trees[one].offset, found.trees[one].data) for one in order),
        part_fields={},
        signed=module is dtbo and tail.is_signed(found.tail, found.total_size),
        rebuild=rebuild,
    )


def _check_outside(kind: str, module: Any, table: Any, data: memoryview) -> None:
    """A tree that lies on the table itself is no part: without it the table says something else."""
    frame = bytearray(data)
    for slot in table.trees:
        frame[slot.offset : slot.offset + len(slot.data)] = bytes(len(slot.data))
    try:
        again = module.parse(frame)
        same = again.entries == table.entries and _spans(again) == _spans(table)
    except InputError:
        same = False
    if not same:
        raise malformed(kind, "entries", 0, "a tree lies on the table itself")


def _spans(table: Any) -> list[tuple[int, int]]:
    return [(slot.offset, len(slot.data)) for slot in table.trees]
