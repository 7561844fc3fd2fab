"""Profiles of the user: found before those that ship with hardboot, and said so."""

import os
from pathlib import Path

import pytest
from edited_profiles import SHAMU, VIRT
from told import raises

from hardboot import profile
from hardboot.base.errors import InputError


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    folder = profile.own_dir()
    assert folder == tmp_path / "hardboot" / "devices"
    folder.mkdir(parents=True)
    return folder


def add(folder: Path, name: str, text: str = VIRT, *codenames: str) -> Path:
    """Write a profile of that name and codenames, else its own."""
    text = text.replace('name = "virt-arm"', f'name = "{name}"').replace('name = "shamu"', f'name = "{name}"')
    if codenames:
        listed = ", ".join(f'"{one}"' for one in codenames)
        text = text.replace('codenames = ["virt-arm"]', f"codenames = [{listed}]")
    path = folder / f"{name}.toml"
    path.write_text(text)
    return path


def test_a_profile_of_the_user_takes_the_place_of_one_that_ships(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = add(own, "virt-arm", VIRT.replace("page = 0x44000000", "page = 0x44200000"))
    for find in (profile.load, profile.match):
        found = find("virt-arm")
        assert found
        assert found.hardboot.page == 0x44200000
        said = f"Using your own profile {path}, not the one that ships with hardboot\n"
        assert capsys.readouterr().err == said
    assert profile.path_of("virt-arm") == path
    assert profile.is_own(path)
    assert not profile.is_shipped(path)
    assert [one.name for one in profile.load_all()] == profile.names()
    assert len(set(profile.names())) == len(profile.names())


def test_a_profile_of_the_user_is_found_first_by_codename(
    own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = add(own, "zzz", SHAMU)
    found = profile.match("shamu")
    assert found
    assert found.name == "zzz"
    assert capsys.readouterr().err == f"Using your own profile {path}\n"
    assert profile.load("shamu").name == "shamu", "its name was given"
    assert profile.load("zzz") == found


def test_two_profiles_of_the_user_for_one_phone_are_refused(own: Path) -> None:
    one, two = add(own, "one", VIRT, "new-phone"), add(own, "two", VIRT, "new-phone")
    with raises(
        InputError,
        f"2 profiles of yours have the codename new-phone: {one}, {two}",
        "Nothing was changed.",
        "Choose one: --device one",
    ):
        profile.match("new-phone")
    assert profile.load("two").codenames == ("new-phone",)


@pytest.mark.parametrize("content", ["name = ", "", "\0", 'name = "bad"'])
def test_a_wrong_profile_of_the_user_stops_no_other_phone(
    content: str, own: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    bad = own / "bad.toml"
    bad.write_text(content)
    assert profile.match("virt-arm")
    assert capsys.readouterr().err.startswith(f"warning: skipping your own profile: {bad}: ")
    assert "bad" not in [one.name for one in profile.load_all()]
    assert profile.load("nexus 6").name == "shamu"
    with pytest.raises(InputError, match=r"bad\.toml"):
        profile.load("bad")


def test_a_wrong_profile_of_this_phone_is_not_passed_over(own: Path) -> None:
    add(own, "mine", VIRT.replace("page_size", "pagesize"))
    with pytest.raises(InputError, match=r"mine\.toml: unknown key hardboot\.pagesize"):
        profile.match("virt-arm")
    assert profile.match("shamu")
    (own / "shamu.toml").write_text("")
    with pytest.raises(InputError, match=r"shamu\.toml: missing key"):
        profile.match("shamu")


@pytest.mark.timeout(20)
def test_a_pipe_among_the_profiles_is_not_waited_for(own: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(own / "pipe.toml")
    assert profile.match("virt-arm")
    assert "skipping your own profile" in capsys.readouterr().err


def test_other_files_in_the_folder_are_no_profiles(own: Path) -> None:
    (own / ".virt-arm.toml").write_text("of an editor")
    (own / "virt-arm.toml~").write_text("of an editor")
    (own / "notes.txt").write_text("mine")
    (own / "folder.toml").mkdir()
    assert profile.match("virt-arm")
    assert set(profile.names()) - {"folder"} == {one.name for one in profile.load_all()}


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("nexus 6", "shamu"),  # not the 6P
        ("Nexus 6P", "angler"),
        ("NEXUS-5x", "bullhead"),
        ("lg nexus 5", "hammerhead"),
        ("htc one m8", "m8"),
        ("Xperia Z3", "z3"),
        ("OnePlus X", "onyx"),
    ],
)
def test_a_phone_is_found_by_words_of_its_title(words: str, name: str) -> None:
    assert profile.load(words).name == name


def test_a_whole_title_is_meant_before_part_of_another(own: Path) -> None:
    add(own, "other", VIRT.replace('title = "hardboot', 'title = "Motorola Nexus 6 hardboot'), "other")
    assert profile.load("motorola nexus 6").name == "shamu"
    with raises(
        InputError,
        "2 profiles have 'nexus 6' in their title",
        "Nothing was changed.",
        "Use one of: other, shamu.",
    ):
        profile.load("nexus 6")


@pytest.mark.parametrize("words", ["exus 6", " ", "-", "nexus", "htc one"])
def test_words_that_fit_no_title_or_several_are_refused(words: str) -> None:
    with pytest.raises(InputError, match=r"no profile named|in their title"):
        profile.load(words)


def test_a_user_without_a_home_folder_has_the_profiles_that_ship(monkeypatch: pytest.MonkeyPatch) -> None:
    def no_home() -> Path:
        raise RuntimeError

    monkeypatch.delenv("XDG_CONFIG_HOME")
    monkeypatch.setattr(Path, "home", no_home)
    assert profile.match("shamu") == profile.load("nexus 6")
    with pytest.raises(InputError, match="no home folder"):
        profile.own_dir()


def test_a_near_codename_is_proposed() -> None:
    with pytest.raises(InputError, match="did you mean htc_m8wl"):
        profile.load("htc_m8wk")
