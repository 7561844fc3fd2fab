"""Profile files: found by name or codename, parsed strictly."""

from pathlib import Path

import pytest
from edited_profiles import SHAMU, VIRT, wrong
from hypothesis import given
from hypothesis import strategies as st

from hardboot import profile
from hardboot.base.errors import InputError

FIX = "Correct the profile; hardboot devices check FILE tests it."


def test_a_phone_is_found_by_name_and_by_codename() -> None:
    assert profile.load("shamu").name == "shamu"
    assert profile.load("htc_m8wl").name == "m8"
    found = profile.match("virt-arm")
    assert found is not None
    assert found.name == "virt-arm"
    assert profile.match("A0001") == profile.load("bacon")
    assert profile.match("nobody") is None
    assert [one.name for one in profile.load_all()] == profile.names()
    assert profile.names() == sorted(profile.names())


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("sahmu", "; did you mean shamu?"),
        ("qqqq", ""),
        ("../devices/shamu", ""),
        ("virt-arm65", "; did you mean virt-arm64?"),
    ],
)
def test_an_unknown_name_is_refused_with_the_nearest_one(name: str, hint: str) -> None:
    with pytest.raises(InputError) as error:
        profile.load(name)
    assert error.value.what == f"no profile named {name!r}{hint}"
    assert error.value.fix == f"Use one of: {', '.join(profile.names())}."
    assert error.value.state == "Nothing was changed."


def test_the_name_of_a_file_is_told_how_to_be_used(tmp_path: Path) -> None:
    file = tmp_path / "draft.toml"
    file.write_text(VIRT)
    with pytest.raises(InputError) as error:
        profile.load(str(file))
    assert error.value.fix == f"Use the file: --profile {file}"


def test_in_a_folder_of_profiles_the_name_must_be_that_of_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    elsewhere = tmp_path / "draft.toml"
    elsewhere.write_text(VIRT)
    assert profile.read(elsewhere).name == "virt-arm"
    path = profile.own_dir() / "other.toml"
    path.parent.mkdir(parents=True)
    path.write_text(VIRT)
    with pytest.raises(InputError) as error:
        profile.read(path)
    assert error.value.what == f"{path}: the profile is named 'virt-arm', but the file 'other'"
    assert (error.value.state, error.value.fix) == ("Nothing was changed.", FIX)
    path.write_bytes(bytes((1 << 20) + 1))
    with pytest.raises(InputError, match="limit"):
        profile.read(path)


@pytest.mark.parametrize(
    ("old", "new", "key", "nearest"),
    [
        ("page_size = 0x1000", "pagesize = 0x1000", "hardboot.pagesize", "hardboot.page_size"),
        ("start = 0x44100000", "strat = 0x44100000", "reserved.0.strat", "reserved.0.start"),
        ("start = 0x41000000", "strat = 0x41000000", "bootloader.2.strat", "bootloader.2.start"),
        ("soc =", "sok =", "sok", "soc"),
        (
            'path = "/dev/block/by-name/boot"',
            "pth = 1",
            "partitions.boot.pth",
            "partitions.boot.path",
        ),
        ('"ram" = { status', '"ram" = { staus', "evidence.ram.staus", "evidence.ram.status"),
        ("[soft]", "[soft]\nworked = 1", "soft.worked", "soft.works"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest_known_one(
    old: str, new: str, key: str, nearest: str
) -> None:
    assert wrong(old, new) == f"x.toml: unknown key {key}; the nearest known key is {nearest}"


@pytest.mark.parametrize(  # as they stand in device trees of MultiROM
    ("value", "hint"),
    [
        ("0x0x8c300000", "; 0x is written twice"),
        ("0X0X8c300000", "; 0x is written twice"),
        ("40EAC000", "; a hex number starts with 0x: 0x40EAC000"),
        ("4_0eac", "; a hex number starts with 0x: 0x4_0eac"),
        ("0X10", "; write 0x with a lower-case x"),
        ("12 34", ""),
    ],
)
def test_a_number_mistyped_as_in_real_trees_is_explained_with_its_line(value: str, hint: str) -> None:
    line = SHAMU[: SHAMU.index("mem_min = ")].count("\n") + 1
    what = wrong("mem_min = 0x20000000", f"mem_min = {value}", SHAMU)
    assert what.startswith("x.toml: not TOML: Expected newline or end of document after a statement ")
    assert f"(at line {line}, " in what
    assert what.endswith(f": 'mem_min = {value}'{hint}")


def test_a_long_line_is_cut_and_the_end_of_the_file_has_none() -> None:
    with pytest.raises(InputError) as error:
        profile.parse(b"x = 1 " + b"y" * 100, "y.toml")
    assert error.value.what.endswith(f": 'x = 1 {'y' * 74}'")
    with pytest.raises(InputError) as error:
        profile.parse(b"a=[", "y.toml")
    assert error.value.what == "y.toml: not TOML: Invalid value (at end of document)"
    with pytest.raises(InputError) as error:
        profile.parse(b"ab\xff", "y.toml")
    assert error.value.what == "y.toml: byte 2 is not UTF-8"
    assert (error.value.state, error.value.fix) == ("Nothing was changed.", FIX)


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("page = 0x44000000", 'page = "0x44000000"', "expected an integer, got a string (at hardboot.page)"),
        ("page = 0x44000000", "page = -1", "expected an integer >= 0 (at hardboot.page)"),
        ("page = 0x44000000", "page = 1.5", "expected an integer, got a float (at hardboot.page)"),
        (
            "page = 0x44000000",
            "page = 0x44000000000000000",
            "expected an integer <= 281474976710655 (at hardboot.page)",
        ),
        ("flag = 0x4", "flag = 0x5", "unknown value 5 (at hardboot.flag)"),
        ("flag = 0x4\n", "\n", "missing key `flag` (at hardboot)"),
        ('soc = "QEMU virt, Cortex-A15"\n', "", "missing key `soc`"),
        ('arch = "arm"', 'arch = "mips"', "unknown value 'mips' (at arch)"),
        ("works = true", 'works = "yes"', "expected true or false, got a string (at soft.works)"),
        (
            "/dev/block/by-name/boot",
            "/dev/block/by-name/boot; reboot",
            "expected a string matching regex '^/dev/[A-Za-z0-9_./-]+\\\\Z' (at partitions[...].path)",
        ),
        (
            "/dev/block/by-name/boot",
            "/dev/block/by-name/boot\\n",
            "expected a string matching regex '^/dev/[A-Za-z0-9_./-]+\\\\Z' (at partitions[...].path)",
        ),
        ('codenames = ["virt-arm"]', "codenames = []", "expected a list of length >= 1 (at codenames)"),
        ('codenames = ["virt-arm"]', "codenames = 1", "expected a list, got an integer (at codenames)"),
        ("[dtb]\n", "[[dtb]]\n", "expected a table, got a list (at dtb)"),
    ],
)
def test_a_wrong_value_is_refused_with_its_place(old: str, new: str, problem: str) -> None:
    assert wrong(old, new) == f"x.toml: {problem}"


@given(st.binary(max_size=200) | st.text(max_size=200).map(lambda text: (VIRT + text).encode()))
def test_any_bytes_are_a_profile_or_an_input_error(data: bytes) -> None:
    try:
        found = profile.parse(data, "x")
    except InputError:
        return
    profile.check(found)
