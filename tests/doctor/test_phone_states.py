"""hardboot doctor over the scripted phone: states of a phone, each with its lines and its next steps."""

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import modern_setup
import msgspec
import pytest
import scripted_setup as setup
from doctor_states import AGAIN, BOOT, CASES, DRY_RUN, TO_HOST, battery, kernel
from planned import call
from scripted_phone import HOST, STOCK, ScriptedPhone
from transactions import left_behind, one_write

from hardboot import profile
from hardboot.doctor import computer
from hardboot.profile.schema import CommandLineQuirks, FastbootBoot, Partition
from hardboot.transport.base import SHELL
from hardboot.transport.exit_codes import CommandBatch
from hardboot.transport.server_requests import SERVICE_MAX

SLOTTED = {"boot": Partition(path="/dev/block/by-name/boot", size=setup.SIZE, slots=True)}


@pytest.fixture(autouse=True)
def without_this_computer(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what is installed here: it has tests of its own, and takes time."""
    monkeypatch.setattr(computer, "lines", list)


def look(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[dict[str, dict[str, str]], list[str]]:
    """Return the lines by name and the commands of the steps."""
    out, _ = call(capsys, "--json", "doctor", *words)
    document = json.loads(out)
    groups = [
        document[name] for name in ("computer", "phone", "profile", "host", "backups") if name in document
    ]
    lines = [line for group in groups for line in group]
    assert len({line["name"] for line in lines}) == len(lines)
    assert all(line["how"] for line in lines if line["state"] == "unknown"), lines
    return {line["name"]: line for line in lines}, [step["command"] for step in document["next_steps"]]


@pytest.mark.parametrize("name", CASES)
def test_a_state_has_its_lines_and_its_next_steps(
    name: str, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    case = CASES[name]
    case.prepare(scripted)
    lines, steps = look(capsys)
    for line, (state, words) in case.lines.items():
        assert (line, lines[line]["state"]) == (line, state), lines[line]
        assert words in lines[line]["value"]
    if case.steps is not None:
        assert tuple(steps) == case.steps
    assert steps


def test_a_phone_with_slots_shows_the_header_of_the_running_one(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    modern_setup.install(modern_setup.phone_with_slots(), monkeypatch, tmp_path)
    lines, steps = look(capsys)
    assert lines["slots"]["value"] == "a and b; b is running"
    assert lines["boot image"]["value"] == "header v4, in /dev/block/by-name/boot_b"
    assert lines["partitions"]["state"] == "not"  # vbmeta is missing
    assert steps == [BOOT, DRY_RUN, "hardboot backup"]


def test_slots_that_the_phone_does_not_name_are_unknown(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = modern_setup.phone_with_slots()
    modern_setup.install(phone, monkeypatch, tmp_path)
    del phone.properties["ro.boot.slot_suffix"]
    phone.start(replace(modern_setup.HOST, files={}))
    lines, _ = look(capsys)
    assert lines["slots"]["state"] == "unknown"
    assert lines["slots"]["value"] == "the phone does not say which slot it runs from: it names none"
    assert lines["boot image"] == {
        "name": "boot image",
        "state": "unknown",
        "value": "the boot partition is not known",
        "how": "Look on the phone: ls -l /dev/block/by-name",
    }


def test_what_is_loaded_is_booted_first(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    call(capsys, "load", setup.rom_image(tmp_path))
    lines, steps = look(capsys)
    assert lines["loaded image"]["value"] == "rom.img (kernel 6.6.0-rom)"
    assert steps[:3] == ["hardboot exec", "hardboot unload", BOOT]


def test_a_write_that_was_cut_off_is_finished_first(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    left_behind(setup.connected(scripted), one_write(image="a.img"))
    lines, steps = look(capsys)
    assert lines["unsettled"]["state"] == "not"
    assert "writing a.img to boot was cut off" in lines["unsettled"]["value"]
    assert steps == ["hardboot home", BOOT, DRY_RUN, "hardboot backup"]


def test_a_backup_of_a_host_is_no_backup_of_the_own_system(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    call(capsys, "backup")
    lines, steps = look(capsys)
    assert lines["backups"]["state"] == "not"
    assert lines["backups"]["value"].endswith("none is of the phone's own boot image")
    assert steps[-1] == "hardboot backup"


def test_a_backup_of_the_own_system_is_enough(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    setup.install(setup.phone_with_disk(host=False), monkeypatch, tmp_path)
    call(capsys, "backup")
    lines, steps = look(capsys)
    assert lines["backups"]["state"] == "ok"
    assert steps == [f"{BOOT} --via soft", *TO_HOST[1:]]


def test_an_untested_profile_is_checked_before_it_is_used(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    shamu = profile.load("shamu")
    monkeypatch.setattr(profile, "match", lambda _product: shamu)
    scripted.properties["ro.product.device"] = "shamu"
    scripted.start(replace(HOST, page=shamu.page.start, files={f"{shamu.presence}": b""}))
    lines, steps = look(capsys)
    assert lines["tested"]["state"] == "not"
    assert lines["trust"]["state"] == "unknown"
    assert lines["trust"]["value"].endswith("; unknown: ram")
    assert steps[:4] == ["hardboot devices show shamu", "hardboot selftest", DRY_RUN, f"{BOOT} --untested"]


def test_a_profile_of_ones_own_is_named_by_its_file(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    text = Path(profile.path_of("virt-arm") or "").read_text()
    path = tmp_path / "virt-arm.toml"
    path.write_text(text)
    lines, _ = look(capsys, "--profile", str(path))
    assert lines["profile"]["value"].endswith(f", {path}")


def test_a_profile_for_another_phone_is_left_out(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    lines, steps = look(capsys, "--device", "shamu")
    assert lines["profile"]["value"].startswith(
        "the phone reports ro.product.device='virt-arm'; the profile shamu"
    )
    assert lines["profile"]["how"].startswith("Leave out --device")
    assert steps == [AGAIN]


@pytest.mark.parametrize(
    ("entry", "way"),
    [
        ({"fastboot": FastbootBoot(works=False)}, "recovery"),
        ({"fastboot": FastbootBoot(works=False), "partitions": SLOTTED}, "slot"),
        ({"fastboot": FastbootBoot(works=False), "partitions": {}}, "soft"),
        ({"cmdline": CommandLineQuirks(ignored=True)}, "soft"),
    ],
)
def test_a_bootloader_that_boots_nothing_by_fastboot_is_not_asked_to(
    entry: Mapping[str, Any],
    way: str,
    scripted: ScriptedPhone,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    without = msgspec.structs.replace(setup.small_profile(), **entry)
    monkeypatch.setattr(profile, "match", lambda _product: without)
    scripted.properties["ro.boot.flash.locked"] = "0"
    scripted.start(STOCK)
    assert look(capsys)[1][0] == f"{BOOT} --via {way}"
    scripted.root = None
    assert look(capsys)[1] == [AGAIN]


def test_a_page_that_the_profile_does_not_know_is_unknown(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = setup.small_profile()
    without = msgspec.structs.replace(known, hardboot=msgspec.structs.replace(known.hardboot, page=None))
    monkeypatch.setattr(profile, "match", lambda _product: without)
    lines, steps = look(capsys)
    assert lines["host kernel"]["state"] == "unknown"
    assert lines["host kernel"]["value"].endswith("does not know the address of the hardboot page")
    assert lines["trust"]["value"].endswith("; unknown: hardboot.page")
    assert steps[0] == "hardboot status"


HOSTILE = "\x1b[2J\x00\u202e" + "9" * 300


def test_nothing_that_a_phone_says_breaks_the_report(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.su_version = f"{HOSTILE}:MAGISKSU"
    names = ("boot.flash.locked", "boot.verifiedbootstate", "crypto.state", "crypto.type", "serialno")
    scripted.properties.update({f"ro.{name}": HOSTILE for name in names})
    battery(HOSTILE, HOSTILE)(scripted)
    paths = (
        "sys/kernel/debug/psci",
        "sys/module/ramoops/parameters/mem_address",
        "proc/devices",
        "proc/bootconfig",
    )
    kernel(HOST, f"androidboot.flash.locked={HOSTILE}", HOSTILE, **dict.fromkeys(paths, HOSTILE))(scripted)
    scripted.boot.cached = HOSTILE.encode()
    look(capsys)
    out, _ = call(capsys, "doctor")
    assert "\x1b" not in out
    assert "\x00" not in out


def test_the_version_of_su_names_its_program(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.su_version = "27.0:MAGISKSU"
    assert look(capsys)[0]["root"]["value"] == "su -c COMMAND gives it, of Magisk (27.0:MAGISKSU)"
    scripted.root = None
    root = look(capsys)[0]["root"]
    assert root["value"] == "not granted to the ADB shell, though Magisk (27.0:MAGISKSU) is there"
    assert root["how"] == "Grant root to the shell (com.android.shell) in the app of Magisk (27.0:MAGISKSU)."


def test_folders_of_two_root_solutions_name_none(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("magisk", "ksu"):
        scripted.make_folder(f"/data/adb/{name}")
    assert look(capsys)[0]["root"]["value"] == "su -c COMMAND gives it"


def test_questions_take_few_round_trips_and_change_nothing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = modern_setup.phone_with_slots()
    modern_setup.install(phone, monkeypatch, tmp_path)
    sizes: list[int] = []
    shells = phone.transport.shells

    def counted(commands: Any, *, template: str = SHELL) -> Any:
        sizes.append(len(CommandBatch([command for command, _ in commands], template).line))
        return shells(commands, template=template)

    monkeypatch.setattr(phone.transport, "shells", counted)
    before = set(phone.files.nodes)
    look(capsys)
    assert len(sizes) == 3
    assert max(sizes) <= SERVICE_MAX - len("shell:")
    assert phone.happened("push*") == []
    assert set(phone.files.nodes) == before
    assert phone.transport.closed == 1


def test_the_page_for_people_says_states_as_words_and_numbers_the_steps(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = call(capsys, "doctor")
    lines = out.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [
        "This computer",
        "Phone",
        "Profile",
        "Host",
        "Backups",
        "What you can do now, best first",
    ]
    assert "  ok       host kernel    hardboot support: page 0x44000000" in lines
    at = lines.index("  not      backups        none of this phone on this computer")
    assert lines[at + 1] == "                          hardboot backup"
    assert lines[-2:] == [
        "  3. Back up the boot partition; nothing is written to the phone:",
        "     hardboot backup",
    ]


def test_a_serial_that_was_given_is_in_every_command(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    _, steps = look(capsys, "--serial", "HBSCRIPT")
    assert steps[0] == "hardboot boot IMAGE --serial HBSCRIPT"
    scripted.root = None
    _, steps = look(capsys, "--serial", "HBSCRIPT")
    assert steps[0] == "adb -s HBSCRIPT reboot bootloader; fastboot -s HBSCRIPT getvar unlocked"


def test_status_ends_with_the_next_step(scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]) -> None:
    out, _ = call(capsys, "status")
    step = "Boot an image from RAM; a restart brings the phone's own system back"
    assert out.splitlines()[-1] == f"  next         {step}: {BOOT}"
    document = json.loads(call(capsys, "--json", "status")[0])
    assert document["next_step"] == {"what": step, "command": BOOT}
    scripted.start(STOCK)
    scripted.properties["ro.boot.flash.locked"] = "0"
    assert call(capsys, "status")[0].splitlines()[-1].endswith(f": {BOOT} --via fastboot")
    scripted.properties["ro.boot.flash.locked"] = "1"
    assert call(capsys, "status")[0].splitlines()[-1].endswith(f": {BOOT} --via soft")
