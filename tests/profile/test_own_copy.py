"""The user's own copy of a profile, changed fact by fact; its comments stay."""

import tomllib
from pathlib import Path

import pytest

from hardboot import profile
from hardboot.base.errors import InputError
from hardboot.base.files import data_dir
from hardboot.base.memory import Range
from hardboot.profile.own_copy import OwnCopy


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    return profile.own_dir()


def changed_lines(path: Path, name: str) -> list[str]:
    before = (data_dir("devices") / f"{name}.toml").read_text().splitlines()
    return [line for line in path.read_text().splitlines() if line and line not in before]


def test_only_what_was_measured_changes(own: Path) -> None:
    copy = OwnCopy(profile.load("bacon"))
    copy.state("survives.plain", True, 'measured "so"\n')
    copy.put("status", "hardware")
    made = copy.save()
    assert (made.status, made.survives.plain) == ("hardware", True)
    assert changed_lines(own / "bacon.toml", "bacon") == [
        'status = "hardware"',
        '"survives.plain" = { status = "verified", source = "measured \\"so\\"\\n" }',
        "[survives]",
        "plain = true",
    ]


@pytest.mark.parametrize("name", ["bacon", "virt-arm"])  # without ranges of its bootloader, and with
def test_measured_ranges_take_the_place_of_the_old_ones_and_of_their_evidence(name: str, own: Path) -> None:
    known = profile.load(name)
    ranges = [Range(0x50000000, 0x50001000, "a"), Range(0x50008000, 0x50010000, "b")]
    copy = OwnCopy(known)
    copy.state_ranges("bootloader", ranges, "measured")
    made = copy.save()
    assert list(made.bootloader) == ranges
    assert made.evidence_for("bootloader.a") == made.evidence["bootloader"]
    assert '{ name = "b", start = 0x50008000, size = 0x8000 },' in (own / f"{name}.toml").read_text()
    assert [key for key in made.evidence if key.startswith("bootloader")] == ["bootloader"]
    assert made.ram == known.ram


def test_the_second_change_begins_with_the_first(own: Path) -> None:
    for restart in ("plain", "warm"):
        copy = OwnCopy(profile.load("virt-arm"))
        copy.state(f"survives.{restart}", False, "measured")
        copy.save()
    assert tomllib.loads((own / "virt-arm.toml").read_text())["survives"] == {"plain": False, "warm": False}


def test_a_profile_that_was_given_as_a_file_is_changed_there(own: Path, tmp_path: Path) -> None:
    given = tmp_path / "given.toml"
    given.write_text("# mine\n" + (data_dir("devices") / "virt-arm.toml").read_text())
    copy = OwnCopy(profile.read(given), given)
    copy.state("survives.plain", True, "measured")
    copy.save()
    assert given.read_text().startswith("# mine\n")
    assert profile.read(given).survives.plain is True
    assert not own.exists()


def test_a_copy_can_be_saved_elsewhere(own: Path, tmp_path: Path) -> None:
    copy = OwnCopy(profile.load("virt-arm"), path=tmp_path / "made.toml")
    copy.state("survives.plain", True, "measured")
    copy.save()
    assert profile.read(tmp_path / "made.toml").survives.plain is True
    assert not own.exists()


def test_what_contradicts_the_profile_is_not_written(own: Path) -> None:
    copy = OwnCopy(profile.load("virt-arm"))
    page = profile.load("virt-arm").page
    copy.state_ranges("bootloader", [Range(page.start, page.end, "over-the-page")], "measured")
    with pytest.raises(InputError, match=r"contradicts the profile: hardboot\.page"):
        copy.save()
    assert not own.exists()
