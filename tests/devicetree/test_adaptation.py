"""A guest's device tree: command line, ramdisk, RAM, reservations; libfdt reads what was written."""

import struct
import subprocess

import libfdt
import msgspec
import pytest
from adapted_trees import LIVE, OLD_TREE, PAGE, SHAMU, VIRT, adapt, nodes, reservations, rom, value
from hypothesis import given
from hypothesis import strategies as st
from image_builders import dtb

from hardboot import devicetree
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.memory import Range
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node


def test_the_live_tree_gets_the_guests_command_line_and_ramdisk_to_the_byte() -> None:
    done = adapt(LIVE)
    assert value(done, "/chosen", "bootargs") == b"console=ttyAMA0\0"
    assert value(done, "/chosen", "linux,initrd-start") == struct.pack(">Q", 0x46000000)
    assert value(done, "/chosen", "linux,initrd-end") == struct.pack(">Q", 0x46012345)
    assert value(done, "/chosen", "stdout-path") == b"/pl011\0"


def test_properties_for_the_last_boot_only_are_removed() -> None:
    done = adapt(LIVE)
    assert value(done, "/chosen", "rng-seed") is None
    assert reservations(done) == [PAGE, (0x7F000000, 0x1000)]


SEED = bytes(range(8))
BARE = fdt.parse(dtb("/ { };"))


@pytest.mark.parametrize(
    ("tree", "live", "seed", "given"),
    [
        (LIVE, LIVE, SEED, SEED),
        (LIVE, None, SEED, SEED),
        (BARE, LIVE, SEED, SEED),  # the bootloader would give it to this tree, too
        (LIVE, LIVE, None, None),
        (BARE, BARE, SEED, None),
        (BARE, None, SEED, None),
    ],
)
def test_a_guest_gets_a_seed_of_its_own_where_the_bootloader_gives_one(
    tree: Fdt, live: Fdt | None, seed: bytes | None, given: bytes | None
) -> None:
    before = fdt.build(tree)
    done = devicetree.for_guest(tree, live=live, kaslr_seed=seed).find("/chosen")
    assert (done and done.properties.get("kaslr-seed")) == given
    assert fdt.build(tree) == before


def test_what_a_kernel_started_by_a_crash_was_told_is_not_for_a_guest() -> None:
    memory, header = Range(0x68000000, 0x6BE00000), Range(0x6BE00000, 0x6BE01000)
    panic = devicetree.for_panic_kernel(LIVE, elf_header=header, memory=memory)
    done = devicetree.for_guest(panic, live=None, kaslr_seed=None).find("/chosen")
    assert done
    assert not {"linux,elfcorehdr", "linux,usable-memory-range", "kaslr-seed"} & set(done.properties)
    assert done.properties["stdout-path"] == b"/pl011\0"


def test_without_a_ramdisk_the_old_one_is_removed_too() -> None:
    done = adapt(LIVE, initrd=None)
    assert value(done, "/chosen", "linux,initrd-start") is None
    assert value(done, "/chosen", "linux,initrd-end") is None
    assert (0x43000000, 0x123456) not in reservations(done)


def test_a_page_that_the_tree_already_reserves_is_not_reserved_again() -> None:
    more = (
        "reserved-memory { #address-cells = <1>; #size-cells = <1>; hole { reg = <0x44000000 0x10000>; }; };"
    )
    assert reservations(adapt(rom(more=more))) == []
    hole = "hole { qcom,memblock-reserve = <0x44000000 0x1000>; };"
    assert reservations(adapt(rom(more=hole))) == []
    assert reservations(adapt(rom())) == [PAGE]


@pytest.mark.parametrize("cells", [1, 2])
def test_a_roms_own_tree_gets_the_phones_ram_in_its_own_cells(cells: int) -> None:
    zeros = " ".join(["0"] * 2 * cells)
    done = adapt(rom(cells, more=f'memory {{ device_type = "memory"; reg = <{zeros}>; }};'))
    number = ">2I" if cells == 1 else ">2Q"
    assert value(done, "/memory", "reg") == struct.pack(number, 0x40000000, 0x40000000)
    assert [name for name in nodes(done) if name.startswith("memory")] == ["memory"]
    initrd = value(done, "/chosen", "linux,initrd-start")
    assert initrd == 0x46000000.to_bytes(4 * cells, "big")


def test_ram_that_does_not_fit_into_the_roms_cells_is_refused() -> None:
    high = fdt.parse(
        dtb(
            "/ { #address-cells = <2>; #size-cells = <2>;"
            ' memory { device_type = "memory"; reg = <1 0 0 4096>; }; };'
        )
    )
    with pytest.raises(RefusedError, match="does not fit into the 1 address and 1 size cells"):
        adapt(rom(1), live=high)


