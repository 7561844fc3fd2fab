"""Choosing and adapting device trees; libfdt reads what was written."""

import struct
import subprocess
from typing import Any

import libfdt
import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import dtb

from hardboot import devicetree, profile
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.memory import Range
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.profile import Profile
from hardboot.profile.schema import Carry

VIRT = profile.load("virt-arm")
SHAMU = profile.load("shamu")
PAGE = (VIRT.page.start, VIRT.page.size)
OLD_TREE = 0x42E00000  # where the bootloader script puts it: base + tags_offset

LIVE = fdt.parse(
    dtb(
        """/memreserve/ 0x43000000 0x123456;
        /memreserve/ 0x42e00000 0x3000;
        /memreserve/ 0x7f000000 0x1000;
        / { #address-cells = <2>; #size-cells = <2>; compatible = "linux,dummy-virt";
          memory@40000000 { device_type = "memory"; reg = <0 0x40000000 0 0x40000000>; };
          reserved-memory { #address-cells = <2>; #size-cells = <2>; ranges;
            ramoops@44100000 { compatible = "ramoops"; reg = <0 0x44100000 0 0x100000>; };
            floating { size = <0 0x1000>; }; };
          chosen { bootargs = "old"; linux,initrd-start = <0x43000000>; linux,initrd-end = <0x43123456>;
            rng-seed = [01 02]; kaslr-seed = <1 2>; stdout-path = "/pl011";
            mmi,baseband = "x"; mmi,esd = <1>; linux,hwrev = <0x83a0>; other = <1>;
            mmi,bl_sigs { a = <1>; b = "two"; }; }; };"""
    )
)
ROM = '/ {{ #address-cells = <{0}>; #size-cells = <{0}>; compatible = "{1}"; {2} }};'


def rom(cells: int = 1, compatible: str = "moto,board", more: str = "") -> Fdt:
    return fdt.parse(dtb(ROM.format(cells, compatible, more)))


def adapt(tree: Fdt, **change: Any) -> libfdt.Fdt:
    arguments: dict[str, Any] = {
        "cmdline": "console=ttyAMA0",
        "initrd": Range(0x46000000, 0x46012345),
        "live": LIVE,
        "profile": VIRT,
    }
    return libfdt.Fdt(devicetree.adapt(tree, **(arguments | change)))


def value(tree: libfdt.Fdt, path: str, name: str) -> bytes | None:
    found = tree.getprop(tree.path_offset(path), name, quiet=[libfdt.NOTFOUND])
    return None if isinstance(found, int) else bytes(found)


def reservations(tree: libfdt.Fdt) -> list[tuple[int, int]]:
    return [tuple(tree.get_mem_rsv(index)[-2:]) for index in range(tree.num_mem_rsv())]


def test_the_live_tree_gets_the_guests_command_line_and_ramdisk_to_the_byte() -> None:
    done = adapt(LIVE)
    assert value(done, "/chosen", "bootargs") == b"console=ttyAMA0\0"
    assert value(done, "/chosen", "linux,initrd-start") == struct.pack(">Q", 0x46000000)
    assert value(done, "/chosen", "linux,initrd-end") == struct.pack(">Q", 0x46012345)
    assert value(done, "/chosen", "stdout-path") == b"/pl011\0"


def test_what_was_for_the_last_boot_only_is_dropped() -> None:
    done = adapt(LIVE)
    assert value(done, "/chosen", "rng-seed") is None
    assert value(done, "/chosen", "kaslr-seed") is None
    assert reservations(done) == [PAGE, (0x7F000000, 0x1000)]


def test_without_a_ramdisk_the_old_one_is_forgotten_too() -> None:
    done = adapt(LIVE, initrd=None)
    assert value(done, "/chosen", "linux,initrd-start") is None
    assert value(done, "/chosen", "linux,initrd-end") is None
    assert (0x43000000, 0x123456) not in reservations(done)


def test_a_page_the_tree_reserves_already_is_not_reserved_twice() -> None:
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


