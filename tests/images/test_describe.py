"""Documents of images in memory, each part of them by itself."""

import struct
from pathlib import Path

import container_builders as build
import container_kinds
import pytest
from image_builders import board, dtb, zimage

from hardboot.formats import sniff
from hardboot.formats.containers.devicetrees import TreeEntry
from hardboot.images.describe import Document, describe
from hardboot.images.describe.trees import describe_tree


def document(data: bytes) -> Document:
    return describe(Path("x.img"), memoryview(data))


@pytest.mark.parametrize(("size", "words"), [(0, []), (4, [1]), (8, [1, 1]), (5, None), (6, None), (7, None)])
def test_ids_of_a_tree_are_whole_words(size: int, words: list[int] | None) -> None:
    raw = " ".join(f"{byte:02x}" for byte in (b"\0\0\0\1" * 2)[:size])
    tree = describe_tree(TreeEntry(dtb(f"/ {{ qcom,msm-id = [{raw}]; qcom,board-id = [{raw}]; }};"), 0))
    assert (tree["msm_id"], tree["board_id"]) == (words, words)
    assert (tree["model"], tree["compatible"]) == (None, [])


def test_a_damaged_tree_in_a_table_has_a_problem_and_the_others_are_shown() -> None:
    data = bytearray(build.qcdt())
    data[2048:2052] = b"none"
    entries = document(bytes(data))["trees"]["entries"]
    assert ["problem" in entry for entry in entries] == [True, True, False]
    assert [entry["offset"] for entry in entries[:2]] == [2048, 2048]
    assert entries[2]["model"] == "two"


def test_the_rest_behind_trees_has_a_size_unless_they_are_compressed() -> None:
    kinds = container_kinds.every_row()
    assert document(kinds["one tree and zeros"])["trees"]["trailing_size"] == 100
    assert document(kinds["packed table of trees"])["trees"]["trailing_size"] is None


@pytest.mark.parametrize(
    ("name", "signed"),
    [("v0", False), ("v4", True), ("v4 without signature", False), ("AVB footer", True), ("AVB 1.0", True)],
)
def test_a_signature_in_or_behind_the_parts_is_shown(name: str, signed: bool) -> None:
    assert document(container_kinds.every_kind()[name])["boot_image"]["signed"] is signed


def test_an_id_is_checked_with_its_hash() -> None:
    kinds = container_kinds.every_kind()
    good = document(kinds["v0"])["boot_image"]["id_check"]
    assert (good["algorithm"], good["matches"]) == ("sha1", True)
    wrong = document(kinds["v0 with a wrong id"])["boot_image"]["id_check"]
    assert (wrong["algorithm"], wrong["matches"]) == ("sha256", False)
    assert document(kinds["v3"])["boot_image"]["id_check"] is None


def test_vbmeta_behind_an_image_is_found_by_its_offset_in_the_file() -> None:
    image = document(build.with_footer(build.boot_v3(), 65536))["boot_image"]
    rows = {row["kind"]: row for row in image["trailing"]}
    assert rows["AVB vbmeta"]["avb"]["rollback_index"] == 7
    assert rows["AVB vbmeta"]["offset"] == len(build.page(build.boot_v3(), 4096))
    assert "problem" not in rows["AVB vbmeta"]


def test_addresses_are_those_of_the_header() -> None:
    kinds = container_kinds.every_kind()
    parts = {part["name"]: part["address"] for part in document(kinds["v2"])["boot_image"]["parts"]}
    assert parts == {
        "kernel": 0x80008000,
        "ramdisk": 0x81000000,
        "second": 0x80F00000,
        "recovery_dtbo": None,
        "dtb": 0x81F00000,
    }
    v3 = document(kinds["v3"])["boot_image"]["parts"]
    assert [part["address"] for part in v3] == [None, None]


def test_a_mediatek_header_of_another_size_is_a_warning_beside_the_content() -> None:
    wrong = build.mtk(zimage(), b"KERNEL") + board("x")
    size = len(zimage())
    warning = f"MTK header: size is {size} bytes, {len(wrong) - 512} follow"
    [part, *_] = document(build.boot(wrong))["boot_image"]["parts"]
    assert (part["kind"], part["warning"], len(part["kernel"]["dtbs"])) == (sniff.ZIMAGE, warning, 1)
    alone = document(wrong)
    assert (alone["kind"], alone["lead"]["warning"]) == (sniff.ZIMAGE, warning)
    assert "warning" not in document(build.boot(build.mtk(zimage(), b"KERNEL")))["boot_image"]["parts"][0]


def test_a_damaged_dhtb_header_is_a_problem_of_the_lead() -> None:
    data = bytearray(build.dhtb())
    struct.pack_into("<I", data, 0x30, 1 << 30)
    lead = document(bytes(data))["boot_image"]["lead"]
    assert lead["kind"] == "DHTB header"
    assert "size at offset 0x30" in lead["problem"]
