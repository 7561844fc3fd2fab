"""Device trees against dtc and libfdt, on hand-written sources and QEMU's own tree, and any bytes."""

import re
import struct
import subprocess
from functools import cache

import libfdt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import board, dtb

from hardboot.base.errors import InputError
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node

SOURCE = """
/dts-v1/;
/memreserve/ 0x80000000 0x10000;
/memreserve/ 0x123456789abcdef0 0x1000;
/ {
    model = "Acme board";
    compatible = "acme,board", "acme,soc";
    #address-cells = <1>;
    empty;
    odd = [01 02 03 04 05];
    chosen { bootargs = "quiet"; };
    cpus {
        cpu@0 { reg = <0>; };
        cpu@1 { reg = <1>; };
        cpu-map { cluster0 { core0 { }; }; };
    };
    memory { first; };
    memory@80000000 { reg = <0x80000000 0x20000000>; };
};
"""


@pytest.fixture(scope="module")
def sample() -> bytes:
    return dtb(SOURCE)


@pytest.fixture(scope="module")
def virt(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """Return the tree QEMU's virt machine makes: 1 MiB, most of it room to grow."""
    path = tmp_path_factory.mktemp("virt") / "virt.dtb"
    subprocess.run(
        ["qemu-system-arm", "-M", f"virt,dumpdtb={path}", "-display", "none", "-nic", "none"],
        check=True,
        capture_output=True,
        timeout=60,
    )
    return path.read_bytes()


def source(tree: bytes) -> str:
    """Return what dtc makes of a tree."""
    command = ["dtc", "-q", "-I", "dtb", "-O", "dts"]
    return subprocess.run(command, input=tree, capture_output=True, check=True, timeout=30).stdout.decode()


def libfdt_walk(data: bytes) -> dict[str, dict[str, bytes]]:
    """Every node with its properties, as libfdt sees them; of nodes with one path, the last."""
    tree = libfdt.Fdt(data)
    found = {}
    offset, depth = 0, 0
    path: list[str] = []
    while offset >= 0 and depth >= 0:
        path[depth:] = [tree.get_name(offset)]
        properties = {}
        at = tree.first_property_offset(offset, [libfdt.NOTFOUND])
        while at >= 0:
            item = tree.get_property_by_offset(at)
            properties[item.name] = bytes(item)
            at = tree.next_property_offset(at, [libfdt.NOTFOUND])
        found["/".join(path) or "/"] = properties
        offset, depth = tree.next_node(offset, depth, [libfdt.NOTFOUND])
    return found


def test_dtc_prints_the_same_source_of_a_rebuilt_tree(sample: bytes, virt: bytes) -> None:
    for tree in (sample, virt):
        assert source(fdt.build(fdt.parse(tree))) == source(tree)


def test_libfdt_sees_the_same_nodes_and_properties(sample: bytes, virt: bytes) -> None:
    for tree in (sample, virt):
        parsed = fdt.parse(tree)
        mine = {path: node.properties for path, node in parsed.root.walk()}
        assert mine == libfdt_walk(tree)
        assert mine == libfdt_walk(fdt.build(parsed))


def test_a_rebuilt_tree_has_no_padding(virt: bytes) -> None:
    built = fdt.build(fdt.parse(virt))
    assert len(virt) == fdt.total_size(virt) == 1 << 20
    assert len(built) == fdt.total_size(built) < 16384


def test_reservations_and_boot_cpu_are_kept(sample: bytes) -> None:
    tree = fdt.parse(sample)
    assert tree.reservations == [(0x80000000, 0x10000), (0x123456789ABCDEF0, 0x1000)]
    tree.boot_cpuid = 3
    tree.reservations.append((0x1000, 0x2000))
    again = fdt.parse(fdt.build(tree))
    assert again == tree
    assert again.boot_cpuid == 3


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/chosen", "/cpus", "/cpus/cpu@1", "/cpus/cpu", "/cpus/cpu-map/cluster0/core0"),
        *("/memory", "/memory@80000000", "/cpus/cpu@2", "/cpu", "/chosen/none", "/cpus/cp", "/memory@8"),
    ],
)
def test_a_path_finds_what_libfdt_finds(sample: bytes, path: str) -> None:
    theirs = libfdt.Fdt(sample)
    offset = theirs.path_offset(path, [libfdt.NOTFOUND])
    found = fdt.parse(sample).find(path)
    assert (found.name if found else None) == (theirs.get_name(offset) if offset >= 0 else None)


