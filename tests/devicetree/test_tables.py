"""The entry of a table of device trees (QCDT, DTBH, SPRD, PXA, overlays) that is for a phone."""

from dtb_trees import ONE, THREE, TWO, in_file
from image_builders import dtbh, dtbo, pxa, qcdt, sprd

from hardboot import devicetree
from hardboot.devicetree import Candidate
from hardboot.formats.containers import devicetrees
from hardboot.formats.trees.fdt import Fdt

Rows = list[tuple[tuple[int, ...], bytes]]


def test_a_tree_is_matched_in_every_version_of_qualcomms_table() -> None:
    assert in_file(qcdt(1, [((178, 0x47, 1), ONE), ((178, 0x47, 2), TWO)]), "178,0x47,2") == 1
    v2 = qcdt(2, [((178, 8, 0, 1), ONE), ((178, 8, 1, 1), TWO)])
    assert in_file(v2, "msm-id=178,1 board-id=8,1") == 1
    v3 = qcdt(3, [((178, 8, 0, 1, 0x1000B, 0, 0, 0), ONE), ((178, 8, 0, 1, 0x2000B, 0, 0, 0), TWO)])
    assert in_file(v3, "msm-id=178,1 board-id=8,0 pmic-id=0x2000b,0,0,0") == 1
    moto = qcdt(0x103, [((178, 8, 0, 1, 0, 0, 0, 0), ONE)], model=b"quark")
    assert in_file(moto, "msm-id=178,1 board-id=8,0 model=quark") == 0
    assert in_file(moto, "msm-id=178,1 board-id=8,0 model=shamu") is None


def test_htcs_ids_are_found_in_qualcomms_table() -> None:
    table = qcdt(1, [((271, 0, 1), ONE), ((271, 0, 2), TWO), ((272, 0, 2), THREE)])
    assert in_file(table, "project-id=271,0,2") == 1


def test_samsungs_table_gives_ranges_of_hardware_revisions() -> None:
    rows = [
        ((7870, 0x50A6, 0x217584DA, a, b), one) for a, b, one in ((0, 2, ONE), (3, 4, TWO), (5, 255, THREE))
    ]
    assert [in_file(dtbh(rows), f"chip=7870 hw-rev={rev}") for rev in (0, 2, 3, 5, 9)] == [0, 0, 1, 2, 2]
    assert in_file(dtbh(rows), "chip=7580 hw-rev=2") is None
    assert in_file(dtbh(rows), "chip=7870 hw-rev=2 hw-rev-end=3") is None
    assert in_file(dtbh(rows[:2]), "chip=7870 hw-rev=9") is None


def test_a_tree_is_matched_in_spreadtrums_table() -> None:
    rows = [((8830, 1, 0x20000), ONE), ((8830, 1, 0x20001), TWO), ((8830, 2, 0x20001), THREE)]
    assert in_file(sprd(rows), "sc-id=8830,1,0x20005") == 1


def test_a_tree_is_matched_in_marvells_table_by_equal_chip_and_revision() -> None:
    rows = [((0xF45, 1), ONE), ((0xF47, 1), TWO), ((0xF47, 2), THREE)]
    for magic in (b"PXA-DT", b"PXA-19xx"):
        assert in_file(pxa(magic, rows), "rev-id=0xf47,2") == 2
        assert in_file(pxa(magic, rows), "rev-id=0xf47,3") is None


def test_a_tree_is_matched_in_an_overlay_table_by_id_and_rev() -> None:
    rows: Rows = [((1, 0, 0, 0, 0, 0), ONE), ((1, 2, 0, 0, 0, 0), TWO), ((3, 0, 0, 0, 0, 0), THREE)]
    assert in_file(dtbo(rows), "id=1,2") == 1
    assert in_file(dtbo(rows), "id=3") == 2
    assert in_file(dtbo(rows), "id=1") is None


def test_entries_that_share_a_tree_count_once() -> None:
    table = qcdt(1, [((178, 0x47, 1), ONE), ((178, 0x47, 1), ONE), ((178, 0x47, 1), ONE)])
    assert in_file(table, "178,0x47,1") == 0
    assert in_file(qcdt(1, [((178, 0x47, 1), ONE), ((178, 0x47, 1), TWO)]), "178,0x47,1") is None


def test_no_tree_of_a_table_is_parsed_to_select_one() -> None:
    def read() -> Fdt:
        raise AssertionError("parsed")

    found = devicetrees.find(qcdt(2, [((178, 8, 0, rev), ONE) for rev in range(200)]))
    assert found is not None
    lazy = [Candidate(read, one.ids, one.offset, one.size) for one in devicetree.candidates(found)]
    assert devicetree.match(lazy, devicetree.typed_phone_ids("msm-id=178,77 board-id=8,0")).index == 77