def nodes(tree: libfdt.Fdt, path: str = "/") -> list[str]:
    names = []
    offset = tree.first_subnode(tree.path_offset(path), quiet=[libfdt.NOTFOUND])
    while offset >= 0:
        names.append(tree.get_name(offset))
        offset = tree.next_subnode(offset, quiet=[libfdt.NOTFOUND])
    return names


def test_ram_that_does_not_fit_into_the_roms_cells_is_refused() -> None:
    high = fdt.parse(
        dtb(
            "/ { #address-cells = <2>; #size-cells = <2>;"
            ' memory { device_type = "memory"; reg = <1 0 0 4096>; }; };'
        )
    )
    with pytest.raises(RefusedError, match="does not fit into the 1 address and 1 size cells"):
        adapt(rom(1), live=high)


def test_only_what_the_profile_names_is_carried_over() -> None:
    done = adapt(rom(), profile=SHAMU)
    assert value(done, "/chosen", "mmi,baseband") == b"x\0"
    assert value(done, "/chosen", "mmi,esd") == struct.pack(">I", 1)
    assert value(done, "/chosen", "linux,hwrev") == struct.pack(">I", 0x83A0)
    assert value(done, "/chosen/mmi,bl_sigs", "a") == struct.pack(">I", 1)
    assert value(done, "/chosen/mmi,bl_sigs", "b") == b"two\0"
    assert value(done, "/chosen", "other") is None
    assert value(done, "/chosen", "stdout-path") is None
    assert value(adapt(rom(), profile=VIRT), "/chosen", "mmi,baseband") is None


def test_the_tree_that_was_given_is_not_changed() -> None:
    before = fdt.build(LIVE)
    devicetree.adapt(LIVE, cmdline="x", initrd=None, live=LIVE, profile=SHAMU)
    assert fdt.build(LIVE) == before


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 2**24), st.sampled_from([1, 2]))
def test_the_length_does_not_depend_on_where_the_ramdisk_lies(start: int, size: int, cells: int) -> None:
    tree = Fdt(Node("", {"#address-cells": fdt.u32(cells), "#size-cells": fdt.u32(cells)}))
    end = min(start + size, 2**32 - 1)
    lengths = {
        len(devicetree.adapt(tree, cmdline="x", initrd=place, live=LIVE, profile=VIRT))
        for place in (Range(start, end), Range(0, 0))
    }
    assert len(lengths) == 1


def test_reserved_lists_the_reserve_map_the_nodes_and_qualcomms_holes() -> None:
    tree = rom(more="soc { fb { qcom,memblock-reserve = <0x3200000 0x1e00000>; }; };")
    assert devicetree.reserved(tree) == [Range(0x3200000, 0x5000000)]
    assert Range(0x44100000, 0x44200000) in devicetree.reserved(LIVE)
    assert Range(0x43000000, 0x43123456) in devicetree.reserved(LIVE)


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
    read = devicetree.memory if "device_type" in more else devicetree.reserved
    with pytest.raises(InputError):
        read(tree)


@pytest.mark.parametrize("cmdline", ["a\0b", "\ud800"])
def test_a_command_line_that_is_no_text_is_an_input_error(cmdline: str) -> None:
    with pytest.raises(InputError, match="kernel command line"):
        adapt(LIVE, cmdline=cmdline)


def test_bytes_of_the_images_command_line_that_are_no_utf8_stay_as_they_were() -> None:
    assert (
        value(adapt(LIVE, cmdline=b"a=\xff".decode("utf-8", "surrogateescape")), "/chosen", "bootargs")
        == b"a=\xff\0"
    )


def choose(trees: list[Fdt], live: Fdt | None, phone: Profile = VIRT) -> devicetree.Choice:
    return devicetree.choose([devicetree.of_tree(tree) for tree in trees], phone, live)


def test_a_rom_without_a_tree_gets_the_phones_own() -> None:
    chosen = choose([], LIVE)
    assert chosen.tree is LIVE
    assert chosen.source == "live"
    with pytest.raises(RefusedError, match="no phone is there"):
        choose([], None)


