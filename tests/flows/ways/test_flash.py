"""boot --via flash, and the way home, on a scripted phone whose bootloader starts what is flashed."""

import json
import platform
import shutil
from pathlib import Path
from typing import Any

import image_sets
import modern_setup
import pytest
import scripted_setup as setup
from flashed_roms import FlashedRoms
from flashing import WRITE
from in_process import hardboot
from scripted_phone import HOST, BlockDevice, ScriptedPhone

from hardboot.flows import backup, transaction_record
from hardboot.flows.transaction_record import KEPT
from hardboot.formats.boot import bootimg

NOTHING = "Nothing was sent."


@pytest.fixture
def roms(scripted: ScriptedPhone) -> FlashedRoms:
    return FlashedRoms(scripted, scripted.boot, HOST)


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return setup.rom_image(tmp_path)


def boot(image: Path, *words: str, code: int = 0) -> Any:
    """Return the JSON document of `boot --via flash`."""
    done = hardboot("--json", "boot", image, "--via", "flash", "--yes", *words)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def error(image: Path, *words: str, code: int) -> tuple[str, str, str]:
    """Return the three lines of the error with which `boot --via flash` ends."""
    done = hardboot("boot", image, "--via", "flash", *words)
    assert done.returncode == code, done.stderr
    what, state, fix = done.stderr.splitlines()[-3:]
    return what.removeprefix("hardboot: "), state.removeprefix("  state: "), fix.removeprefix("  to do: ")


def restart(phone: ScriptedPhone) -> None:
    phone.reboot()
    phone.clock.sleep(60)


def release(phone: ScriptedPhone) -> str | None:
    return phone.running.kernel.release if phone.running else None


def test_a_rom_is_flashed_and_started_until_home_puts_the_own_image_back(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path
) -> None:
    before = scripted.boot.flash
    done = boot(image, "--append", "loglevel=7")
    assert (done["outcome"], done["via"], done["loaded"]["start"]) == ("guest-up", "flash", "flash")
    held, own = bootimg.parse(scripted.boot.flash), bootimg.parse(image.read_bytes())
    assert held.cmdline == f"{done['loaded']['mark']} console=ttyAMA0 loglevel=7"
    assert (bytes(held.kernel), bytes(held.ramdisk)) == (bytes(own.kernel), bytes(own.ramdisk))
    assert bootimg.check_id(held)
    assert [one["name"] for one in done["phases"]] == ["check", "read", "make image", "write", "boot"]
    restart(scripted)
    assert release(scripted) == "6.6.0-rom"
    home = json.loads(hardboot("--json", "home").stdout)
    (put_back,) = home.pop("partitions")
    assert put_back.pop("sha256") == backup.find("HBSCRIPT", "boot")[0].sha256
    assert put_back == {"partition": "boot", "image": str(image), "held": "new", "holds": "old"}
    assert home == {
        "device": "virt-arm",
        "serial": "HBSCRIPT",
        "dry_run": False,
        "kernel": HOST.release,
        "rom": False,
        "recovery": False,
        "restarted": True,
        "way": "flash",
    }
    assert scripted.boot.flash == before
    assert hardboot("home").stdout.splitlines()[-1] == "Nothing to do."


def test_the_way_home_is_told_before_the_question(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path
) -> None:
    before = scripted.boot.flash
    what, state, fix = error(image, code=4)
    assert what.startswith(
        "not confirmed: This writes rom.img (kernel 6.6.0-rom) to boot of virt-arm HBSCRIPT"
    )
    assert "Every restart then starts the ROM, until `hardboot home` puts the old content back." in what
    assert "It needs root, and no root solution is found in this ROM." in what
    assert f"fastboot flash boot FILE, with FILE from {backup.folder('HBSCRIPT')}." in what
    assert (state, fix) == ("Nothing was written.", "Run again with --yes to confirm.")
    assert scripted.boot.flash == before
    assert scripted.happened("reboot*") == []


def test_people_are_told_how_to_get_home(roms: FlashedRoms, image: Path) -> None:
    done = hardboot("boot", image, "--via", "flash", "--yes")
    assert done.stdout.splitlines()[-2:] == [
        "rom.img is running (kernel 6.6.0-rom, started from the boot partition).",
        "Every restart starts it again. Return to the phone's own system: hardboot home",
    ]
    status = hardboot("status")
    assert "unsettled    boot --via flash of 2027-" in status.stdout
    assert f"changed boot, to be put back: boot holds {image}. To settle it: hardboot home" in status.stderr
    shown = hardboot("home", "--dry-run").stdout
    assert "  boot  holds what was written  (sha256 " in shown
    assert shown.endswith("hardboot home puts that back and restarts the phone.\n")
    shown = hardboot("home").stdout
    assert "  boot  held what was written, now holds what it held before  (sha256 " in shown
    assert shown.endswith("virt-arm HBSCRIPT runs its own system (kernel 6.1.0-host).\n")