def test_a_path_that_is_not_absolute_is_a_mistake_of_the_caller(sample: bytes) -> None:
    with pytest.raises(ValueError, match="chosen"):
        fdt.parse(sample).find("chosen")


def test_an_edit_reaches_libfdt(sample: bytes) -> None:
    tree = fdt.parse(sample)
    chosen = tree.ensure("/chosen")
    chosen.properties["bootargs"] = b"console=ttyAMA0\0"
    chosen.properties["linux,initrd-start"] = fdt.cells([0x82000000])
    tree.ensure("/reserved-memory/hardboot@8f000000").properties["reg"] = fdt.cells([0x8F000000, 0x1000])
    tree.root.children.remove(tree.ensure("/memory"))
    theirs = libfdt.Fdt(fdt.build(tree))
    offset = theirs.path_offset("/chosen")
    assert theirs.getprop(offset, "bootargs").as_str() == "console=ttyAMA0"
    assert theirs.getprop(offset, "linux,initrd-start").as_uint32() == 0x82000000
    reserved = theirs.path_offset("/reserved-memory/hardboot")
    assert theirs.getprop(reserved, "reg").as_uint32_list() == [0x8F000000, 0x1000]
    assert theirs.get_name(theirs.path_offset("/memory")) == "memory@80000000"


def test_values_are_read_in_words_and_strings() -> None:
    assert fdt.read_cells(fdt.cells([1, 0xFFFFFFFF])) == (1, 0xFFFFFFFF)
    with pytest.raises(InputError, match="5 bytes are not a list of 4-byte cells"):
        fdt.read_cells(b"12345")
    assert fdt.text(b"one\0two\0") == "one"
    assert fdt.text(None) == ""
    assert fdt.strings(b"one\0two\0") == ["one", "two"]
    assert fdt.strings(None) == []


def test_trees_in_a_row_are_split_over_padding_and_the_rest_is_left() -> None:
    first, second, third = board("one"), board("two") + bytes(3), board("three")
    data = first + second + bytes(4000) + third + b"SIGN"
    trees, rest = fdt.split(data)
    assert [bytes(tree) for tree in trees] == [first, second[:-3], third]
    assert bytes(rest) == b"SIGN"
    trees, rest = fdt.split(first + bytes(4097) + third)
    assert len(trees) == 1
    assert len(rest) == 4097 + len(third)
    for nothing in (bytes(100), b""):
        trees, rest = fdt.split(nothing)
        assert trees == ()
        assert bytes(rest) == nothing


def test_too_many_trees_are_refused() -> None:
    tree = fdt.build(Fdt())
    assert len(fdt.split(tree * fdt.MAX_TREES)[0]) == fdt.MAX_TREES
    with pytest.raises(InputError, match="more than 1024 in a row"):
        fdt.split(tree * (fdt.MAX_TREES + 1))


def words(*values: int) -> bytes:
    return struct.pack(f">{len(values)}I", *values)


def hand_made(structure: bytes, strings: bytes = b"p\0", **fields: int) -> bytes:
    """Return a tree with this structure block; `fields` replace header words by index (h1: totalsize)."""
    head = [0xD00DFEED, 56 + len(structure) + len(strings), 56, 56 + len(structure), 40, 17, 16, 0]
    head += [len(strings), len(structure)]
    for name, value in fields.items():
        head[int(name[1:])] = value
    return words(*head) + bytes(16) + structure + strings


NODE, END_NODE, PROP, NOP, END = 1, 2, 3, 4, 9
ROOT = words(NODE, 0)
GOOD = ROOT + words(END_NODE, END)
PROPERTY = words(PROP, 1, 0) + b"v\0\0\0"


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        fdt.parse(data)
    return caught.value.what


def test_nops_are_skipped() -> None:
    nop = words(NOP)
    data = nop + ROOT + nop + PROPERTY + nop + nop + words(NODE) + b"kid\0" + words(END_NODE) + nop
    tree = fdt.parse(hand_made(data + words(END_NODE) + nop + words(END)))
    assert tree.root == Node("", {"p": b"v"}, [Node("kid")])


