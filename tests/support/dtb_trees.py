"""Device trees, and which of them matches a phone."""

from image_builders import dtb

from hardboot import devicetree
from hardboot.devicetree import Match
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node

ONE, TWO, THREE = (dtb(f'/ {{ model = "{name}"; }};') for name in ("one", "two", "three"))


def tree(name: str = "", **properties: tuple[int, ...]) -> Fdt:
    names = {"msm": "qcom,msm-id", "board": "qcom,board-id", "pmic": "qcom,pmic-id", "htc": "htc,project-id"}
    root = Node("", {names[key]: fdt.cells(value) for key, value in properties.items()})
    root.properties["model"] = name.encode()
    return Fdt(root)


def match(live: Fdt | str, *trees: Fdt) -> Match:
    named = [devicetree.candidate(one) for one in trees]
    for index, one in enumerate(trees):
        one.root.properties["model"] += b" %d" % index  # no two are the same
    phone = devicetree.typed_phone_ids(live) if isinstance(live, str) else devicetree.phone_ids(live)
    return devicetree.match(named, phone)


def reasons(matched: Match) -> list[str]:
    assert [one.taken for one in matched.verdicts].count(True) == (matched.index is not None)
    return [one.reason for one in matched.verdicts]


def in_file(data: bytes, match: str) -> int | None:
    found = devicetrees.find(data)
    assert found is not None
    return devicetree.match(devicetree.candidates(found), devicetree.typed_phone_ids(match)).index
