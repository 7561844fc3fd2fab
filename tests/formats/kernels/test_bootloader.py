"""Bootloaders in place of a kernel, and the device trees behind them; tables of trees behind kernels."""

from pathlib import Path

import container_builders as build
import pytest
from described import described
from image_builders import arm64_image, board, kernel_with_banner, pack, words, zimage
from in_process import hardboot

from hardboot.devicetree import tree_source
from hardboot.formats.containers import devicetrees, open_container
from hardboot.formats.kernels import bootloader, kernel
from hardboot.formats.reading import PIECE

IMAGE = arm64_image(kernel_with_banner("6.1.0", 60_000, 20_000))
TREES = board("one") + bytes(5) + board("two")
LK = build.uboot(b"welcome to lk\n\n")


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (build.uboot(), "U-Boot 2023.01-rc4+gabc"),
        (LK, "LK"),
        (bytes(PIECE - 7) + b"U-Boot 2024.10\0", "U-Boot 2024.10"),
        (bytes(PIECE - 7) + b"welcome to lk", "LK"),
        (build.uboot(b"U-Boot SPL"), None),
        (b"", None),
    ],
)
def test_a_bootloader_is_known_by_a_string_in_it(data: bytes, name: str | None) -> None:
    assert bootloader.find_name(data) == name


@pytest.mark.parametrize("loader", [build.uboot(), LK])
def test_trees_behind_a_bootloader_are_found(loader: bytes) -> None:
    found = bootloader.identify(loader + TREES + bytes(99))
    assert found is not None
    assert (found.size, len(found.dtbs), bytes(found.padding)) == (len(loader), 2, bytes(99))
    source = tree_source.find_trees(build.boot(loader + TREES))
    assert source is not None
    assert (source.part, source.kind, len(source.candidates)) == ("kernel", "appended", 2)
    alone = devicetrees.find(loader + TREES)
    assert alone is not None
    assert [bytes(entry.content()) for entry in alone.entries] == [board("one"), board("two")]
    assert devicetrees.find(loader) is None
    assert devicetrees.find(loader + TREES + b"more") is None


def test_a_boot_image_behind_a_bootloader_is_none() -> None:
    image = build.boot_v2(2)
    front = LK[:4096].ljust(8192, b"\x11") + b"welcome to lk".ljust(2048, b"\x11")
    assert devicetrees.find(front + image) is None
    source = tree_source.find_trees(front + image)
    assert source is not None
    assert source.part == "dtb"


def test_a_bootloader_is_described_in_an_image_and_alone(tmp_path: Path) -> None:
    part = described(tmp_path, build.boot(build.uboot() + TREES))["boot_image"]["parts"][0]
    kind = "bootloader (U-Boot 2023.01-rc4+gabc)"
    assert (part["kind"], len(part["trees"]["entries"])) == (kind, 2)
    assert "  0    185 B  one; acme,board acme,soc\n" in hardboot("info", tmp_path / "x.img").stdout
    alone = described(tmp_path, build.uboot() + TREES)
    assert (alone["kind"], len(alone["trees"]["entries"])) == (kind, 2)
    assert "trees" not in described(tmp_path, LK)
    with_header = described(tmp_path, arm64_image(build.uboot()) + TREES)
    assert with_header["kind"] == "bootloader (U-Boot 2023.01-rc4+gabc) as arm64 Image"
    assert len(with_header["kernel"]["dtbs"]) == 2
    unknown = build.uboot(b"?")
    assert described(tmp_path, build.boot(unknown))["boot_image"]["parts"][0]["kind"] is None
    (tmp_path / "x.img").write_bytes(unknown)
    assert "this is unknown data" in hardboot("info", tmp_path / "x.img").stderr


@pytest.mark.parametrize("front", [zimage(), IMAGE, pack(IMAGE, "gzip"), build.uimage(zimage())])
@pytest.mark.parametrize(("gap", "behind"), [(0, b""), (50, bytes(9)), (4096, b"")])
def test_a_table_behind_a_kernel_is_found(front: bytes, gap: int, behind: bytes) -> None:
    data = front + bytes(gap) + build.qcdt() + behind
    image = kernel.identify(data, config=False)
    assert bytes(image.table) == build.qcdt()
    assert (image.dtbs, bytes(image.padding)) == ((), behind)
    found = devicetrees.find(data)
    assert found is not None
    assert (found.kind, [entry.ids["soc_rev"] for entry in found.entries]) == ("QCDT", [1, 2, 1])
    for entry in found.entries:
        assert data[entry.offset :].startswith(bytes(entry.content()))
    source = tree_source.find_trees(build.boot(data))
    assert source is not None
    assert (source.part, source.kind, len(source.candidates)) == ("kernel", "QCDT", 3)


@pytest.mark.parametrize(
    "behind",
    [
        *(bytes(4097) + build.qcdt(), b"QCDT" + words(9, 1) + bytes(99)),
        *(b"QCDT" + words(2, 0), build.qcdt()[:500]),
    ],
    ids=["too far", "unknown version", "no entries", "truncated"],
)
def test_what_is_no_table_stays_padding(behind: bytes) -> None:
    image = kernel.identify(zimage() + behind, config=False)
    assert (bytes(image.table), bytes(image.padding)) == (b"", behind)


def test_the_table_is_a_part_and_described(tmp_path: Path) -> None:
    data = zimage() + bytes(50) + build.qcdt() + bytes(7)
    parts = [(part.name, part.offset, len(part.data)) for part in open_container(data).parts]
    assert parts == [("kernel", 0, len(zimage())), ("trees", len(zimage()) + 50, len(build.qcdt()))]
    found = described(tmp_path, data)
    assert (found["kind"], found["trees"]["kind"]) == ("ARM zImage kernel", "QCDT")
    assert [entry["model"] for entry in found["trees"]["entries"]] == ["one", "one", "two"]
    assert "platform_id 0xce" in hardboot("info", tmp_path / "x.img").stdout