def test_another_computer_leads_home(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = scripted.boot.flash
    boot(image)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    assert "changed boot, to be put back" in hardboot("log").stderr
    assert hardboot("home").returncode == 0
    assert scripted.boot.flash == before
    assert release(scripted) == HOST.release


def test_without_any_backup_it_is_told_which_computer_has_it(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    boot(image)
    path = backup.find("HBSCRIPT", "boot")[0].path
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    shutil.move(path, tmp_path / "gone.img")
    scripted.files.remove(f"{KEPT}/boot.img")
    held = scripted.boot.flash
    done = hardboot("home")
    assert done.returncode == 4
    assert "neither the phone nor this computer has the backup of boot" in done.stderr
    assert f"Run this on {platform.node()}, which has had it as {path}" in done.stderr
    assert scripted.boot.flash == held


def test_auto_never_takes_it(scripted: ScriptedPhone, roms: FlashedRoms, image: Path) -> None:
    document = json.loads(hardboot("--json", "boot", image, "--dry-run").stdout)
    assert document["via"] != "flash"
    assert document["other_ways"]["flash"] == "would work, too; only by name: --via flash"


def test_a_dry_run_shows_what_is_written_and_writes_nothing(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path
) -> None:
    before = scripted.boot.flash
    document = boot(image, "--dry-run")
    assert document["image"]["partitions"] == {"boot": str(image)}
    shown = hardboot("boot", image, "--via", "flash", "--dry-run").stdout
    assert f"  writes        {image}, " in shown
    assert scripted.boot.flash == before
    assert not [one for one in scripted.commands if " of=/dev/block" in one]


def test_a_set_is_written_to_all_its_partitions_of_the_running_slot(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    scripted = modern_setup.phone_with_slots()
    modern_setup.install(scripted, monkeypatch, tmp_path / "state")
    devices = {}
    for name in ("boot_a", "boot_b", "init_boot_b", "vendor_boot_b", "dtbo_b"):
        node = scripted.files.find(f"/dev/block/by-name/{name}")
        assert isinstance(node, BlockDevice)
        devices[name] = node
    FlashedRoms(scripted, devices["boot_b"], modern_setup.HOST)
    before = {name: node.flash for name, node in devices.items()}
    folder = tmp_path / "rom"
    folder.mkdir()
    images = {
        "boot": image_sets.boot_v4(),
        "init_boot": image_sets.boot_v4(b"", image_sets.GENERIC),
        "vendor_boot": image_sets.vendor_boot(dtb=modern_setup.BASE),
    }
    for name, content in images.items():
        (folder / f"{name}.img").write_bytes(content)
    done = boot(folder)
    assert done["outcome"] == "guest-up"
    for name in ("init_boot", "vendor_boot"):
        assert devices[f"{name}_b"].flash == images[name] + before[f"{name}_b"][len(images[name]) :]
    assert [name for name, node in devices.items() if node.flash != before[name]] == [
        "boot_b",
        "init_boot_b",
        "vendor_boot_b",
    ]
    known = transaction_record.of_computer("HBSCRIPT")
    assert known is not None
    assert [one.partition for one in known.writes] == ["boot_b", "init_boot_b", "vendor_boot_b"]
    shown = hardboot("home").stdout
    assert [line.split()[0] for line in shown.splitlines()[:3]] == ["boot_b", "init_boot_b", "vendor_boot_b"]
    assert {name: node.flash for name, node in devices.items()} == before


# What may go wrong


@pytest.mark.parametrize("what", ["another kernel", "no mark"])
def test_what_came_up_instead_is_told_and_the_old_image_put_back(
    what: str, scripted: ScriptedPhone, roms: FlashedRoms, image: Path
) -> None:
    before = scripted.boot.flash
    if what == "no mark":
        roms.passes_mark = False
    else:
        scripted.chooses = lambda: HOST
    told, state, fix = error(image, "--yes", code=5)
    came = HOST.release if what == "another kernel" else "6.6.0-rom"
    assert told == f"the recovery, or another system, came back ({came}) instead of the ROM"
    assert state == "The phone has restarted. Its partitions hold what they held before."
    assert fix.startswith("The ROM crashed, or its bootloader did not start the boot partition.")
    assert scripted.boot.flash == before
    assert transaction_record.of_computer("HBSCRIPT") is None


def test_a_silent_phone_is_told_and_home_in_its_recovery_puts_it_in_order(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path
) -> None:
    before = scripted.boot.flash
    roms.rom = None
    told, state, fix = error(image, "--yes", "--wait", "40", code=6)
    assert told == "the phone was to restart into the flashed ROM and has been silent for 40 s"
    assert state == "The boot partition still holds the ROM, until: hardboot home"
    assert fix.startswith(
        "Start its recovery (most phones: hold power and volume up), then run hardboot home."
    )
    scripted.start(HOST)  # as its recovery
    scripted.clock.sleep(60)
    assert hardboot("home").returncode == 0
    assert scripted.boot.flash == before


def test_a_write_that_fails_leaves_the_phone_as_it_was(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path
) -> None:
    before = scripted.boot.flash
    scripted.fault(WRITE, most=4096)
    told, state, _ = error(image, "--yes", code=6)
    assert "Input/output error" in told
    assert state.startswith("The backup was written: ")
    assert scripted.boot.flash == before
    assert scripted.happened("reboot*") == []
    assert hardboot("home").stdout.splitlines()[-1] == "Nothing to do."


def test_a_second_rom_is_refused_until_the_first_is_gone(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path
) -> None:
    boot(image)
    held = scripted.boot.flash
    told, _, fix = error(image, "--dry-run", code=4)
    assert told == "partitions are written from the phone's own system"
    assert fix == "Return to it first: hardboot home"
    assert scripted.boot.flash == held


def test_from_rom_leads_home_first(scripted: ScriptedPhone, roms: FlashedRoms, image: Path) -> None:
    before = scripted.boot.flash
    boot(image)
    done = boot(image, "--from-rom")
    assert done["outcome"] == "guest-up"
    assert hardboot("home").returncode == 0
    assert scripted.boot.flash == before


def test_what_an_earlier_boot_left_is_put_back_before_the_next_one(
    scripted: ScriptedPhone, roms: FlashedRoms, image: Path
) -> None:
    before = scripted.boot.flash
    roms.rom = None
    error(image, "--yes", "--wait", "40", code=6)
    scripted.start(HOST)  # as its recovery
    scripted.clock.sleep(60)
    done = hardboot("boot", image, "--via", "hardboot")
    assert "changed boot, to be put back: putting that back" in done.stderr
    assert scripted.boot.flash == before


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ("locked", "the bootloader is locked: it starts no other images than its maker's"),
        ("large", "bytes, /dev/block/vda1 holds 65536"),
        ("read-only", "/dev/block/by-name/boot is write-protected"),
        ("empty", "the battery has 24 %; a write needs 25 %, or a charger"),
    ],
)
def test_what_cannot_be_flashed_is_refused_before_anything_is_written(
    changes: str, told: str, scripted: ScriptedPhone, roms: FlashedRoms, tmp_path: Path
) -> None:
    before = scripted.boot.flash
    image = setup.rom_image(tmp_path)
    match changes:
        case "locked":
            scripted.properties["ro.boot.flash.locked"] = "1"
        case "large":
            image.write_bytes(image.read_bytes() + bytes(setup.SIZE))
        case "read-only":
            scripted.boot.read_only = True
        case "empty":
            scripted.add_file("/sys/class/power_supply/battery/capacity", "24\n")
    what, state, _ = error(image, "--yes", code=4)
    assert told in what
    assert state in (NOTHING, "Nothing was written.")
    assert scripted.boot.flash == before


@pytest.mark.parametrize(
    ("where", "state"),
    [
        ("flows.ways.marked_image.command_line", NOTHING),
        ("flows.partition_read.pull", "Nothing was written to a partition."),
        ("flows.partition_write.PartitionRange.write", "A write may still be running."),
    ],
)
def test_ctrl_c_tells_what_had_been_done_by_then(
    roms: FlashedRoms, image: Path, monkeypatch: pytest.MonkeyPatch, where: str, state: str
) -> None:
    def interrupted(*_arguments: object, **_options: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(f"hardboot.{where}", interrupted)
    assert error(image, "--yes", code=130)[1].endswith(state)
