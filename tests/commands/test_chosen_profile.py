"""The profile that a command uses: --profile FILE, the user's own, or one that ships."""

import json
from pathlib import Path

import pytest
from copied_files import shamu
from edited_profiles import VIRT
from in_process import hardboot
from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone

from hardboot import profile

OTHER_PAGE = VIRT.replace("page = 0x44000000", "page = 0x44200000")


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return profile.own_dir()


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    """Return a profile of virt-arm in a file of any name, without presence."""
    path = tmp_path / "my draft.toml"
    path.write_text("".join(line for line in VIRT.splitlines(keepends=True) if "presence =" not in line))
    return path


def test_a_profile_in_a_file_is_used_and_named(scripted: ScriptedPhone, draft: Path) -> None:
    assert str(draft) in hardboot("status", "--profile", draft).stdout
    document = json.loads(hardboot("--profile", draft, "--json", "status").stdout)
    assert document["profile"] == str(draft)
    assert document["hardboot"]["supported"] is True
    shipped = hardboot("status").stdout
    assert "profile" not in shipped
    draft.write_text(draft.read_text().replace('codenames = ["virt-arm"]', 'codenames = ["other"]'))
    assert "the profile virt-arm is for other" in hardboot("status", "--profile", draft).stderr


def test_every_command_that_takes_a_device_takes_a_profile_in_a_file(
    draft: Path, tmp_path: Path, scripted: ScriptedPhone
) -> None:
    draft.write_text(draft.read_text().replace("page = 0x44000000", "pagesize = 1"))
    rom = tmp_path / "rom.img"
    rom.write_bytes(b"")
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "getprop").write_text("[ro.product.device]: [virt-arm]\n")
    for words in (
        ("status",),
        ("log",),
        ("reboot",),
        ("unload",),
        ("exec",),
        ("backup",),
        ("restore",),
        ("bench",),
        ("crash", "pull", tmp_path / "dump"),
        ("devices", "show"),
        ("devices", "check"),
        ("patch", "apply", tmp_path),
        ("patch", "export", tmp_path, "-o", tmp_path / "out"),
        ("patch", "revert", tmp_path),
        ("dtb", rom),
    ):
        ran = hardboot(*words, "--profile", draft)
        assert ran.returncode == 3, (words, ran.stderr)
        assert f"{draft}: unknown key hardboot.pagesize" in ran.stderr, words


def test_a_profile_and_a_device_exclude_each_other(draft: Path) -> None:
    assert hardboot("status", "--profile", draft, "--device", "virt-arm").returncode == 2
    assert hardboot("devices", "show", "shamu", "--profile", draft).returncode == 2
    assert hardboot("devices", "show").returncode == 2
    assert hardboot("status", "--profile", draft.parent / "none.toml").returncode == 3


def test_a_draft_is_installed_found_and_checked(own: Path, tmp_path: Path) -> None:
    where = shamu(tmp_path / "files")
    getprop = (where / "getprop").read_text()
    (where / "getprop").write_text(getprop.replace("[shamu]", "[new-phone]"))
    path = own / "new-phone.toml"
    done = hardboot("devices", "suggest", "--from", where, "--install")
    assert done.returncode == 0, done.stderr
    assert f"Wrote {path}: a draft for maker." in done.stdout
    assert hardboot("devices", "check").stdout.endswith("no problems\n")
    assert "new-phone" in hardboot("devices", "list").stdout
    assert "maker (your own)" in hardboot("devices", "list").stdout
    shown = hardboot("devices", "show", "new-phone")
    assert f"Using your own profile {path}" in shown.stderr
    assert str(path) in shown.stdout
    again = hardboot("devices", "suggest", "--from", where, "--install")
    assert again.returncode == 4
    assert f"{path} exists" in again.stderr
    assert hardboot("devices", "suggest", "--from", where, "--install", "-o", tmp_path / "x").returncode == 2


def test_a_draft_takes_the_place_of_a_profile_that_ships_only_if_told(own: Path, tmp_path: Path) -> None:
    where = shamu(tmp_path / "files")
    asked = hardboot("devices", "suggest", "--from", where, "--install")
    assert asked.returncode == 4
    assert "takes the place of the profile shamu that ships" in asked.stderr
    assert not own.exists()
    assert hardboot("devices", "suggest", "--from", where, "--install", "--yes").returncode == 0
    assert (own / "shamu.toml").is_file()


def test_a_draft_of_a_phone_that_runs_a_rom_is_not_installed(own: Path, tmp_path: Path) -> None:
    where = shamu(tmp_path / "files", cmdline="console=null androidboot.hardboot=01234567")
    ran = hardboot("devices", "suggest", "--from", where, "--install", "--yes")
    assert ran.returncode == 4
    assert "a ROM is running" in ran.stderr
    assert not own.exists()
    assert "warning: a ROM is running" in hardboot("devices", "suggest", "--from", where).stderr


@pytest.mark.parametrize("name", ["draft.toml", "shamu.toml", "no ending"])
def test_a_draft_passes_the_check_whatever_its_file_is_called(name: str, tmp_path: Path) -> None:
    target = tmp_path / name
    hardboot("devices", "suggest", "--from", shamu(tmp_path / "files"), "-o", target)
    assert hardboot("devices", "check", target).stdout == "1 profile checked, no problems\n"


def test_the_users_own_profiles_are_checked_beside_each_other(own: Path) -> None:
    own.mkdir(parents=True)
    first, second = own / "virt-arm.toml", own / "mine.toml"
    first.write_text(OTHER_PAGE)
    assert hardboot("devices", "check").returncode == 0, "it takes the place of one that ships"
    second.write_text(VIRT.replace('name = "virt-arm"', 'name = "mine"'))
    first.unlink()
    assert hardboot("devices", "check").returncode == 0, "it is found before the one that ships"
    first.write_text(OTHER_PAGE)
    ran = hardboot("devices", "check")
    assert ran.returncode == 3
    assert f"{second}: codenames: virt-arm already belongs to profile virt-arm" in ran.stderr
    second.write_text("name =")
    assert str(second) in hardboot("devices", "check").stderr


@pytest.mark.parametrize("kernel", [HOST, STOCK])
def test_a_kernel_that_comes_up_is_judged_without_presence(
    kernel: Kernel, scripted: ScriptedPhone, draft: Path
) -> None:
    scripted.boots = [(image, kernel) for image, _ in scripted.boots]
    document = json.loads(hardboot("--json", "reboot", "--profile", draft).stdout)
    assert document["host"]["hardboot"] is (kernel == HOST)
