"""Matching in tables like those of real phones: their decoded ids, and what is chosen."""

import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from image_builders import DEBIAN, dtbo, qcdt, zimage

from hardboot import devicetree, profile
from hardboot.devicetree import Match, PhoneIds
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node

PAIRS = dict[str, tuple[int, ...]]
PRO_AC = (0xC2, 0x10000, 0xD2, 0x10000, 0xD5, 0x10000, 0xD8, 0x10000)
PRO_AB = (0xD1, 0x10000, 0xD4, 0x10000, 0xD7, 0x10000, 0xDA, 0x10000)
OPPO = [(8, 0, 0x3ACF, hw) for hw in range(0xB, 0x10)] + [(8, 0, 0x36B1, 0xA)]


def tree(name: str, **properties: tuple[int, ...]) -> bytes:
    """Return a tree whose model is `name`, with cells such as qcom_msm_id."""
    root = Node(
        "",
        {key.replace("_", ",", 1).replace("_", "-"): fdt.cells(value) for key, value in properties.items()},
    )
    root.properties["model"] = name.encode() + b"\0"
    return fdt.build(Fdt(root))


def choose(data: bytes, phone: PhoneIds) -> tuple[str | None, Match]:
    """Return the model of the tree in `data`, and why."""
    found = devicetree.find_trees(data)
    assert found is not None
    matched = devicetree.match(found.candidates, phone)
    assert all(one.reason for one in matched.verdicts)
    taken = None if matched.index is None else found.candidates[matched.index].tree
    return (fdt.text(taken.root.properties["model"]) if taken else None), matched


def table(version: int, rows: Sequence[tuple[int, ...]], *, page: int = 2048, model: bytes = b"") -> bytes:
    return qcdt(version, [(row, tree(f"row {at}")) for at, row in enumerate(rows)], page=page, model=model)


@pytest.mark.parametrize(
    ("running", "model"), [(0x8000, "p0"), (0x8100, "p1"), (0x8200, "p2"), (0x83A0, "p2"), (0x7F00, None)]
)
def test_the_nexus_6_gets_its_revision_or_the_highest_below(running: int, model: str | None) -> None:
    trees = [tree(f"p{at}", qcom_msm_id=(178, 0x47, 0x8000 + 0x100 * at)) for at in range(3)]
    data = zimage() + b"".join(trees)
    live = fdt.parse(tree("live", qcom_msm_id=(178, 0x47, running)))
    assert choose(data, devicetree.phone_ids(live))[0] == model
    # Its profile lists all three: without the phone they cannot be told apart.
    assert choose(data, devicetree.profile_phone_ids(profile.load("shamu")))[0] is None


def test_the_nexus_5_is_matched_by_lgs_board_revision_too() -> None:
    rows = {
        "rev c": (126, 0x96, 0x20002, 0xC),
        "rev 11": (126, 0x96, 0x20002, 0xB),
        "old": (126, 0x96, 0x20002),
    }
    data = zimage() + b"".join(tree(name, qcom_msm_id=ids) for name, ids in rows.items())
    phone = devicetree.profile_phone_ids(profile.load("hammerhead"))
    name, why = choose(data, phone)
    assert name == "rev 11"
    assert [one.reason for one in why.verdicts if not one.taken] == [
        "board_rev 0xc is above 0xb",
        "lower board_rev than 1",
    ]
    assert choose(data[: len(zimage())] + tree("old", qcom_msm_id=rows["old"]), phone)[0] == "old"


@pytest.mark.parametrize("hw", range(0xB, 0x10))
def test_the_trees_of_the_oneplus_one_differ_in_oppos_board_id(hw: int) -> None:
    # 12 trees, which differ in chips and in the last word; kexec-tools takes the first for the chip.
    trees = [
        tree(f"{kind} {board[2]:x} {board[3]:x}", qcom_msm_id=chips, qcom_board_id=board)
        for kind, chips in (("AC", PRO_AC), ("AB", PRO_AB))
        for board in OPPO
    ]
    live = fdt.parse(tree("live", qcom_msm_id=(0xC2, 0x10000), qcom_board_id=(8, 0, 0x3ACF, hw)))
    name, why = choose(b"".join(trees), devicetree.phone_ids(live))
    assert name == f"AC 3acf {hw:x}"
    assert "vendor 0x36b1,0xa, not" in why.verdicts[5].reason
    assert why.verdicts[6].reason == "platform 0xd1, not 0xc2"


def test_the_trees_of_the_g3_differ_in_the_variant() -> None:
    variants = {"f400": 0x6F, "d850": 0x70, "vs985": 0x71, "d851": 0x72, "ls990": 0x73, "d855": 0x76}
    for mine in variants.values():
        data = table(1, [(0xC2, mine, 0x10001), (0xDA, mine, 0x10000)])
        assert choose(data, devicetree.typed_phone_ids(f"0xc2,{mine},0x10001"))[0] == "row 0"
        assert choose(data, devicetree.typed_phone_ids(f"0xda,{mine},0x10000"))[0] == "row 1"
        assert choose(data, devicetree.typed_phone_ids(f"0xc2,{mine + 9},0x10001"))[0] is None


@pytest.mark.parametrize(
    ("running", "row"), [("0x42,0x282b5", 5), ("0x42,0x283c0", 6), ("0x42,0x8200", 2), ("0x41,0x8fff", 0)]
)
def test_the_moto_gs_seven_entries(running: str, row: int) -> None:
    revisions = (0x8100, 0x8200, 0x28200, 0x282B0, 0x282B1, 0x283C0)
    rows = [(0x91, 0x41, 0x8100), *((0x91, 0x42, rev) for rev in revisions)]
    assert choose(table(1, rows), devicetree.typed_phone_ids(f"0x91,{running}"))[0] == f"row {row}"


