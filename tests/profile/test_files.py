"""Profile files: found by name or codename, parsed strictly."""

from pathlib import Path

import pytest
from edited_profiles import SHAMU, VIRT, wrong
from hypothesis import given
from hypothesis import strategies as st

from hardboot import profile
from hardboot.base.errors import InputError


def test_a_phone_is_found_by_name_and_by_codename() -> None:
    assert profile.load("shamu").name == "shamu"
    found = profile.match("virt-arm")
    assert found is not None
    assert found.name == "virt-arm"
    assert profile.match("nobody") is None


def test_an_unknown_name_is_refused_with_the_nearest_one(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="did you mean shamu") as error:
        profile.load("sahmu")
    assert "virt-arm" in error.value.fix
    with pytest.raises(InputError):
        profile.load("../devices/shamu")


def test_the_name_must_be_that_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "other.toml"
    path.write_text(VIRT)
    with pytest.raises(InputError, match="named 'virt-arm', but the file 'other'"):
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
    [("0x0x8c300000", "0x is written twice"), ("40EAC000", "a hex number starts with 0x: 0x40EAC000")],
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


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (VIRT + text).encode()))
def test_any_bytes_are_a_profile_or_an_input_error(data: bytes) -> None:
    try:
        found = profile.parse(data, "x")
    except InputError:
        return
    profile.check(found)
