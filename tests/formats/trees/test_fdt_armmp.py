"""Every device tree of Debian's ARM kernel, parsed, rebuilt, and compared by dtc and libfdt."""

import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import libfdt
import pytest

from hardboot.formats.trees import fdt
from hardboot.virtual import packages

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def trees() -> list[Path]:
    """About nine hundred files."""
    name = packages.find_dependency("linux-image-armmp", "linux-image-", architecture=packages.ARMHF)
    folder = packages.package_dir(name, architecture=packages.ARMHF)
    found = sorted(folder.glob("usr/lib/linux-image-*/**/*.dtb"))
    assert len(found) > 500
    return found


def source(tree: bytes) -> bytes:
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts"]
    return subprocess.run(command, input=tree, capture_output=True, check=True, timeout=30).stdout


def test_dtc_prints_the_same_source_of_every_rebuilt_tree(trees: list[Path]) -> None:
    def differs(path: Path) -> bool:
        tree = path.read_bytes()
        return source(fdt.build(fdt.parse(tree))) != source(tree)

    with ThreadPoolExecutor(2) as pool:
        different = [path.name for path, found in zip(trees, pool.map(differs, trees), strict=True) if found]
    assert different == []


def test_libfdt_sees_every_node_and_property_of_every_tree(trees: list[Path]) -> None:
    for path in trees:
        tree = path.read_bytes()
        parsed = fdt.parse(tree)
        nodes = list(parsed.root.walk())
        theirs = libfdt.Fdt(tree)
        at, depth, count = 0, 0, 0
        while at >= 0:
            node = nodes[count][1]
            assert theirs.get_name(at) == node.name, path.name
            properties = {}
            offset = theirs.first_property_offset(at, [libfdt.NOTFOUND])
            while offset >= 0:
                item = theirs.get_property_by_offset(offset)
                properties[item.name] = bytes(item)
                offset = theirs.next_property_offset(offset, [libfdt.NOTFOUND])
            assert properties == node.properties, path.name
            count += 1
            at, depth = theirs.next_node(at, depth, [libfdt.NOTFOUND])
            if depth < 0:
                break
        assert count == len(nodes), path.name
        assert fdt.total_size(tree) == theirs.totalsize() == len(tree)
