"""Board ids as a person types them (hardboot dtb --match)."""

from dataclasses import replace

from hardboot.base.errors import InputError
from hardboot.devicetree.board_id import BoardId
from hardboot.devicetree.board_ids import ids_of_properties
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Node

_PROPERTIES = {  # what may be typed, and the property it stands for
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


def parse_typed_ids(text: str) -> tuple[BoardId, ...]:
    """Parse ids as typed after --match: `178,0x47,0x8200` or `msm-id=194,0x10000 board-id=8,0`.

    Raises:
        InputError: If the text holds no chip, or something that is not an id.
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
            raise _wrong(text, f"unknown id {name!r}; known ids are {known}")
    chips = root.properties.get("qcom,msm-id", b"")
    alone = len(chips) == 4  # a chip without its revision
    if alone:
        root.properties["qcom,msm-id"] = chips + bytes(4)
    try:
        found = ids_of_properties(root)
    except InputError as error:
        raise _wrong(text, error.what) from error
    if alone:
        found = tuple(replace(one, soc_rev=None) if one.scheme == "qcom" else one for one in found)
    if "id" in other:
        number, *rest = other["id"]
        found += (BoardId("dt_table", number, rest[0] if rest else None),)
    if not found:
        raise _wrong(text, "it names no chip")
    return tuple(replace(one, model=model) for one in found) if model else found


def _numbers(word: str, value: str) -> tuple[int, ...]:
    try:
        found = tuple(int(cell, 0) for cell in value.split(","))
    except ValueError as error:
        raise _wrong(word, "not a list of numbers separated by commas") from error
    if not all(0 <= cell < 1 << 32 for cell in found):
        raise _wrong(word, "each number must be at least 0 and below 0x100000000")
    return found


def _wrong(text: str, problem: str) -> InputError:
    return InputError(
        f"--match {text[:80]!r}: {problem}",
        state="Nothing was sent.",
        fix="Write it as in the phone's device tree: --match 178,0x47,0x8200, or "
        '--match "msm-id=194,0x10000 board-id=8,0".',
    )
