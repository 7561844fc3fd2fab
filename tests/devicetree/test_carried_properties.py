"""What only the bootloader knows is carried over into a guest's tree, as the profile says."""

import struct

import msgspec
from adapted_trees import SHAMU, VIRT, adapt, nodes, reservations, rom, value
from image_builders import dtb

from hardboot import profile
from hardboot.base.memory import Range
from hardboot.formats.trees import fdt
from hardboot.profile.schema import CarriedProperties


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
        CarriedProperties(name="x", node=node, properties=properties)
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


HTC = """/ { #address-cells = <1>; #size-cells = <1>; htc,project-id = <271 0 1>; other = <1>;
  memory { device_type = "memory"; reg = <0 0x5a00000 0x10000000 0x20000000>; };
  calibration_data { als_flash = [01 02]; wifi_eeprom = [03]; c-sensor = <4>; unheard_of = <5>; };
  htc_workaround_reserve_leading_pages { pages = <16>; };
  chosen { config { bootloaderflag = <1>; debugflag = <2>; else = <3>; }; }; };"""


def test_a_guest_on_the_one_m8_gets_what_only_htcs_bootloader_knows() -> None:
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


def test_a_guest_on_the_nexus_6_gets_what_only_motorolas_bootloader_knows() -> None:
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