def test_a_tree_of_version_16_is_read() -> None:
    data = hand_made(GOOD, h5=16)
    head = data[:36] + bytes(4) + data[40:]  # version 16 has no size_dt_struct
    assert fdt.parse(head) == Fdt()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "header at offset 0x0: truncated: 0 of 40 bytes"),
        (bytes(100), "magic at offset 0x0: 00000000, not d00dfeed"),
        (hand_made(GOOD)[:-1], "totalsize at offset 0x4: 74 bytes, there are 73"),
        (hand_made(GOOD, h1=40), "totalsize at offset 0x4: 40 bytes"),
        (hand_made(GOOD, h1=0), "totalsize at offset 0x4: 0 bytes"),
        (hand_made(GOOD, h5=15), "version at offset 0x14: 15, the oldest"),
        (hand_made(GOOD, h6=18), "last_comp_version at offset 0x18: 18, the newest"),
        (hand_made(GOOD, h2=58), "off_dt_struct at offset 0x8: 0x3a is not aligned"),
        (hand_made(GOOD, h2=0x10000), "off_dt_struct at offset 0x8: 0x10000"),
        (hand_made(GOOD, h2=0), "off_dt_struct at offset 0x8: 0x0"),
        (hand_made(GOOD, h9=0x10000), "size_dt_struct at offset 0x24: 0x10000 bytes"),
        (hand_made(GOOD, h9=0), "size_dt_struct at offset 0x24: 0x0 bytes"),
        (hand_made(GOOD, h3=73), "size_dt_strings at offset 0x20: the strings end behind"),
        (hand_made(GOOD, h8=0xFFFFFFFF), "size_dt_strings at offset 0x20"),
        (hand_made(GOOD, h4=44), "off_mem_rsvmap at offset 0x10: 0x2c is not aligned"),
        (hand_made(GOOD, h4=0x1000), "off_mem_rsvmap at offset 0x10: 0x1000"),
        (hand_made(GOOD, h4=56), "reservations at offset 0x38: the list does not end"),
        (hand_made(words(END, END, END, END)), "structure at offset 0x38: it does not begin with a node"),
        (hand_made(ROOT + words(END_NODE, NOP)), "structure at offset 0x48: it ends without an end token"),
        (hand_made(ROOT + words(NOP, END)), "structure at offset 0x44: it ends inside a node"),
        (hand_made(words(NOP, NOP, NOP, END)), "structure at offset 0x44: it ends inside a node"),
        (hand_made(GOOD[:-4] + GOOD), "structure at offset 0x44: a second root node"),
        (hand_made(GOOD[:-4] + words(END_NODE, END)), "a node ends that never began"),
        (hand_made(words(NOP) + ROOT + words(7, END_NODE, END)), "unknown token 0x7"),
        (hand_made(GOOD[:-4] + PROPERTY + words(END)), "property p at offset 0x44: it is outside"),
        (hand_made(ROOT + PROPERTY * 2 + words(END_NODE, END)), "property p at offset 0x50: the node has it"),
        (hand_made(ROOT + words(PROP, 0xFFFFFFFF, 0, 0)), "property p at offset 0x40: 4294967295 bytes"),
        (hand_made(ROOT + words(PROP, 9, 0, 0, 0)), "property p at offset 0x40: 9 bytes"),
        (hand_made(ROOT + words(NOP, PROP)), "property at offset 0x44: it is truncated"),
        (hand_made(ROOT + words(PROP, 0, 2, 0)), "property name at offset 0x40: 0x2 is outside"),
        (hand_made(ROOT + words(PROP, 0, 0, 0), b"p"), "property name at offset 0x40"),
        (hand_made(ROOT + words(PROP, 0, 0, 0), b"\xff\0"), "property name at offset 0x50: b'\\xff'"),
        (hand_made(words(NODE) + b"abcdefghijkl"), "node name at offset 0x3c: it does not end"),
        (hand_made(ROOT + words(NODE) + b"a/b\0"), "node name at offset 0x44: b'a/b' has a character"),
    ],
)
def test_what_breaks_the_format_is_refused_with_its_place(data: bytes, message: str) -> None:
    assert message in refusal(data)


def nested(depth: int) -> Fdt:
    tree = Fdt()
    node = tree.root
    for _ in range(depth - 1):
        node.children.append(Node("n"))
        node = node.children[0]
    return tree


def test_depth_and_number_of_nodes_are_bounded() -> None:
    level = words(NODE) + b"n\0\0\0"
    deepest = hand_made(ROOT + level * 63 + words(END_NODE) * 64 + words(END))
    assert fdt.parse(deepest) == nested(64)
    assert fdt.build(nested(64))
    too_deep = hand_made(ROOT + level * 64 + words(END_NODE) * 65 + words(END))
    assert "more than 64 levels" in refusal(too_deep)
    with pytest.raises(InputError, match="more than 64 levels"):
        fdt.build(nested(65))
    wide = hand_made(ROOT + (level + words(END_NODE)) * fdt.MAX_NODES + words(END_NODE, END))
    assert "65536 nodes" in refusal(wide)
    with pytest.raises(InputError, match="65536 nodes"):
        fdt.build(Fdt(Node("", {}, [Node("n")] * fdt.MAX_NODES)))


