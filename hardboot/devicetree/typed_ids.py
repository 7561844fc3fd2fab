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
SHAPES: dict[str, tuple[str, ...]] = {  # the numbers of one id, in each form that it has
    "msm-id": ("CHIP", "CHIP,REVISION", "CHIP,VARIANT,REVISION", "CHIP,VARIANT,REVISION,BOARD_REVISION"),
    "board-id": ("VARIANT,SUBTYPE", "VARIANT,SUBTYPE,PROJECT,HW_REVISION"),
    "pmic-id": ("PMIC,PMIC,PMIC,PMIC",),
    "project-id": ("PROJECT,PCB,REVISION",),
    "sc-id": ("CHIP,PLATFORM,REVISION",),
    "rev-id": ("CHIP,REVISION",),
    "chip": ("CHIP",),
    "hw-rev": ("REVISION",),
    "hw-rev-end": ("REVISION",),
    "id": ("ID", "ID,REVISION"),
}
_SINGLE = ("hw-rev", "hw-rev-end", "id")  # of these only one may be given


def parse_typed_ids(text: str) -> tuple[BoardId, ...]:
    """Parse ids as typed after --match: `178,0x47,0x8200` or `msm-id=194,0x10000 board-id=8,0`.

    Raises:
        InputError: If the text holds no chip or board, or something that is not an id.
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
            key, numbers = _PROPERTIES[name], _numbers(word, name, value)
            before = root.properties.get(key, b"")
            if name == "msm-id" and before and 4 in (len(before), 4 * len(numbers)):
                raise _wrong(text, "of several chips, each needs 2 numbers (CHIP,REVISION) or more")
            root.properties[key] = before + fdt.cells(numbers)
        elif name == "id":
            other[name] = _numbers(word, name, value)
        else:
            known = ", ".join([*_PROPERTIES, "id", "model"])
            raise _wrong(text, f"unknown id {name!r}; known ids are {known}")
    chips = root.properties.get("qcom,msm-id", b"")
    alone = len(chips) == 4  # a chip without its revision
    if alone:
        root.properties["qcom,msm-id"] = chips + bytes(4)
    try:
        found = ids_of_properties(root, chip_needed=False)
    except InputError as error:
        raise _wrong(text, error.what) from error
    if alone:
        found = tuple(replace(one, soc_rev=None) if one.scheme == "qcom" else one for one in found)
    if "id" in other:
        number, *rest = other["id"]
        found += (BoardId("dt_table", number, rest[0] if rest else None),)
    if not found:
        raise _wrong(text, "it names no chip and no board")
    return tuple(replace(one, model=model) for one in found) if model else found


def _numbers(word: str, name: str, value: str) -> tuple[int, ...]:
    try:
        found = tuple(int(cell, 0) for cell in value.split(","))
    except ValueError as error:
        raise _wrong(word, "not a list of numbers separated by commas") from error
    if not all(0 <= cell < 1 << 32 for cell in found):
        raise _wrong(word, "each number must be at least 0 and below 0x100000000")
    sizes = [shape.count(",") + 1 for shape in SHAPES[name]]
    listed = [] if name in _SINGLE else [size for size in sizes if size > 1 or name == "chip"]
    if len(found) not in sizes and all(len(found) % size for size in listed):
        first, *others = (f"{size} ({shape})" for size, shape in zip(sizes, SHAPES[name], strict=True))
        first = first.replace(" ", " number " if sizes[0] == 1 else " numbers ")
        raise _wrong(word, f"{name} needs {' or '.join([first, *others])}, not {len(found)}")
    return found


def _wrong(text: str, problem: str) -> InputError:
    return InputError(
        f"--match {text[:80]!r}: {problem}",
        state="Nothing was changed.",
        fix="Write it as in the phone's device tree: --match 178,0x47,0x8200, or "
        '--match "msm-id=194,0x10000 board-id=8,0".',
    )
