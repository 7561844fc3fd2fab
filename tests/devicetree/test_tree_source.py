"""Where the device trees of an image are found."""

from pathlib import Path

import container_builders
import image_sets
import pytest
from dtb_trees import ONE, THREE, TWO, tree
from image_builders import qcdt, zimage

from hardboot import devicetree, profile
from hardboot.base.errors import InputError
from hardboot.flows import rom
from hardboot.formats.trees import fdt


@pytest.mark.parametrize(
    ("image", "part"),
    [
        (zimage() + ONE + bytes(3) + TWO, ""),
        (container_builders.boot(zimage() + ONE + TWO), "kernel"),
        (container_builders.boot(zimage() + ONE, dt=qcdt(2, [((1, 2, 0, 3), TWO)])), "dt"),
        (container_builders.vendor_boot(4), None),
        (ONE + TWO, ""),
        (container_builders.mtk(container_builders.dtbo(), b"DTBO"), ""),
        (container_builders.dhtb(container_builders.qcdt()), ""),
        (container_builders.boot(), None),
    ],
)
def test_the_trees_of_an_image_are_found_where_the_bootloader_looks(image: bytes, part: str | None) -> None:
    found = devicetree.find_trees(image)
    assert (found.part if found else None) == part


@pytest.mark.parametrize("version", [3, 4])
def test_the_tree_of_a_vendor_boot_image_is_found(version: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(container_builders, "DTB", ONE + TWO)
    found = devicetree.find_trees(container_builders.vendor_boot(version))
    assert found is not None
    assert [one.tree.root.properties["model"] for one in found.candidates] == [b"one\0", b"two\0"]


@pytest.mark.parametrize(("offset", "field"), [(4, "totalsize"), (8, "off_dt_struct")])
def test_a_damaged_tree_is_not_taken_for_none(offset: int, field: str) -> None:
    damaged = bytearray(ONE)
    damaged[offset : offset + 4] = b"\xff\xff\xff\xf0"
    for data in (bytes(damaged), image_sets.vendor_boot(dtb=bytes(damaged) + TWO)):
        with pytest.raises(InputError, match=f"device tree: {field} at offset"):
            devicetree.find_trees(data)


def test_a_tree_is_matched_in_a_roms_table(tmp_path: Path) -> None:
    path = tmp_path / "boot.img"
    table = qcdt(1, [((178, 0x47, 0x8100), ONE), ((178, 0x47, 0x8200), TWO), ((126, 0x47, 0x8200), THREE)])
    path.write_bytes(container_builders.boot(zimage() + THREE, dt=table))
    found = rom.read(path)
    live = tree(msm=(178, 0x47, 0x8200))
    chosen = devicetree.choose_tree(found.trees, profile.load("shamu"), live)
    assert fdt.text(chosen.tree.root.properties["model"]) == "two"