def test_a_roms_only_tree_is_taken() -> None:
    only = rom()
    assert choose([only], LIVE).tree is only
    assert choose([only], None).source == "rom"


def test_of_several_trees_the_one_for_the_running_board_is_taken() -> None:
    mine = rom(compatible="linux,dummy-virt")
    assert choose([rom(), mine, rom(compatible="c")], LIVE).tree is mine


@pytest.mark.parametrize(
    ("trees", "live"),
    [
        ([rom(), rom(compatible="c")], LIVE),
        ([rom(compatible="linux,dummy-virt"), rom(2, "linux,dummy-virt")], LIVE),
        ([rom(), rom(compatible="c")], None),
        ([Fdt(), Fdt()], Fdt()),
    ],
)
def test_trees_that_cannot_be_told_apart_are_refused(trees: list[Fdt], live: Fdt | None) -> None:
    with pytest.raises(RefusedError, match="device trees"):
        choose(trees, live)


def test_the_old_trees_own_reservation_is_found_where_the_profile_puts_it() -> None:
    assert VIRT.image.tags_addr == OLD_TREE
    moved = msgspec.structs.replace(VIRT, image=msgspec.structs.replace(VIRT.image, tags_offset=0x100))
    assert (OLD_TREE, 0x3000) in reservations(adapt(LIVE, profile=moved))


def test_of_the_same_tree_twice_the_first_is_taken() -> None:
    twins = [rom(compatible="linux,dummy-virt"), rom(compatible="linux,dummy-virt")]
    assert choose(twins, LIVE).tree is twins[0]


def test_the_memory_node_keeps_what_the_trees_maker_put_into_it() -> None:
    region = 'memory { device_type = "memory"; reg = <0 0>; b = <5>; a: region { size = <1>; }; };'
    done = adapt(rom(more=f"{region} memory@1 {{ reg = <1 2>; }}; user {{ link = <&a>; }};"))
    assert value(done, "/memory", "reg") == struct.pack(">2I", 0x40000000, 0x40000000)
    assert value(done, "/memory", "b") == struct.pack(">I", 5)
    assert value(done, "/memory/region", "phandle") == value(done, "/user", "link")
    assert [name for name in nodes(done) if name.startswith("memory")] == ["memory"]


def test_whole_branches_and_nodes_by_pattern_are_carried_over() -> None:
    live = fdt.parse(
        dtb(
            """/ { #address-cells = <1>; #size-cells = <1>; leading-pages = <7>;
              calibration_data { als_flash = [01]; deep { gyro = [02]; one@1 { x = [03]; }; }; };
              chosen { config { bootloaderflag = <1>; }; configs { a = <2>; }; vendor,log { b = <3>; }; };
              calibration { a = <4>; }; };"""
        )
    )
    carry = tuple(
        Carry(name="x", node=node, properties=properties)
        for node, properties in (
            ("/", ("leading-pages",)),
            ("/calibration_data/**", ("*",)),
            ("/chosen/config", ("*",)),
            ("/chosen/vendor,*", ("*",)),
        )
    )
    phone = msgspec.structs.replace(VIRT, dtb=msgspec.structs.replace(VIRT.dtb, carry=carry))
    done = adapt(rom(), live=live, profile=phone)
    assert value(done, "/", "leading-pages") == struct.pack(">I", 7)
    assert value(done, "/calibration_data", "als_flash") == b"\1"
    assert value(done, "/calibration_data/deep", "gyro") == b"\2"
    assert value(done, "/calibration_data/deep/one@1", "x") == b"\3"
    assert value(done, "/chosen/config", "bootloaderflag") == struct.pack(">I", 1)
    assert value(done, "/chosen/vendor,log", "b") == struct.pack(">I", 3)
    assert nodes(done) == ["chosen", "calibration_data"]
    assert nodes(done, "/chosen") == ["config", "vendor,log"]


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


def test_the_phones_own_ids_beat_those_of_its_profile() -> None:
    old, new = (rom(more=f"qcom,msm-id = <178 0x47 {rev}>;") for rev in (0x8100, 0x8300))
    live = rom(compatible="linux,dummy-virt", more="qcom,msm-id = <178 0x47 0x8300>;")
    assert choose([old, new], live, SHAMU).tree is new
    assert choose([old, new], rom(), SHAMU).tree is old  # it states none: those of the profile, up to 0x8200


