"""Checking the store: each ROM by itself, ROMs against each other, and what a cut left."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import store_setup as setup
from in_process import hardboot
from scripted_phone.files import File
from scripted_phone.image_files import images_of
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import RefusedError
from hardboot.flows.store import add, checking, stored
from hardboot.flows.store.checking import Checked, CheckedRom
from hardboot.flows.store.place import STORE


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    found = setup.connected(monkeypatch, tmp_path)
    for name in ("one", "two"):
        new = setup.linux(tmp_path, name=name)
        add.add(found.phone, new, add.check(found.phone, new))
    return found


def root(phone: StorePhone, name: str) -> File:
    node = phone.scripted.files.find(f"{STORE}/{name}/root.img")
    assert isinstance(node, File)
    return node


def test_roms_that_lie_where_they_were_written_are_fine(phone: StorePhone) -> None:
    fine = (CheckedRom("one", None), CheckedRom("two", None))
    assert checking.check(phone.phone) == Checked(fine, (), ())


def test_what_a_cut_left_is_cleared_and_told(phone: StorePhone) -> None:
    phone.scripted.add_file(f"{STORE}/.three.new/root.img", b"x")
    phone.scripted.add_file(f"{STORE}/a b", b"x")
    found = checking.check(phone.phone)
    assert (found.cleared, found.foreign) == ((".three.new",), ("a b",))
    assert phone.names() == ["a b", "one", "two"]


def test_a_rom_whose_blocks_moved_is_told_and_the_others_are_checked(phone: StorePhone) -> None:
    phone.blocks.move(root(phone, "one"))
    one, two = checking.check(phone.phone).roms
    assert one.problem == f"the blocks of {STORE}/one/root.img have moved since it was written"
    assert two.problem is None


def test_roms_that_share_blocks_are_told(phone: StorePhone) -> None:
    manifest = phone.content("one/manifest.json")
    phone.blocks.share(root(phone, "two"), root(phone, "one"))
    phone.scripted.add_file(f"{STORE}/two/manifest.json", manifest)
    one, two = checking.check(phone.phone).roms
    assert one.problem is None
    assert two.problem
    assert "it shares blocks with one/root" in two.problem or "it shares blocks with two/root" in two.problem


def test_a_rom_gets_another_name_unless_it_is_taken(phone: StorePhone) -> None:
    known = stored.find(phone.phone, "one")
    stored.rename(phone.phone, "one", "first")
    assert phone.names() == ["first", "two"]
    assert stored.find(phone.phone, "first").images == known.images
    assert checking.check(phone.phone).roms[0] == CheckedRom("first", None)
    with raises(
        RefusedError,
        "there is a ROM two on this phone already",
        "Nothing was changed.",
        "Choose another name.",
    ):
        stored.rename(phone.phone, "first", "two")


def test_of_three_roms_of_which_two_share_blocks_the_third_is_fine(phone: StorePhone, tmp_path: Path) -> None:
    new = setup.linux(tmp_path, name="zero")
    add.add(phone.phone, new, add.check(phone.phone, new))
    phone.blocks.share(root(phone, "two"), root(phone, "one"))
    phone.scripted.add_file(f"{STORE}/two/manifest.json", phone.content("one/manifest.json"))
    assert [one.problem is None for one in checking.check(phone.phone).roms] == [True, False, True]


def _no_file(phone: StorePhone) -> None:
    phone.scripted.files.remove(f"{STORE}/one/manifest.json")
    phone.scripted.make_folder(f"{STORE}/one/manifest.json")


def _no_block(phone: StorePhone) -> None:
    phone.scripted.fault("head * <*/one/manifest.json*", nth=0, code=1, says="head: Input/output error")


@pytest.mark.parametrize("spoil", [_no_file, _no_block])
def test_a_manifest_that_cannot_be_read_spoils_its_own_rom_alone(
    phone: StorePhone, spoil: Callable[[StorePhone], None]
) -> None:
    spoil(phone)
    one, two = checking.check(phone.phone).roms
    assert one.problem
    assert "the manifest of the ROM one cannot be used" in one.problem
    assert two == CheckedRom("two", None)
    listed = hardboot("rom", "list")
    assert (listed.returncode, listed.stdout.splitlines()[1].split()[0]) == (0, "two")
    assert hardboot("--yes", "rom", "remove", "one").returncode == 0
    assert phone.names() == ["two"]


def test_a_mounted_rom_is_known_by_its_name_alone(phone: StorePhone, tmp_path: Path) -> None:
    new = setup.linux(tmp_path, name="one.b")
    add.add(phone.phone, new, add.check(phone.phone, new))
    phone.scripted.add_file("/sys/block/dm-5/dm/name", "hardboot.one.b.root\n")
    images_of(phone.scripted.files).used.add("hardboot.one.b.root")
    stored.remove(phone.phone, "one")
    for words in (("remove", "one.b"), ("rename", "one.b", "c")):
        ran = hardboot("--yes", "rom", *words)
        assert ran.returncode == 4
        assert "an image of one.b is mounted on the phone" in ran.stderr
    assert phone.names() == ["one.b", "two"]


def test_a_script_is_told_of_a_problem_by_the_exit_code(phone: StorePhone) -> None:
    assert hardboot("rom", "check").returncode == 0
    phone.blocks.move(root(phone, "two"))
    done = hardboot("--json", "rom", "check")
    problems = [one["problem"] for one in json.loads(done.stdout)["roms"]]
    assert (done.returncode, problems[0]) == (4, None)
    assert problems[1].endswith("have moved since it was written")
