"""Checking the store: each ROM by itself, ROMs against each other, and what a cut left."""

from pathlib import Path

import pytest
import store_setup as setup
from scripted_phone.files import File
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
