"""Tables of device trees with another tree: offsets follow, and signatures behind them move."""

from typing import Any

import container_builders as build
import container_kinds
import pytest
from image_builders import board

from hardboot.formats.avb.vbmeta import parse_footer
from hardboot.formats.containers import Changes, Container, devicetrees, open_container

TABLES = {
    name: data
    for name, data in container_kinds.every_kind().items()
    if name.startswith(("QCDT", "DTBH", "SPRD", "PXA-", "dtbo"))
}
LONGER = board("a board with a much longer name than before")


def rebuilt(container: Container, **parts: bytes) -> bytes:
    same: dict[str, Any] = {part.name: part.data for part in container.parts}
    return b"".join(container.rebuild(Changes({}, {}, same | parts)).chunks)


def models(data: bytes) -> list[bytes]:
    found = devicetrees.find(data)
    assert found is not None
    return [entry.tree().root.properties["model"] for entry in found.entries]


@pytest.mark.parametrize("name", TABLES)
def test_a_longer_tree_is_read_back_from_every_table(name: str) -> None:
    data = TABLES[name]
    container = open_container(data)
    before = models(data)
    after = models(rebuilt(container, tree0=LONGER))
    first = before[0]
    model = b"a board with a much longer name than before\0"
    assert after == [model if old == first else old for old in before]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_with_its_own_trees_is_the_same(name: str) -> None:
    assert models(rebuilt(open_container(TABLES[name]))) == models(TABLES[name])


def test_a_footer_behind_overlays_moves_with_them() -> None:
    data = build.with_footer(build.dtbo(), 65536)
    container = open_container(data)
    assert container.signed
    new = rebuilt(container, tree0=board("x" * 6000))
    assert len(new) == len(data)
    footer = parse_footer(new)
    assert footer is not None
    assert footer.original_image_size > len(build.dtbo())
    assert new[footer.vbmeta_offset :].startswith(build.vbmeta())


def test_other_bytes_behind_overlays_stay() -> None:
    container = open_container(build.dtbo(b"behind"))
    assert not container.signed
    assert rebuilt(container, tree1=LONGER).endswith(b"behind")