def test_the_given_tree_is_not_changed() -> None:
    before = fdt.build(LIVE)
    devicetree.adapt(LIVE, cmdline="x", initrd=None, live=LIVE, profile=SHAMU)
    assert fdt.build(LIVE) == before


@given(st.integers(0, 2**32 - 1), st.integers(0, 2**24), st.sampled_from([1, 2]))
def test_the_length_does_not_depend_on_where_the_ramdisk_lies(start: int, size: int, cells: int) -> None:
    tree = Fdt(Node("", {"#address-cells": fdt.cells([cells]), "#size-cells": fdt.cells([cells])}))
    end = min(start + size, 2**32 - 1)
    lengths = {
        len(devicetree.adapt(tree, cmdline="x", initrd=place, live=LIVE, profile=VIRT))
        for place in (Range(start, end), Range(0, 0))
    }
    assert len(lengths) == 1


def test_reserved_memory_is_the_reserve_map_the_nodes_and_qualcomms_holes() -> None:
    tree = rom(more="soc { fb { qcom,memblock-reserve = <0x3200000 0x1e00000>; }; };")
    assert devicetree.reserved_memory(tree) == [Range(0x3200000, 0x5000000)]
    assert Range(0x44100000, 0x44200000) in devicetree.reserved_memory(LIVE)
    assert Range(0x43000000, 0x43123456) in devicetree.reserved_memory(LIVE)


@pytest.mark.parametrize(
    "more",
    [
        'memory { device_type = "memory"; reg = <1 2 3>; };',
        "reserved-memory { #address-cells = <3>; #size-cells = <1>; a { reg = <1>; }; };",
        "reserved-memory { #address-cells = <1>; #size-cells = <1>; a { reg = <1>; }; };",
        "a { qcom,memblock-remove = <1>; };",
    ],
)
def test_malformed_properties_are_input_errors(more: str) -> None:
    tree = rom(more=more)
    read = devicetree.memory_banks if "device_type" in more else devicetree.reserved_memory
    with pytest.raises(InputError):
        read(tree)


@pytest.mark.parametrize("cmdline", ["a\0b", "\ud800"])
def test_a_command_line_that_cannot_be_encoded_is_an_input_error(cmdline: str) -> None:
    with pytest.raises(InputError, match="kernel command line"):
        adapt(LIVE, cmdline=cmdline)


def test_bytes_of_the_command_line_that_are_not_utf8_are_kept() -> None:
    assert (
        value(adapt(LIVE, cmdline=b"a=\xff".decode("utf-8", "surrogateescape")), "/chosen", "bootargs")
        == b"a=\xff\0"
    )


def test_the_old_trees_own_reservation_is_found_where_the_profile_puts_it() -> None:
    assert VIRT.image.tags_addr == OLD_TREE
    moved = msgspec.structs.replace(VIRT, image=msgspec.structs.replace(VIRT.image, tags_offset=0x100))
    assert (OLD_TREE, 0x3000) in reservations(adapt(LIVE, profile=moved))


def test_the_memory_node_keeps_its_other_content() -> None:
    region = 'memory { device_type = "memory"; reg = <0 0>; b = <5>; a: region { size = <1>; }; };'
    done = adapt(rom(more=f"{region} memory@1 {{ reg = <1 2>; }}; user {{ link = <&a>; }};"))
    assert value(done, "/memory", "reg") == struct.pack(">2I", 0x40000000, 0x40000000)
    assert value(done, "/memory", "b") == struct.pack(">I", 5)
    assert value(done, "/memory/region", "phandle") == value(done, "/user", "link")
    assert [name for name in nodes(done) if name.startswith("memory")] == ["memory"]


def test_dtc_reads_the_adapted_tree_and_its_size_is_exact() -> None:
    data = devicetree.adapt(
        rom(2), cmdline="x", initrd=Range(0x46000000, 0x46000001), live=LIVE, profile=SHAMU
    )
    assert struct.unpack_from(">I", data, 4) == (len(data),)
    text = subprocess.run(
        ["dtc", "-q", "-I", "dtb", "-O", "dts"], input=data, capture_output=True, check=True, timeout=30
    ).stdout.decode()
    assert "/memreserve/\t0x000000003e9df000 0x0000000000001000;" in text
    assert "linux,initrd-end = <0x00 0x46000001>;" in text
    assert 'b = "two";' in text
    packed = libfdt.Fdt(data)
    packed.pack()
    assert packed.totalsize() == len(data)
