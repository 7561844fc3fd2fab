"""hardboot backups and backup on the scripted phone, and what `restore` and `flash` show of backups."""

from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import ScriptedPhone, flip

from hardboot.flows import backup


def test_a_backup_is_made_listed_and_marked(scripted: ScriptedPhone) -> None:
    made = hardboot("backup", "--json")
    assert made.returncode == 0, made.stderr
    (saved,) = backup.find("HBSCRIPT", "boot")
    assert saved.path.read_bytes() == scripted.boot.flash
    listed = hardboot("backups")
    assert "on the phone now" in listed.stdout
    assert f"boot  kernel unknown, host, on the phone now\n  {saved.path}\n" in listed.stdout
    scripted.boot.flash = scripted.boot.cached = setup.STOCK_IMAGE.ljust(setup.SIZE, b"\0")
    assert hardboot("backups").stdout.splitlines()[1:] == [
        f"  {saved.path}",
        "boot on the phone now: none of these backups (to keep it: hardboot backup)",
    ]
    assert scripted.happened("dd *of=/dev/*") == []


def test_without_a_phone_all_backups_are_listed(
    scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert hardboot("backup").returncode == 0
    scripted.cut_power()
    listed = hardboot("backups")
    assert listed.returncode == 0
    assert "virt-arm HBSCRIPT  boot" in listed.stdout
    assert hardboot("backups", "--serial", "127.0.0.1:5599").returncode == 5


def test_no_backups_is_said(scripted: ScriptedPhone) -> None:
    assert hardboot("backups").stdout.startswith("No backups.")


def test_a_partition_is_read_into_a_file(scripted: ScriptedPhone, tmp_path: Path) -> None:
    target = tmp_path / "recovery.img"
    done = hardboot("backup", "--partition", "recovery", "-o", target)
    assert done.returncode == 0, done.stderr
    assert target.read_bytes() == setup.STOCK_IMAGE.ljust(setup.SIZE, b"\0")
    assert backup.find_all() == []
    scripted.fault("pull *", alters=flip(7), nth=0)
    assert hardboot("backup", "-o", tmp_path / "damaged.img").returncode == 5
    assert not (tmp_path / "damaged.img").exists()


def test_a_broken_partition_is_only_kept_by_name(scripted: ScriptedPhone) -> None:
    scripted.boot.flash = scripted.boot.cached = flip(2200)(scripted.boot.flash)
    refused = hardboot("backup")
    assert refused.returncode == 4
    assert "does not hold a complete boot image" in refused.stderr
    assert hardboot("backup", "--allow-broken").returncode == 0
    assert "kernel unknown, broken, on the phone now" in hardboot("backups").stdout
    broken = backup.find("HBSCRIPT", "boot")[0].path
    assert hardboot("restore", broken, "--yes").returncode == 4
    assert hardboot("restore", "--allow-broken", "--yes").returncode == 2


def test_restore_says_what_it_writes_over_what(scripted: ScriptedPhone) -> None:
    assert hardboot("backup").returncode == 0
    refused = hardboot("restore")
    assert refused.returncode == 4
    assert "This writes the backup boot-" in refused.stderr
    assert (
        "(kernel unknown, host) to partition boot of virt-arm HBSCRIPT, which runs kernel" in refused.stderr
    )
    done = hardboot("restore", "--yes")
    assert done.returncode == 0
    assert "no, it was there already" in done.stdout


@pytest.mark.parametrize("content", [b"", b"ANDROID!" + bytes(5000)])
def test_an_empty_or_cut_file_is_not_flashed(content: bytes, scripted: ScriptedPhone, tmp_path: Path) -> None:
    path = tmp_path / "host.img"
    path.write_bytes(content)
    before = scripted.boot.flash
    assert hardboot("flash-host-kernel", path, "--yes").returncode == 3
    assert scripted.boot.flash == before


@pytest.mark.parametrize("content", [setup.HOST_IMAGE[:-1] + b"x", setup.HOST_IMAGE[:4096], b"", None])
def test_a_file_that_changes_after_the_check_is_refused(
    content: bytes | None, scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "host.img"
    path.write_bytes(setup.HOST_IMAGE)
    before = scripted.boot.flash = scripted.boot.cached = setup.STOCK_IMAGE.ljust(setup.SIZE, b"\0")

    def change(*_: object) -> None:
        path.unlink() if content is None else path.write_bytes(content)

    monkeypatch.setattr("hardboot.commands.flash.confirm", change)
    done = hardboot("flash-host-kernel", path)
    assert done.returncode == 3
    told = "no such file" if content is None else "the file changed after it was checked"
    assert done.stderr.startswith(f"hardboot: {path}: {told}\n  state: Nothing was ")
    assert scripted.boot.flash == before


def test_what_was_checked_is_what_is_flashed(scripted: ScriptedPhone, tmp_path: Path) -> None:
    path = tmp_path / "host.img"
    path.write_bytes(setup.HOST_IMAGE)
    scripted.boot.flash = scripted.boot.cached = setup.STOCK_IMAGE.ljust(setup.SIZE, b"\0")
    scripted.fault("push *", before=lambda: path.write_bytes(b"something else"))
    done = hardboot("--yes", "flash-host-kernel", path)
    assert done.returncode == 0, done.stderr
    assert scripted.boot.flash.startswith(setup.HOST_IMAGE)


def test_two_commands_at_once_are_kept_apart(scripted: ScriptedPhone, tmp_path: Path) -> None:
    path = tmp_path / "host.img"
    path.write_bytes(setup.HOST_IMAGE)
    seen = []
    scripted.fault("dd if=*", before=lambda: seen.append(hardboot("backup")))
    assert hardboot("flash-host-kernel", path, "--yes").returncode == 0
    assert seen[0].returncode == 4
    assert "another command uses virt-arm HBSCRIPT" in seen[0].stderr
