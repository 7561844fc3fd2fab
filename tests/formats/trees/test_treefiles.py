"""A device tree out of its files, packed by a real tar."""

import contextlib
import io
import subprocess
import tarfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_builders import dtb
from tree_files import unpacked

from hardboot.base.errors import InputError
from hardboot.formats.trees import fdt, treefiles

SOURCE = """/ { #address-cells = <1>; #size-cells = <1>; compatible = "a", "b"; empty;
  memory@0 { device_type = "memory"; reg = <0 4096>; };
  chosen { mmi,bl_sigs { a = <1>; }; bare { }; }; };"""


def test_a_tar_of_the_folder_is_the_tree_again(tmp_path: Path) -> None:
    tree = fdt.parse(dtb(SOURCE))
    folder = unpacked(tree, tmp_path / "device-tree")
    data = subprocess.run(
        ["tar", "-cf", "-", "-C", folder, "."], capture_output=True, check=True, timeout=30
    ).stdout
    found = treefiles.parse_tar(data)
    expected = {path: node.properties for path, node in tree.root.walk()}
    assert {path: node.properties for path, node in found.root.walk()} == expected
    assert found.reservations == []


def tar(*members: tuple[str, bytes, bytes]) -> bytes:
    target = io.BytesIO()
    with tarfile.open(fileobj=target, mode="w") as archive:
        for name, value, kind in members:
            info = tarfile.TarInfo(name)
            info.size, info.type, info.linkname = len(value), kind, "../../etc/passwd"
            archive.addfile(info, io.BytesIO(value))
    return target.getvalue()


def test_links_are_left_out_and_paths_stay_below_the_root() -> None:
    data = tar(("./base", b"", tarfile.SYMTYPE), ("./a/b", b"\1", tarfile.REGTYPE))
    assert [path for path, _ in treefiles.parse_tar(data).root.walk()] == ["/", "/a"]
    with pytest.raises(InputError, match="is not a property"):
        treefiles.parse_tar(tar(("a/../../b", b"", tarfile.REGTYPE)))


@pytest.mark.parametrize("data", [b"", b"text" * 200, tar(), tar(("a", b"b" * 2000, tarfile.REGTYPE))[:1000]])
def test_what_is_no_tar_of_a_tree_is_refused(data: bytes) -> None:
    with pytest.raises(InputError, match="device tree files"):
        treefiles.parse_tar(data)


def test_more_than_a_tree_may_have_is_refused() -> None:
    with pytest.raises(InputError, match="more than"):
        treefiles.build([(f"{'a/' * 60}{at}", b"") for at in range(5000)])
    with pytest.raises(InputError, match="more than"):
        treefiles.build([(str(at), bytes(1 << 20)) for at in range(20)])


def test_as_much_as_a_tree_may_have_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(treefiles, "MAX_SIZE", 10)
    monkeypatch.setattr(treefiles, "MAX_NODES", 1)
    files = [("a/b", b"12345"), ("c/d", b"12345")]
    assert len(treefiles.build(files).root.children) == 2
    for more in (("a/c", b""), ("a/b", b"6")):
        with pytest.raises(InputError, match="size at offset 0x0: more than 4 names or 10 bytes"):
            treefiles.build([*files, more])


@given(st.binary(max_size=2048), st.integers(0, 1500), st.binary(max_size=8))
def test_any_bytes_are_a_tree_or_refused(data: bytes, at: int, damage: bytes) -> None:
    whole = bytearray(tar(("a/b", b"\1", tarfile.REGTYPE), ("c", b"\2", tarfile.REGTYPE)))
    whole[at : at + len(damage)] = damage
    for one in (data, bytes(whole)):
        with contextlib.suppress(InputError):
            fdt.build(treefiles.parse_tar(one))
