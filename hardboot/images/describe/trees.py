"""Describe device trees, on their own or in a table."""

from hardboot.base.errors import InputError
from hardboot.formats.containers import devicetrees
from hardboot.formats.containers.devicetrees import TreeEntry
from hardboot.formats.trees import fdt
from hardboot.images.describe.document import Document


def describe_trees(data: memoryview) -> Document:
    """Describe the device trees in `data`; damage in one of them is its entry's `problem`.

    Raises:
        InputError: If the table is damaged, or the first tree.
    """
    table = devicetrees.find(data)
    if table is None:
        return {"kind": None, "compression": None, "entries": [], "trailing_size": None}
    trees: dict[tuple[int, int], Document] = {}
    entries = []
    for entry in table.entries:
        place = entry.offset, len(entry.data)
        if place not in trees:
            trees[place] = {"offset": entry.offset, **describe_tree(entry)}
        entries.append({**trees[place], "ids": {name: _json(value) for name, value in entry.ids.items()}})
    end = max((entry.offset + len(entry.data) for entry in table.entries), default=0)
    return {
        "kind": table.kind,
        "compression": table.compression,
        "entries": entries,
        "trailing_size": None if table.compression or table.kind in ("RSCE", "FIT") else len(data) - end,
    }


def _json(value: int | str | tuple[int, ...]) -> int | str | list[int]:
    return list(value) if isinstance(value, tuple) else value


def describe_tree(entry: TreeEntry) -> Document:
    """Describe one device tree: for which boards it is."""
    document: Document = {
        "size": len(entry.data),
        "model": None,
        "compatible": [],
        "msm_id": None,
        "board_id": None,
    }
    try:
        properties = entry.tree().root.properties
    except InputError as error:
        return {**document, "problem": error.what}
    if "model" in properties:
        document["model"] = fdt.text(properties["model"])
    for name in ("msm-id", "board-id"):
        raw = properties.get(f"qcom,{name}")
        if raw is not None and len(raw) % 4 == 0:
            document[name.replace("-", "_")] = list(fdt.read_cells(raw))
    return {**document, "compatible": fdt.strings(properties.get("compatible"))}
