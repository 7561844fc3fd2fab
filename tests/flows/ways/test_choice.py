"""Which way --via auto takes, in a table of phone states, and why it does not take the others."""

import json
from pathlib import Path

import msgspec
import pytest
import scripted_setup as setup
from fake_fastboot import FakeFastboot
from in_process import hardboot
from scripted_phone import STOCK, Kernel, ScriptedPhone

from hardboot import profile
from hardboot.profile.schema import CommandLineQuirks, FastbootBoot

COMES_FIRST = "would work, too; hardboot comes first"
NO_HOST = "the running kernel 5.10.0-stock has no hardboot support"
LOCKED = "the bootloader is locked: it boots no image by fastboot"
UNTOLD = "the phone does not tell whether its bootloader is unlocked"
BY_NAME = "would work, too; only by name: --via soft"
NO_CLIENT = "fastboot is not installed"
NO_RECOVERY = (
    "/dev/block/vda4 holds the boot image, not a recovery: it is not known whether the bootloader starts it"
)


@pytest.mark.parametrize(
    ("host", "locked", "client", "way", "others"),
    [
        (True, "0", True, "hardboot", {"fastboot": COMES_FIRST, "soft": BY_NAME}),
        (True, "1", True, "hardboot", {"fastboot": LOCKED, "soft": BY_NAME}),
        (True, None, True, "hardboot", {"fastboot": UNTOLD, "soft": BY_NAME}),
        (True, "0", False, "hardboot", {"fastboot": NO_CLIENT, "soft": BY_NAME}),
        (False, "0", True, "fastboot", {"hardboot": NO_HOST, "soft": BY_NAME}),
        (False, "1", True, None, f"{NO_HOST}; fastboot: {LOCKED}; recovery: {NO_RECOVERY}"),
        (False, None, True, None, f"{NO_HOST}; fastboot: {UNTOLD}; recovery: {NO_RECOVERY}"),
        (False, "0", False, None, f"{NO_HOST}; fastboot: {NO_CLIENT}; recovery: {NO_RECOVERY}"),
    ],
)
def test_auto_takes_hardboot_on_a_host_else_fastboot_on_an_unlocked_phone(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    host: bool,
    locked: str | None,
    client: bool,
    way: str | None,
    others: dict[str, str] | str,
) -> None:
    phone = setup.install(setup.phone_with_disk(host=host), monkeypatch, tmp_path / "state")
    phone.partition("recovery", setup.HOST_IMAGE if host else setup.STOCK_IMAGE, size=setup.SIZE)
    if locked is not None:
        phone.properties["ro.boot.flash.locked"] = locked
    if client:
        FakeFastboot.install(phone, monkeypatch, tmp_path / "client")
    else:
        monkeypatch.setenv("PATH", str(tmp_path))
    image = setup.rom_image(tmp_path)
    done = hardboot("--json", "boot", image, "--dry-run")
    if way is None:
        assert done.returncode == 4
        assert done.stderr.splitlines()[-3] == f"hardboot: {others}"
    else:
        assert done.returncode == 0, done.stderr
        document = json.loads(done.stdout)
        assert isinstance(others, dict)
        assert (document["via"], document["other_ways"]) == (way, others | {"recovery": NO_RECOVERY})
        for name, reason in document["other_ways"].items():
            assert f"  not {name:<10}{reason}\n" in hardboot("boot", image, "--dry-run").stdout
    assert phone.happened("reboot*") == []


def test_auto_boots_by_fastboot_what_has_no_host_kernel(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = setup.install(setup.phone_with_disk(host=False), monkeypatch, tmp_path / "state")
    phone.properties["ro.boot.flash.locked"] = "0"
    phone.rom = Kernel("6.6.0-rom", page=None, flag=None, takes=1)
    FakeFastboot.install(phone, monkeypatch, tmp_path / "client")
    done = hardboot("--json", "boot", setup.rom_image(tmp_path))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["via"] == "fastboot"
    # A ROM runs: its own system comes first, as it may be a host.
    again = hardboot("boot", setup.rom_image(tmp_path))
    assert again.returncode == 4
    assert again.stderr.splitlines()[-3].endswith(": a ROM is running")
    home = hardboot("--json", "boot", setup.rom_image(tmp_path), "--from-rom")
    assert home.returncode == 0, home.stderr
    assert json.loads(home.stdout)["host"]["release"] == STOCK.release
    # Asked for by name it is left at once.
    assert (
        json.loads(hardboot("--json", "boot", setup.rom_image(tmp_path), "--via", "fastboot").stdout)["host"][
            "release"
        ]
        == "6.6.0-rom"
    )


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"fastboot": FastbootBoot(works=False)}, "fastboot boot does not work on"),
        ({"cmdline": CommandLineQuirks(ignored=True)}, "ignores the command line of images"),
    ],
)
def test_a_profile_may_rule_fastboot_out(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: dict[str, object], what: str
) -> None:
    phone = setup.install(setup.phone_with_disk(host=False), monkeypatch, tmp_path / "state")
    phone.properties["ro.boot.flash.locked"] = "0"
    FakeFastboot.install(phone, monkeypatch, tmp_path / "client")
    known = msgspec.structs.replace(setup.small_profile(), **change)
    monkeypatch.setattr(profile, "match", lambda _product: known)
    for via in ("auto", "fastboot"):
        done = hardboot("boot", setup.rom_image(tmp_path), "--via", via)
        assert done.returncode == 4
        assert what in done.stderr.splitlines()[-3]


def test_no_root_is_no_reason_to_take_another_way(scripted: ScriptedPhone, tmp_path: Path) -> None:
    scripted.root = None
    assert hardboot("boot", setup.rom_image(tmp_path)).returncode == 5


def test_soft_is_never_taken_by_itself(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone = setup.install(setup.phone_with_disk(host=False), monkeypatch, tmp_path / "state")
    phone.rom = Kernel("6.6.0-rom")
    assert hardboot("boot", setup.rom_image(tmp_path)).returncode == 4