def test_without_a_phone_the_ids_of_its_profile_tell_the_trees_apart() -> None:
    other, mine = (rom(more=f"qcom,msm-id = <{chip} 0x47 0x8200>;") for chip in (126, 178))
    chosen = choose([other, mine], None, SHAMU)
    assert chosen.tree is mine
    assert chosen.reason.startswith("number 1 of 2: the best for platform 0xb2")
    with pytest.raises(RefusedError, match=r"none is for platform 0xb2 .*0: platform 0x7e, not 0xb2"):
        choose([other, rom()], None, SHAMU)


HTC = """/ { #address-cells = <1>; #size-cells = <1>; htc,project-id = <271 0 1>; other = <1>;
  memory { device_type = "memory"; reg = <0 0x5a00000 0x10000000 0x20000000>; };
  calibration_data { als_flash = [01 02]; wifi_eeprom = [03]; c-sensor = <4>; unheard_of = <5>; };
  htc_workaround_reserve_leading_pages { pages = <16>; };
  chosen { config { bootloaderflag = <1>; debugflag = <2>; else = <3>; }; }; };"""


def test_what_htcs_bootloader_alone_knows_reaches_the_guest_of_the_one_m8() -> None:
    done = adapt(rom(2), live=fdt.parse(dtb(HTC)), profile=profile.load("m8"))
    assert value(done, "/", "htc,project-id") == struct.pack(">3I", 271, 0, 1)
    assert value(done, "/calibration_data", "als_flash") == b"\1\2"
    assert value(done, "/calibration_data", "wifi_eeprom") == b"\3"
    assert value(done, "/calibration_data", "c-sensor") == struct.pack(">I", 4)
    assert value(done, "/chosen/config", "bootloaderflag") == struct.pack(">I", 1)
    assert value(done, "/chosen/config", "debugflag") == struct.pack(">I", 2)
    assert value(done, "/htc_workaround_reserve_leading_pages", "pages") == struct.pack(">I", 16)
    for path, name in (("/", "other"), ("/calibration_data", "unheard_of"), ("/chosen/config", "else")):
        assert value(done, path, name) is None
    # One cell in the phone's tree, two in the ROM's.
    assert value(done, "/memory@0", "reg") == struct.pack(">4Q", 0, 0x5A00000, 0x10000000, 0x20000000)
    assert reservations(done) == [(0x05ED0000, 0x100000)]


BANKS = 'memory { device_type = "memory"; reg = <0 0 0 0x40000000 0 0x40000000 0 0x80000000>; };'
MOTOROLA = {
    **{
        f"mmi,{name}": name.encode()
        for name in ("powerup_reason", "mbmversion", "prod_id", "panel_ver", "esd")
    },
    **{f"linux,{name}": name.encode() for name in ("seriallow", "serialhigh", "hwrev")},
}


def test_what_motorolas_bootloader_alone_knows_reaches_the_guest_of_the_nexus_6() -> None:
    live = rom(2, more=BANKS)
    live.ensure("/chosen").properties |= MOTOROLA
    live.ensure("/chosen/mmi,bl_sigs/deep").properties["sig"] = b"s"
    own = rom(2, more='memory { device_type = "memory"; reg = <0 0 0 0>; };')
    done = adapt(own, live=live, profile=SHAMU, initrd=Range(0x46000000, 0x46000010))
    assert {name: value(done, "/chosen", name) for name in MOTOROLA} == MOTOROLA
    assert value(done, "/chosen/mmi,bl_sigs/deep", "sig") == b"s"
    assert value(done, "/memory", "reg") == struct.pack(">4Q", 0, 0x40000000, 0x40000000, 0x80000000)
    assert value(done, "/chosen", "linux,initrd-end") == struct.pack(">Q", 0x46000010)
    assert reservations(done) == [(0x3E9DF000, 0x1000)]