def test_samsungs_platform_words_and_a_table_of_pages_of_4_kib() -> None:
    data = table(2, [(0xB208FF01, board, 0, 0x10000) for board in range(14)], page=4096)
    assert data[0x1000:0x1004] == b"\xd0\x0d\xfe\xed", "the first tree, where the Note 4's lies"
    for phone in ("msm-id=178,0x10000 board-id=9,0", "msm-id=0xb208ff01,0x10000 board-id=9,0"):
        assert choose(data, devicetree.typed_phone_ids(phone))[0] == "row 9"
    tab = table(1, [(0x9E08FF01, 1, 0x20000)])
    assert choose(tab, devicetree.typed_phone_ids("0x9e08ff01,1,0x20000"))[0] == "row 0"
    assert choose(tab, devicetree.typed_phone_ids("158,1,0x20000"))[0] == "row 0"


def test_a_table_longer_than_2048_bytes_is_read_to_its_end() -> None:
    rows = [(0xC2, board, 0, rev) for board in (0x18AC, 0x18B6, 0x18C0) for rev in range(0x10000, 0x10028)]
    data = table(2, rows)
    assert data[2048:2052] != b"\xd0\x0d\xfe\xed", "a reader that skips 2048 bytes lands in the table"
    assert choose(data, devicetree.typed_phone_ids("msm-id=0xc2,0x10005 board-id=0x18c0,0"))[0] == "row 85"


def test_the_vega_iron_2_has_eight_chips_for_each_of_three_boards() -> None:
    chips = (0xC2, 0xD2, 0xD5, 0xD8, 0xD1, 0xD4, 0xD7, 0xDA)
    rows = [(chip, board, 0, 0x10000) for chip in chips for board in (0x18AC, 0x18B6, 0x18C0)]
    name, why = choose(table(2, rows), devicetree.typed_phone_ids("msm-id=0xd5,0x10000 board-id=0x18b6,0"))
    assert name == "row 7"
    assert why.verdicts[6].reason == "variant 0x18ac, not 0x18b6"


def test_motorolas_newer_table_names_the_model_in_each_entry() -> None:
    rows = [(178, 0x47, 0, rev, 0, 0, 0, 0) for rev in (0x8100, 0x8300)]
    data = table(0x103, rows, model=b"quark")
    phone = "msm-id=178,0x8300 board-id=0x47,0"
    assert choose(data, devicetree.typed_phone_ids(f"{phone} model=quark"))[0] == "row 1"
    assert choose(data, devicetree.typed_phone_ids(f"{phone} model=other"))[0] is None


def test_the_one_m8_is_matched_by_project_and_otherwise_by_chip() -> None:
    rows: dict[str, PAIRS] = {
        "271": {"htc_project_id": (271, 0, 1), "qcom_msm_id": (218, 8, 0x20000)},
        "272": {"htc_project_id": (272, 0, 1), "qcom_msm_id": (218, 8, 0x20000)},
        "chip": {"qcom_msm_id": (218, 8, 0x10000)},
    }
    data = b"".join(tree(name, **ids) for name, ids in rows.items())
    mine = fdt.parse(tree("live", htc_project_id=(272, 0, 3), qcom_msm_id=(218, 8, 0x20000)))
    assert choose(data, devicetree.phone_ids(mine))[0] == "272"
    other = fdt.parse(tree("live", htc_project_id=(305, 0, 3), qcom_msm_id=(218, 8, 0x10001)))
    assert choose(data, devicetree.phone_ids(other))[0] == "chip"


def test_the_fairphone_2_has_one_tree_for_both_its_chips() -> None:
    both = tree("both", qcom_msm_id=(217, 0x10000, 218, 0x10000), qcom_board_id=(8, 0))
    other = tree("other", qcom_msm_id=(126, 0x10000), qcom_board_id=(8, 0))
    for chip in (217, 218):
        assert (
            choose(other + both, devicetree.typed_phone_ids(f"msm-id={chip},0x10001 board-id=8,0"))[0]
            == "both"
        )


def v2_image(folder: Path, trees: bytes) -> bytes:
    """Make a boot image with header v2 and these trees in its dtb part, by Debian's mkbootimg."""
    for name, data in (("kernel", zimage()), ("dtb", trees)):
        (folder / name).write_bytes(data)
    words = ["--kernel", folder / "kernel", "--ramdisk", folder / "kernel", "--dtb", folder / "dtb"]
    command = ["mkbootimg", *map(str, words), "--header_version", "2", "-o", str(folder / "boot.img")]
    subprocess.run(command, check=True, timeout=60, env=DEBIAN)
    return (folder / "boot.img").read_bytes()


def test_the_dtb_part_of_a_v2_image_holds_trees_in_a_row_or_a_table(tmp_path: Path) -> None:
    trees = [tree(f"rev {rev:x}", qcom_msm_id=(339, rev), qcom_board_id=(8, 0)) for rev in (0x10000, 0x20000)]
    phone = devicetree.typed_phone_ids("msm-id=339,0x20001 board-id=8,0")
    assert choose(v2_image(tmp_path, b"".join(trees)), phone)[0] == "rev 20000"
    # A table has numbers of its own, and the ids in its trees count, too.
    table = dtbo([((at, 0, 0, 0, 0, 0), one) for at, one in enumerate(trees)])
    assert choose(v2_image(tmp_path, table), devicetree.typed_phone_ids("id=1"))[0] == "rev 20000"
    assert choose((tmp_path / "boot.img").read_bytes(), phone)[0] == "rev 20000"
    assert choose(table, devicetree.typed_phone_ids("msm-id=339,0x10000 board-id=8,0"))[0] == "rev 10000"
