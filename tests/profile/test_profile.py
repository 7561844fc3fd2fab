"""Profiles: strict files, the lint, what ships, and the command `devices`."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from image_builders import words
from image_builders import zimage as build_zimage

from hardboot import layout, profile
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.files import data_dir
from hardboot.base.memory import Range
from hardboot.commands.load import check_tried
from hardboot.formats.kernels import zimage
from hardboot.formats.trees.fdt import Fdt
from hardboot.layout import BootPlan, Guest, LiveMemory
from hardboot.profile import Profile

VIRT = (data_dir("devices") / "virt-arm.toml").read_text()
SHAMU = (data_dir("devices") / "shamu.toml").read_text()
BACON = (data_dir("devices") / "bacon.toml").read_text()
G3 = (data_dir("devices") / "g3.toml").read_text()
MIB = 1 << 20


def edited(old: str, new: str, text: str = VIRT) -> Profile:
    assert old in text
    return profile.parse(text.replace(old, new, 1).encode(), "x.toml")


def wrong(old: str, new: str, text: str = VIRT) -> str:
    with pytest.raises(InputError) as error:
        edited(old, new, text)
    return error.value.what


def problems(found: Profile, *others: Profile) -> list[str]:
    return [f"{one.fact}: {one.what}" for one in profile.check(found, others)]


@pytest.mark.parametrize("name", profile.names())
def test_every_profile_that_ships_keeps_every_rule(name: str) -> None:
    assert problems(profile.load(name), *profile.everything()) == []


def test_the_nexus_6_says_what_was_read_and_no_more() -> None:
    shamu = profile.load("shamu")
    assert shamu.ram == ()
    assert shamu.trust("ram") == "unknown"
    assert "/proc/iomem" in shamu.how_to_find("ram")
    assert (shamu.hardboot.page, shamu.hardboot.page_size) == (0x3E9DF000, 0x1000)
    assert (shamu.hardboot.kernel_loc, shamu.mem_min) == (0x3208000, 0x20000000)
    assert Range(0x3E9E0000, 0x3EAE0000) in shamu.reserved
    assert shamu.page.end == 0x3E9E0000, "the page lies directly below ramoops"
    assert shamu.partitions["boot"].size == 16777216
    assert shamu.image.header_trusted is False
    assert shamu.trust("hardboot.page") == "verified"
    assert shamu.trust("hardboot.dtb_loc") == "inferred"
    assert shamu.trust("bootloader.scratch") == "inferred"
    assert shamu.trust("bootloader") == "unknown"
    assert shamu.status == "untested"


def test_what_was_concluded_of_the_nexus_6_is_not_called_verified() -> None:
    shamu = profile.load("shamu")
    assert shamu.trust("dtb.carry.mmi") == "verified"
    assert shamu.trust("dtb.carry.serial") == shamu.trust("dtb.carry.bl-sigs") == "inferred"
    assert shamu.cmdline.replaced == {"console": "null"}
    assert shamu.cmdline.dropped == ("androidboot.console",)


@pytest.mark.parametrize(
    ("name", "page", "kernel_loc", "mem_min"),
    [
        ("hammerhead", 0x10100000, 0x3208000, 0x20000000),
        ("mako", 0x88600000, None, 0x85000000),
        ("flo", 0x88C00000, None, 0x85000000),
        ("grouper", 0xBEA00000, None, 0x90000000),
        ("m7", 0x88B00000, None, None),
        ("m8", 0x05ED0000, None, 0x03200000),
        ("bacon", 0x2F600000, 0x22000000, 0x20000000),
        ("onyx", 0x2F600000, 0x3208000, 0x30000000),
        ("g2", None, None, None),
        ("g3", None, 0x4800000, 0x0FF00000),
        ("mocha", None, None, 0x85000000),
        ("fp1", 0x9DD00000, None, 0x85000000),
        ("jflte", 0x8FDFF000, None, 0x85000000),
        ("honami", 0x39A00000, None, None),
        ("z3", 0x80200000, None, 0x20000000),
        ("angler", 0x1FD00000, None, None),
        ("bullhead", 0x1FE00000, None, None),
    ],
)
def test_the_addresses_are_those_that_were_read(
    name: str, page: int | None, kernel_loc: int | None, mem_min: int | None
) -> None:
    phone = profile.load(name)
    assert (phone.hardboot.page, phone.hardboot.kernel_loc, phone.mem_min) == (page, kernel_loc, mem_min)
    assert phone.status == "untested"


def guest() -> Guest:
    """A ROM with a kernel of 12 MiB, 16 MiB unpacked, and a ramdisk of 8 MiB."""
    edata, numbers = 16 * MIB, (MIB, 0x8000, 0x10000)
    head = len(build_zimage(payload=words(edata), numbers=numbers))
    kernel = zimage.parse(
        build_zimage(payload=bytes(12 * MIB - head) + words(edata), numbers=numbers),
    )
    assert (kernel.size, kernel.edata_size) == (12 * MIB, edata)
    return Guest(kernel, bytes(8 * MIB), Fdt(), "console=ttyHSL0")


GUEST = guest()


def planned(phone: Profile, live: LiveMemory | None) -> BootPlan:
    """A plan that keeps every rule and leaves the hardboot page alone."""
    plan = layout.plan(phone, GUEST, live)
    assert not any(one.range.overlaps(phone.page) for one in plan.segments)
    assert layout.violations(layout.gather_constraints(phone, GUEST, live), plan.segments) == []
    return plan


@pytest.mark.parametrize("name", ["shamu", "hammerhead", "m8"])
def test_with_its_memory_map_a_phone_is_planned_for(name: str) -> None:
    phone = profile.load(name)
    plan = planned(phone, LiveMemory((Range(0, 0x80000000),)))
    assert min(one.addr for one in plan.segments) >= (phone.mem_min or 0)
    assert plan.notes, "that the bootloader was not measured is said"


@pytest.mark.parametrize(("end", "page"), [(0x7FF00000, 0x7D800000), (0xE0000000, 0xDD800000)])
def test_the_amount_of_ram_tells_which_page_a_phone_of_two_models_has(end: int, page: int) -> None:
    g3 = edited("[hardboot]\n", "[hardboot]\ndtb_loc = 0x03000000\n", G3)
    live = LiveMemory((Range(0, end),))
    plan = layout.plan(g3, GUEST, live)
    assert Range.sized(page, 0x100000) in [one.range for one in plan.extents]
    assert g3.for_ram(end).page.start == page
    with pytest.raises(RefusedError, match=r"0x7d800000 \(2GB\), 0xdd800000 \(3GB\)"):
        _ = g3.page


def test_an_unknown_page_is_refused_with_the_values_that_are_stated() -> None:
    g2 = profile.load("g2")
    message = r"LG G2 does not know the address of the hardboot page \(one of 0x7b00000, 0x5d00000\)"
    with pytest.raises(RefusedError, match=message) as error:
        _ = g2.page
    assert "dmesg" in error.value.fix
    assert g2.for_ram(1 << 31) is g2


def test_an_untested_phone_is_booted_only_if_that_is_said() -> None:
    with pytest.raises(RefusedError, match="Motorola Nexus 6") as error:
        check_tried(profile.load("shamu"), allowed=False)
    assert "--untested" in error.value.fix
    assert error.value.state == "Nothing was sent."
    check_tried(profile.load("shamu"), allowed=True)
    check_tried(profile.load("virt-arm"), allowed=False)


def test_ranges_are_half_open_and_named() -> None:
    virt = profile.load("virt-arm")
    assert virt.ram == (Range(0x40000000, 0x80000000),)
    assert [one.name for one in virt.reserved] == ["ramoops"]
    assert str(virt.page) == "hardboot page 0x44000000-0x44001000 (4.0 KiB)"


def test_a_phone_is_found_by_name_and_by_codename() -> None:
    assert profile.load("shamu").name == "shamu"
    found = profile.match("virt-arm")
    assert found is not None
    assert found.name == "virt-arm"
    assert profile.match("nobody") is None


def test_an_unknown_name_tells_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean shamu") as error:
        profile.load("sahmu")
    assert "virt-arm" in error.value.fix
    with pytest.raises(InputError):
        profile.load("../devices/shamu")


def test_the_name_must_be_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(VIRT)
    with pytest.raises(InputError, match="'virt-arm', the file is called 'other'"):
        profile.read(path)


@pytest.mark.parametrize(
    ("old", "new", "where"),
    [
        (
            "page_size = 0x1000",
            "pagesize = 0x1000",
            "hardboot.pagesize; the nearest known key is hardboot.page_size",
        ),
        (
            "start = 0x44100000",
            "strat = 0x44100000",
            "reserved.0.strat; the nearest known key is reserved.0.start",
        ),
        ("soc =", "sok =", "sok; the nearest known key is soc"),
        (
            'path = "/dev/block/by-name/boot"',
            "pth = 1",
            "partitions.boot.pth; the nearest known key is partitions.boot",
        ),
        (
            '"ram" = { status',
            '"ram" = { staus',
            "evidence.ram.staus; the nearest known key is evidence.ram.status",
        ),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest_known_one(old: str, new: str, where: str) -> None:
    what = wrong(old, new)
    assert f"x.toml: unknown key {where}" in what


@pytest.mark.parametrize(  # as they stand in device trees of MultiROM
    ("value", "hint"),
    [("0x0x8c300000", "0x is there twice"), ("40EAC000", "a hex number starts with 0x: 0x40EAC000")],
)
def test_a_number_mistyped_as_in_real_trees_is_explained_with_its_line(value: str, hint: str) -> None:
    line = SHAMU[: SHAMU.index("mem_min = ")].count("\n") + 1
    what = wrong("mem_min = 0x20000000", f"mem_min = {value}", SHAMU)
    assert f"line {line}," in what
    assert hint in what
    assert hint in wrong("start = 0x44100000, size", f"start = {value}, size")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("page = 0x44000000", 'page = "0x44000000"', "hardboot.page"),
        ("page = 0x44000000", "page = -1", ">= 0"),
        ("page = 0x44000000", "page = 1.5", "hardboot.page"),
        ("page = 0x44000000", "page = 0x44000000000000000", "hardboot.page"),
        ("flag = 0x4", "flag = 0x5", "hardboot.flag"),
        ("flag = 0x4\n", "\n", "missing key `flag`"),
        ('arch = "arm"', 'arch = "mips"', "mips"),
        ('"/dev/block/by-name/boot"', '"/dev/block/by-name/boot; reboot"', "partitions"),
        ('codenames = ["virt-arm"]', "codenames = []", "codenames"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(old: str, new: str, message: str) -> None:
    assert message in wrong(old, new)


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        ("page = 0x44000000", "page = 0x44100000", "0x44100000-0x44101000 (4.0 KiB) lies over reserved"),
        ("page = 0x44000000", "page = 0x43fff000", "0x43fff000-0x44000000 (4.0 KiB) lies over bootloader"),
        ("page = 0x44000000", "page = 0x80000000", "is not inside a bank of RAM"),
        ("page = 0x44000000", "page = 0x44000800", "whole pages"),
        ("page_size = 0x1000", "page_size = 0x800", "whole pages"),
        ("start = 0x44100000", "start = 0x7ff80000", "reserved.ramoops: ramoops 0x7ff80000-0x80080000"),
        ('name = "u-boot",', 'name = "qemu-dtb",', "bootloader.qemu-dtb: the name is there twice"),
        ("0x41000000, size = 0x100000", "0x41000000, size = 0x1100000", "lies over kernel-load"),
        ("start = 0x40000000, size = 0x40000000", "start = 0x40000000, size = 0x40000800", "ram.bank0"),
        ("start = 0x40000000, size = 0x4", "start = 0xe0000000, size = 0x4", "beyond the 4 GiB"),
        ('"hardboot.page" =', '"hardboot.pege" =', "evidence.hardboot.pege: there is no such fact"),
        ('"hardboot.page" =', '"reset.value" =', "hardboot.page: no [evidence] says where it was read"),
        ('"image" = { status = "verified"', '"image" = { status = "unknown"', "image.base: [evidence]"),
        ('"mem_min" =', '"presence" =', "mem_min: it is missing"),
        ('"mem_min" = { status = "unknown"', '"mem_min" = { status = "inferred"', "it is inferred, and yet"),
        ('host_abi = "direct"', 'host_abi = "copy-dtb"', "hardboot.dtb_loc: copy-dtb needs it"),
        ('host_abi = "direct"', 'host_abi = "direct"\nkernel_loc = 0x41000000', "moves nothing"),
        ('method = "psci"', 'method = "mmio"', "reset: method mmio needs"),
        ("zreladdr = 0x40008000", "zreladdr = 0x8000", "kernel.zreladdr: 0x8000 is below phys_offset"),
        ("boot = { path", "bott = { path", "partitions.boot: it is missing: say in [evidence]"),
        ("page = 0x44000000", "page = 0x43f00000", "lies over 0x43000000, where boot images are loaded"),
    ],
)  # fmt: skip
def test_the_lint_finds(old: str, new: str, fact: str) -> None:
    assert problems(edited(old, new)) != problems(edited(old, old)) == []
    assert any(fact in one for one in problems(edited(old, new)))


@pytest.mark.parametrize(
    ("old", "new", "fact"),
    [
        (
            "page = 0x2f600000",
            "page = 0x22000000",
            "(1.0 MiB) lies over 0x22000000, where the host kernel moves",
        ),
        (
            "page = 0x2f600000",
            "page = 0x02000000",
            "lies over 0x2000000, where boot images are loaded (image.ramdisk_offset)",
        ),
        ("page = 0x2f600000", "page = 0x00000000", "lies over 0x8000, where kernels unpack themselves"),
        ("page = 0x2f600000", "page = 0x38000000", "lies over reserved param-mem"),
        (
            "page = 0x2f600000\n",
            "",
            "hardboot.page: [evidence] says it is verified, and yet there is no value",
        ),
        (
            "page = 0x2f600000",
            'models = [{ name = "a", page = 0x90000000, ram_end = 0x80000000 }]',
            "hardboot.models.a: 0x90000000 is not below its ram_end",
        ),
        (
            "page_size = 0x100000",
            'page_size = 0x100000\nmodels = [{ name = "a", page = 0x60000000, ram_end = 0x80000000 }]',
            "stated for the phone and for its models",
        ),
        (
            "kernel_loc = 0x22000000",
            "kernel_loc = 0x22000002",
            "hardboot.kernel_loc: 0x22000002 is not a multiple of 4",
        ),
        ("mem_min = 0x20000000", "mem_min = 0x20000800", "mem_min: 0x20000800 is no multiple of 4096"),
        ("mem_min = 0x20000000", "mem_min = 0x0", "mem_min: 0x0 is not above the start of RAM"),
        ("address = 0xfc4ab000\n", "", "reset: method mmio needs address"),
        ("address = 0xfc4ab000", "address = 0xfc4ab001", "reset.address: 0xfc4ab001 is not a multiple of 4"),
        ("value = 0x0\n", "value = 0x0\nset_bits = 0x1\n", "reset: method mmio needs address, and either"),
        (
            'method = "mmio"',
            'method = "watchdog"',
            "reset: value and set_bits belong to method mmio",
        ),
        (
            'method = "mmio"\naddress = 0xfc4ab000\nvalue = 0x0',
            'method = "psci"\naddress = 0xfc4ab000',
            "reset: address belongs to method mmio or watchdog",
        ),
        (
            'method = "mmio"\naddress = 0xfc4ab000\nvalue = 0x0',
            'method = "watchdog"\naddress = 0xfc4ab002',
            "reset.address: 0xfc4ab002 is not a multiple of 4",
        ),
        ('arch = "arm"', 'arch = "arm64"', "hardboot.host_abi: copy-dtb is nothing that arm64"),
        ('kind = "section"', 'kind = "none"', "dtb.kind: none is for host kernels that pass ATAGS on"),
        (
            "[[0xc2, 0x10000]]",
            "[[0xc2, 0, 0x10000]]",
            "dtb.board_ids: they go with msm_ids of two words each",
        ),
        (
            "[[0xc2, 0x10000]]",
            "[[0xc2, 1], [0xc2, 0, 1]]",
            "dtb.msm_ids: its entries have not the same number",
        ),
        ("[[8, 0, 0x3acf, 0xb],", "[[8, 0],", "dtb.board_ids: its entries have not the same number of words"),
        ("page = 0x2f600000", "page = 0x22f00000", "lies over 0x22000000, where the host kernel moves"),
        ("page = 0x2f600000", "page = 0x01e00000", "lies over 0x1e00000, where the host kernel moves"),
        ('"dtb.board_ids" =', '"dtb.kind" =', "dtb.board_ids: no [evidence]"),
        ("value = 0x60000000", "value = 0x50000000", "evidence.reserved.ram-console: a conflict is between"),
        ('codenames = ["bacon", "A0001"]', 'codenames = ["bacon", "bacon"]', "codenames: one is there twice"),
        (
            "phys_offset = 0x00000000",
            "phys_offset = 0x30000000",
            "0x2f600000-0x2f700000 (1.0 MiB) is below the RAM",
        ),
    ],
)
def test_the_lint_finds_in_a_phone_with_an_older_patch(old: str, new: str, fact: str) -> None:
    found = problems(edited(old, new, BACON))
    assert found != problems(edited(old, old, BACON)) == []
    assert any(fact in one for one in found), found


@pytest.mark.parametrize("value", ["0x0", "0x40000000"])
def test_a_mem_min_at_the_start_of_ram_is_no_limit(value: str) -> None:
    found = edited('status = "emulated"', f'status = "emulated"\nmem_min = {value}')
    assert any("is not above the start of RAM, 0x40000000" in one for one in problems(found))


def test_a_codename_belongs_to_one_profile() -> None:
    other = edited('name = "virt-arm"', 'name = "virt-two"')
    assert "codenames: virt-arm belongs to profile virt-arm already" in problems(other, *profile.everything())


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (VIRT + text).encode()))
def test_any_bytes_are_a_profile_or_an_input_error(data: bytes) -> None:
    try:
        found = profile.parse(data, "x")
    except InputError:
        return
    profile.check(found)