def test_a_tree_larger_than_the_limit_is_refused() -> None:
    big = Fdt(Node("", {"p": bytes(fdt.MAX_SIZE)}))
    with pytest.raises(InputError, match=f"the limit is {fdt.MAX_SIZE}"):
        fdt.build(big)
    data = hand_made(GOOD, h1=fdt.MAX_SIZE + 1) + bytes(fdt.MAX_SIZE)
    assert f"the limit is {fdt.MAX_SIZE}" in refusal(data)


def test_the_number_of_reservations_is_bounded() -> None:
    most = Fdt(reservations=[(4096 * number, 4096) for number in range(1, 4097)])
    data = fdt.build(most)
    assert fdt.parse(data) == most
    more = Fdt(reservations=[*most.reservations, (1, 1)])
    with pytest.raises(InputError, match="more than 4096 reservations"):
        fdt.build(more)
    inserted = bytearray(data[:40] + struct.pack(">QQ", 1, 1) + data[40:])
    struct.pack_into(">3I", inserted, 4, len(inserted), *(at + 16 for at in struct.unpack(">2I", data[8:16])))
    assert "reservations at offset 0x10028: more than 4096" in refusal(bytes(inserted))


@pytest.mark.parametrize("name", ["a/b", "a\0b", "ä"])
def test_a_name_that_could_not_be_read_back_is_not_written(name: str) -> None:
    for tree in (Fdt(Node("", {name: b""})), Fdt(Node("", {}, [Node(name)]))):
        with pytest.raises(InputError, match=re.escape("has a character that names may not have")):
            fdt.build(tree)


NAMES = st.text("abcd-,@0123#", min_size=1, max_size=12)
PROPERTIES = st.dictionaries(NAMES, st.binary(max_size=40), max_size=5)
NODES = st.recursive(
    st.builds(Node, NAMES, PROPERTIES, st.just([])),
    lambda children: st.builds(Node, NAMES, PROPERTIES, st.lists(children, max_size=4)),
    max_leaves=20,
)
TREES = st.builds(
    Fdt,
    st.builds(Node, st.just(""), PROPERTIES, st.lists(NODES, max_size=4)),
    st.lists(st.tuples(st.integers(0, 2**64 - 1), st.integers(1, 2**64 - 1)), max_size=3),
    st.integers(0, 2**32 - 1),
)


@settings(max_examples=150)
@given(TREES)
def test_every_tree_reads_back_as_it_was_written_and_libfdt_agrees(tree: Fdt) -> None:
    built = fdt.build(tree)
    assert fdt.parse(built) == tree
    assert libfdt_walk(built) == {path: node.properties for path, node in tree.root.walk()}
    theirs = libfdt.Fdt(built)
    assert [tuple(theirs.get_mem_rsv(index)) for index in range(theirs.num_mem_rsv())] == tree.reservations


def refused_or_builds_back(data: bytes) -> None:
    try:
        tree = fdt.parse(data)
    except InputError:
        return
    assert fdt.parse(fdt.build(tree)) == tree


@settings(max_examples=200)
@given(st.binary(max_size=300), st.binary(max_size=20))
def test_any_bytes_are_refused_or_build_back(structure: bytes, strings: bytes) -> None:
    refused_or_builds_back(structure)
    refused_or_builds_back(hand_made(ROOT + structure[: len(structure) // 4 * 4], strings))


@settings(max_examples=300)
@given(st.data())
def test_a_damaged_tree_is_refused_or_builds_back(data: st.DataObject) -> None:
    tree = bytearray(_damage_me())
    for _ in range(data.draw(st.integers(1, 4))):
        at = 4 * data.draw(st.integers(0, len(tree) // 4 - 1))
        struct.pack_into(">I", tree, at, data.draw(st.integers(0, 20) | st.integers(0, 2**32 - 1)))
    refused_or_builds_back(bytes(tree))
    fdt.split(tree)


@cache
def _damage_me() -> bytes:
    """Return the sample again: hypothesis and fixtures do not mix."""
    return dtb(SOURCE)


def test_parsing_does_not_depend_on_the_kind_of_buffer(sample: bytes) -> None:
    tree = fdt.parse(sample)
    for data in (bytearray(sample), memoryview(sample), memoryview(sample + b"tail")):
        assert fdt.parse(data) == tree
