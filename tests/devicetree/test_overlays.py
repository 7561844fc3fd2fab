"""Overlays of dtbo: chosen as the bootloader chooses them, applied as fdtoverlay applies them."""

import subprocess
import sys
from pathlib import Path

import pytest
from image_builders import dtb, dtbo
from told import raises

from hardboot import devicetree
from hardboot.base.errors import RefusedError, ToolError
from hardboot.devicetree import Candidate, PhoneIds, typed_phone_ids
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt

BASE = """
/ {
    #address-cells = <1>; #size-cells = <1>; model = "base";
    soc { phandle = <1>; uart@0 { phandle = <2>; status = "disabled"; }; };
    __symbols__ { soc = "/soc"; uart = "/soc/uart@0"; };
};
"""
ENABLE = '/dts-v1/; /plugin/; &uart { status = "okay"; };'
ADD = "/dts-v1/; /plugin/; &soc { new: new@1 { reg = <1 1>; user = <&new &uart>; }; };"
ROOT = '/dts-v1/; /plugin/; / { fragment@0 { target-path = "/"; __overlay__ { leaf { a = <8>; }; }; }; };'
AGAIN = '/dts-v1/; /plugin/; &uart { status = "fail"; more { deep { }; }; };'


def tree(source: str) -> Fdt:
    return fdt.parse(dtb(source))


def by_fdtoverlay(folder: Path, base: bytes, overlays: list[bytes]) -> Fdt:
    names = []
    for number, data in enumerate([base, *overlays]):
        (folder / f"{number}.dtb").write_bytes(data)
        names.append(f"{number}.dtb")
    command = ["fdtoverlay", "-i", names[0], "-o", "out.dtb", *names[1:]]
    subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=30)
    return fdt.parse((folder / "out.dtb").read_bytes())


@pytest.mark.parametrize("sources", [[ENABLE], [ADD], [ROOT], [ENABLE, ADD, ROOT], [ENABLE, AGAIN], []])
def test_overlays_are_applied_as_fdtoverlay_does(sources: list[str], tmp_path: Path) -> None:
    made = devicetree.apply_overlays(tree(BASE), [tree(one) for one in sources])
    if not sources:
        assert made == tree(BASE)
        return
    assert made == by_fdtoverlay(tmp_path, dtb(BASE), [dtb(one) for one in sources])
    assert made != tree(BASE)


def test_the_base_is_not_changed() -> None:
    base = tree(BASE)
    devicetree.apply_overlays(base, [tree(ENABLE)])
    assert base == tree(BASE)


def test_a_large_overlay_finds_room() -> None:
    nodes = " ".join(f'n{one} {{ text{one} = "{"x" * 60}"; }};' for one in range(2000))
    made = devicetree.apply_overlays(tree(BASE), [tree(f"/dts-v1/; /plugin/; &soc {{ {nodes} }};")])
    soc = made.find("/soc")
    assert soc
    assert len(soc.children) == 2001


def test_an_overlay_that_does_not_fit_is_refused() -> None:
    with raises(
        RefusedError,
        "overlay 1 of dtbo does not fit the ROM's device tree: FDT_ERR_NOTFOUND",
        "Nothing was changed.",
        "Use a dtbo image that belongs to the ROM (--dtbo FILE), or a device tree without overlays "
        "(--dtb FILE).",
    ):
        devicetree.apply_overlays(tree(BASE), [tree(ENABLE), tree("/dts-v1/; /plugin/; &gone { };")])


def test_without_libfdt_it_is_told_how_to_install_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libfdt", None)
    assert devicetree.apply_overlays(tree(BASE), []) == tree(BASE)
    with raises(
        ToolError,
        "the ROM's device tree needs the overlays of dtbo, and libfdt for Python is not installed",
        "Nothing was changed.",
        "Install it: pip install 'hardboot[overlays]'. It is built from source, with a C compiler.",
    ):
        devicetree.apply_overlays(tree(BASE), [tree(ENABLE)])


def candidates(*entries: tuple[tuple[int, ...], str]) -> tuple[Candidate, ...]:
    found = devicetrees.find(dtbo([(ids, dtb(source)) for ids, source in entries]))
    assert found
    return devicetree.candidates(found)


ZERO = (0,) * 6
QCOM = "/dts-v1/; /plugin/; / {{ qcom,msm-id = <{0} 0>; qcom,board-id = <8 0>; fragment@{0} {{ }}; }};"


@pytest.mark.parametrize(
    ("indexes", "sources", "reason"),
    [
        ((1,), [ADD], "number 1 of dtbo, as the bootloader says"),
        ((2, 0), [ROOT, ENABLE], "number 2, 0 of dtbo, as the bootloader says"),
    ],
)
def test_the_bootloaders_indexes_decide(indexes: tuple[int, ...], sources: list[str], reason: str) -> None:
    table = candidates((ZERO, ENABLE), (ZERO, ADD), (ZERO, ROOT))
    chosen = devicetree.choose_overlays(table, PhoneIds(), indexes)
    assert chosen.trees == tuple(tree(one) for one in sources)
    assert chosen.reason == reason


def test_the_only_one_is_taken_without_an_index() -> None:
    chosen = devicetree.choose_overlays(candidates((ZERO, ENABLE)), PhoneIds(), None)
    assert (chosen.trees, chosen.reason) == ((tree(ENABLE),), "the only one of dtbo")


def test_of_several_the_phones_ids_choose() -> None:
    table = candidates((ZERO, QCOM.format(1)), (ZERO, QCOM.format(2)))
    chosen = devicetree.choose_overlays(table, typed_phone_ids("msm-id=2,0 board-id=8,0"), None)
    assert chosen.trees == (tree(QCOM.format(2)),)
    assert chosen.reason.startswith("number 1 of dtbo: best match for ")


@pytest.mark.parametrize(
    ("indexes", "why"),
    [
        ((0, 2), "the bootloader applies number 0,2, and dtbo has 2"),
        (None, "the phone does not say which of the 2 in dtbo fits: "),
    ],
)
def test_an_unclear_choice_is_refused(indexes: tuple[int, ...] | None, why: str) -> None:
    table = candidates((ZERO, ENABLE), (ZERO, ADD))
    with pytest.raises(RefusedError) as caught:
        devicetree.choose_overlays(table, PhoneIds(), indexes)
    assert caught.value.what.startswith(f"cannot choose the overlays for the ROM's device tree: {why}")
    assert caught.value.state == "Nothing was changed."
    assert caught.value.fix == (
        "List them: hardboot dtb dtbo.img. Or use a device tree without overlays: --dtb FILE"
    )


@pytest.mark.parametrize(
    ("text", "indexes"),
    [
        ("0", (0,)),
        ("3, 12", (3, 12)),
        ("", None),
        ("0,", None),
        ("-1", None),
        ("0x1", None),
        ("²", None),
        ("123456", None),
    ],
)
def test_indexes_are_numbers_with_commas(text: str, indexes: tuple[int, ...] | None) -> None:
    assert devicetree.parse_indexes(text) == indexes
