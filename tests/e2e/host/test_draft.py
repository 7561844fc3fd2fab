"""A profile drafted from the running virtual phone agrees with the one that ships, and takes its place."""

import shutil
from pathlib import Path

import pytest
from drafts import agrees, drafted
from phones import VirtualPhone

from hardboot import layout, profile
from hardboot.base.files import data_dir
from hardboot.flows import rom
from hardboot.formats.trees.fdt import Fdt

pytestmark = pytest.mark.e2e


def test_the_draft_of_a_host_agrees_with_the_profile_that_ships(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    known = profile.load("virt-arm")
    made = drafted(host_phone, tmp_path / "virt-arm.toml")
    agrees(made, known)
    assert made.hardboot.page == known.hardboot.page
    assert made.trust("hardboot.page") == "verified"
    assert made.presence == known.presence
    # What is planned with the draft keeps the rules of the profile.
    found = rom.read(roms["debian"])
    guest = found.guest(tree=Fdt(), live_tree=None, cmdline=found.cmdline)
    plan = layout.plan(made, guest, None)
    layout.check(layout.gather_constraints(known, guest, None), plan.segments)


def test_a_phone_without_a_profile_is_booted_by_what_the_commands_say(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shipped = tmp_path / "devices"
    shutil.copytree(data_dir("devices"), shipped, ignore=shutil.ignore_patterns("virt-arm.toml"))
    monkeypatch.setattr("hardboot.profile.files.data_dir", lambda _name: shipped)
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    assert "hardboot devices suggest --install" in host_phone("status", code=4).three_lines[2]
    said = host_phone("devices", "suggest", "--install").out
    assert "hardboot devices show --device virt-arm\n" in said
    assert "hardboot patch apply TREE --device virt-arm\n" in said
    own = tmp_path / "config" / "hardboot" / "devices" / "virt-arm.toml"
    assert str(own) in host_phone("devices", "show", "--device", "virt-arm").out
    assert host_phone("devices", "check").out.endswith("no problems\n")
    own.write_text("".join(line for line in own.read_text().splitlines(True) if "presence" not in line))
    assert host_phone.kernel["profile"] == str(own)
    rom_file = roms["minimal"]
    assert f"Using your own profile {own}" in host_phone("boot", rom_file, "--dry-run").err
    assert "--untested" in host_phone("boot", rom_file, code=4).three_lines[2]
    assert host_phone("--json", "boot", rom_file, "--untested").json["outcome"] == "guest-up"
    assert host_phone("reboot").out.endswith("with hardboot support.\n"), "known without presence"
