"""A change that is not settled, as every other command sees it, on this computer and on another."""

import json
import platform
import shlex
from pathlib import Path

import pytest
import scripted_setup as setup
from flashing import NEW, WRITE
from in_process import hardboot
from scripted_phone import HOST, ScriptedPhone

from hardboot.device import lock
from hardboot.flows import transaction_record
from hardboot.flows.transaction_record import KEPT

CUT_OFF = "writing host.img to boot was cut off on 2027-"
NEITHER = "boot holds neither the old nor the new content"
# Those that would restart the phone, and those that leave it running.
RESTARTING = (("reboot",), ("exec",), ("crash", "trigger"), ("bench",), ("probe",))
OTHERS = (
    ("status",),
    ("log",),
    ("unload",),
    ("backup",),
    ("backups",),
    ("plan", "rom.img"),
    ("load", "rom.img"),
)


@pytest.fixture
def cut_off(scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Flash host.img, and lose the phone when a part of it is written; return the folder of the files."""
    monkeypatch.chdir(tmp_path)
    scripted.boot.flash = scripted.boot.cached = NEW.ljust(setup.SIZE, b"\3")
    (tmp_path / "host.img").write_bytes(setup.HOST_IMAGE)
    setup.rom_image(tmp_path)
    scripted.fault(WRITE, most=4096, after=scripted.cut_power)
    hardboot("flash-host-kernel", "host.img", "--yes")
    mix = setup.HOST_IMAGE[:4096] + scripted.boot.flash[4096:]
    scripted.boot.flash = scripted.boot.cached = mix
    scripted.start(HOST)  # as from a recovery
    scripted.clock.sleep(60)
    assert scripted.is_up
    return tmp_path


@pytest.mark.parametrize("words", RESTARTING, ids=" ".join)
@pytest.mark.parametrize("computer", ["this", "another"])
def test_what_would_restart_a_phone_with_a_mix_is_refused(
    words: tuple[str, ...],
    computer: str,
    cut_off: Path,
    monkeypatch: pytest.MonkeyPatch,
    scripted: ScriptedPhone,
) -> None:
    if computer == "another":
        monkeypatch.setenv("XDG_STATE_HOME", str(cut_off / "another"))
    scripted.events.clear()
    done = hardboot(*words, "--yes")
    assert done.returncode == 4, done.stderr
    what, state, fix = done.stderr.splitlines()[-3:]
    assert CUT_OFF in what
    assert NEITHER in what
    assert state == "  state: Nothing was sent: the phone may not start again."
    assert fix == "  to do: Put back what it held first: hardboot home"
    assert scripted.happened("reboot*") == []


@pytest.mark.parametrize("computer", ["this", "another"])
def test_boot_puts_the_old_image_back_first(
    computer: str, cut_off: Path, monkeypatch: pytest.MonkeyPatch, scripted: ScriptedPhone
) -> None:
    if computer == "another":
        monkeypatch.setenv("XDG_STATE_HOME", str(cut_off / "another"))
    assert hardboot("boot", "rom.img", "--dry-run").returncode == 4  # it changes nothing
    done = hardboot("boot", "rom.img")
    assert done.returncode == 0, done.stderr
    (told,) = (line for line in done.stderr.splitlines() if CUT_OFF in line)
    assert told.endswith(": putting that back")
    assert scripted.boot.flash == NEW.ljust(setup.SIZE, b"\3")


@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_what_leaves_the_phone_running_warns(words: tuple[str, ...], cut_off: Path) -> None:
    done = hardboot(*words)
    (warning,) = (line for line in done.stderr.splitlines() if CUT_OFF in line)
    assert warning.startswith(f"warning: {CUT_OFF}")
    assert warning.endswith(f"{NEITHER}. To settle it: hardboot home")


def test_home_puts_the_old_image_back(cut_off: Path, scripted: ScriptedPhone) -> None:
    done = hardboot("home")
    assert done.returncode == 0, done.stderr
    assert scripted.boot.flash == NEW.ljust(setup.SIZE, b"\3")
    assert "boot  held neither the old nor the new content, now holds what it held before" in done.stdout
    assert transaction_record.of_computer("HBSCRIPT") is None
    again = hardboot("home")
    assert again.stdout.splitlines()[-1] == "Nothing to do."


def test_a_flash_by_another_command_right_now_is_not_taken_for_one_that_was_cut_off(
    cut_off: Path, tmp_path: Path
) -> None:
    path = tmp_path / "state" / "hardboot" / "locks" / "HBSCRIPT.lock"
    with lock.exclusive(path, "the phone"):
        done = hardboot("status")
    assert "cut off" not in done.stderr
    assert "writing host.img to boot is under way, begun on 2027-" in done.stderr


def test_a_writer_of_another_computer_that_still_runs_is_left_alone(
    cut_off: Path, scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    here = platform.node()
    phone = setup.connected(scripted)
    script = "echo $$ >/dev/hardboot-writer; sleep 99 of=/dev/block/vda1"
    phone.root(f"sh -c {shlex.quote(script)} &")
    assert "is under way" in hardboot("status").stderr
    with monkeypatch.context() as elsewhere:
        elsewhere.setattr("platform.node", lambda: "another")
        for words in (("home",), ("flash-host-kernel", "host.img", "--yes")):
            done = hardboot(*words)
            assert done.returncode == 4
            assert f"{here} is writing to the phone" in done.stderr
    assert scripted.happened("kill*") == []
    scripted.clock.sleep(200)
    assert CUT_OFF in hardboot("status").stderr


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("id",), "../.."),
        (("way",), "flash\n"),
        (("version",), 2),
        (("writes",), []),
        (("writes", 0, "partition"), "boot\n"),
        (("writes", 0, "partition"), "../misc"),
        (("writes", 0, "new_sha256"), "0" * 63),
        (("writes", 0, "size"), -1),
        (("writes", 0, "state"), "done"),
        (("writes", 0, "old_bytes"), "A" * 5600),
        (("begun",), 1e300),
    ],
)
def test_a_record_of_the_phone_that_is_not_one_is_none(
    path: tuple[str | int, ...], value: object, cut_off: Path, scripted: ScriptedPhone
) -> None:
    node = scripted.files.find(f"{KEPT}/transaction.json")
    assert node is not None
    assert transaction_record.parse(node.read()) is not None
    document = inside = json.loads(node.read())
    for step in path[:-1]:
        inside = inside[step]
    inside[path[-1]] = value
    scripted.add_file(f"{KEPT}/transaction.json", json.dumps(document))
    assert transaction_record.parse(json.dumps(document)) is None
    known = transaction_record.of_computer("HBSCRIPT")
    assert known is not None
    found = transaction_record.find(setup.connected(scripted))
    assert found == known


def _interrupt(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_ctrl_c_when_all_is_put_back_says_so(cut_off: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(transaction_record, "settle", _interrupt)
    done = hardboot("home", "--yes")
    assert done.returncode == 130
    assert "  state: Everything was put back, read back and compared." in done.stderr


def test_a_ctrl_c_when_all_that_was_to_be_written_is_there_says_so(
    scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripted.boot.flash = scripted.boot.cached = NEW.ljust(setup.SIZE, b"\3")
    image = tmp_path / "host.img"
    image.write_bytes(setup.HOST_IMAGE)
    monkeypatch.setattr(transaction_record, "settle", _interrupt)
    assert hardboot("flash-host-kernel", image, "--yes").returncode == 130
    done = hardboot("home", "--yes")
    assert done.returncode == 130
    assert "  state: The new content is in all partitions, read back and compared." in done.stderr
    assert scripted.boot.flash.startswith(setup.HOST_IMAGE)
