"""The way home, whatever runs: nothing to do, a ROM without root, partitions that something else wrote."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import HOST, BlockDevice, Kernel, ScriptedPhone

from hardboot.base.files import private_copy
from hardboot.flows import backup, transaction
from hardboot.flows.transaction import NewBytes
from hardboot.flows.transaction_record import KEPT

BATTERY = "/sys/class/power_supply/battery"
WRITER = "echo \\$\\$ >/dev/hardboot-writer; sleep 900 of=/dev/block/vda2"
ROM = Kernel("6.6.0-rom", cmdline="androidboot.hardboot=01234567")
OTHER = b"what something else wrote".ljust(setup.SIZE, b"\5")


def recovery(scripted: ScriptedPhone) -> BlockDevice:
    node = scripted.files.nodes["/dev/block/vda2"]
    assert isinstance(node, BlockDevice)
    return node


def change(scripted: ScriptedPhone, folder: Path) -> bytes:
    """Write another image to recovery, to be put back; return what it held."""
    before = recovery(scripted).flash
    image = folder / "rom.img"
    image.write_bytes(b"a ROM".ljust(9000, b"\1"))
    phone = setup.connected(scripted)
    with private_copy(image, limit=1 << 20) as copy:
        transaction.write(phone, "recovery", {"recovery": copy}, put_back=True)
    phone.clean()
    return before


def test_at_home_nothing_is_done(scripted: ScriptedPhone) -> None:
    for words in (("home",), ("home", "--dry-run")):
        done = hardboot(*words)
        assert done.stdout.splitlines() == [
            "virt-arm HBSCRIPT runs its own system (kernel 6.1.0-host).",
            "Nothing to do.",
        ]
    assert scripted.happened("reboot*") == []
    assert scripted.happened("push*") == []


def test_a_rom_is_left_by_a_restart(scripted: ScriptedPhone) -> None:
    scripted.start(ROM)
    scripted.clock.sleep(60)
    shown = hardboot("home", "--dry-run").stdout
    assert shown == "virt-arm HBSCRIPT runs a ROM (kernel 6.6.0-rom).\nhardboot home restarts the phone.\n"
    done = json.loads(hardboot("--json", "home").stdout)
    assert (done["kernel"], done["rom"], done["restarted"], done["partitions"]) == (
        HOST.release,
        False,
        True,
        [],
    )


def test_a_system_without_root_is_restarted_and_what_it_could_not_read_is_put_back(
    scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = change(scripted, tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    scripted.start(ROM)
    scripted.clock.sleep(60)
    scripted.root = None
    start = scripted.start

    def rooted(kernel: Kernel, *, cmdline: str | None = None, after_s: float = 0) -> object:
        scripted.root = "su -c"
        return start(kernel, cmdline=cmdline, after_s=after_s)

    monkeypatch.setattr(scripted, "start", rooted)
    done = hardboot("--json", "home")
    assert done.returncode == 0, done.stderr
    assert "neither `su -c` nor `su 0` gives uid 0; restarting the phone" in done.stderr
    document = json.loads(done.stdout)
    assert document["restarted"]
    assert [one["holds"] for one in document["partitions"]] == ["old"]
    assert recovery(scripted).flash == before


def test_a_phone_that_comes_back_without_root_is_told(scripted: ScriptedPhone) -> None:
    scripted.root = None
    done = hardboot("home", "--wait", "60")
    assert done.returncode == 6
    what, state, fix = done.stderr.splitlines()[-3:]
    assert what == "hardboot: the phone did not come back with root within 60 s after a restart"
    assert state == "  state: Nothing was written."
    assert "grant root to the ADB shell" in fix


@pytest.mark.parametrize(
    ("event", "code", "state"),
    [
        ("cat /proc/sys/kernel/random/boot_id", 5, "The restart was not sent; nothing was written."),
        ("reboot *", 6, "The restart may have been sent; nothing was written."),
    ],
)
def test_a_system_without_root_that_is_cut_off_tells_whether_the_restart_was_sent(
    scripted: ScriptedPhone, event: str, code: int, state: str
) -> None:
    scripted.root = None
    fault = scripted.fault(event, code=1) if code == 6 else scripted.fault(event, before=scripted.cut_power)
    done = hardboot("home", "--wait", "60")
    assert fault.seen
    assert (done.returncode, done.stderr.splitlines()[-2]) == (code, f"  state: {state}"), done.stderr


def test_a_rom_that_comes_up_again_is_told(scripted: ScriptedPhone) -> None:
    scripted.start(ROM)
    scripted.clock.sleep(60)
    scripted.chooses = lambda: ROM
    done = hardboot("home")
    assert done.returncode == 5
    assert "a ROM came up again (kernel 6.6.0-rom)" in done.stderr
    assert "hardboot restore" in done.stderr


@pytest.mark.parametrize("yes", [False, True])
def test_what_something_else_wrote_since_is_saved_and_overwritten_after_a_question(
    yes: bool, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    before = change(scripted, tmp_path)
    recovery(scripted).write(0, OTHER)
    recovery(scripted).flush()
    done = hardboot("home", *(["--yes"] if yes else []))
    assert done.returncode == (0 if yes else 4), done.stderr
    if not yes:
        assert "not confirmed: Something else wrote to recovery after hardboot did." in done.stderr
        assert recovery(scripted).flash == OTHER
        return
    assert "recovery  held neither the old nor the new content, now holds what it held before" in done.stdout
    assert recovery(scripted).flash == before
    saved = [one.path.read_bytes() for one in backup.find("HBSCRIPT", "recovery")]
    assert OTHER in saved


def test_bytes_that_the_bootloader_changed_since_are_put_back_without_a_question(
    scripted: ScriptedPhone,
) -> None:
    misc = scripted.partition("misc", bytes(4096))
    phone = setup.connected(scripted)
    message = NewBytes("misc", 64, b"slot b, 1 try", "the boot control block")
    transaction.write(phone, "slot", {}, put_back=True, also=[message])
    misc.write(64, b"slot a")
    misc.flush()
    shown = hardboot("home").stdout
    assert "misc  held neither the old nor the new content, now holds what it held before" in shown
    assert misc.flash == bytes(4096)


@pytest.mark.parametrize(
    ("spoils", "code", "told"),
    [
        (
            lambda phone: phone.files.remove("/dev/block/by-name/recovery"),
            4,
            "is not a block device",
        ),
        (
            lambda phone: phone.add_file("/sys/class/power_supply/battery/capacity", "3\n"),
            4,
            "the battery has 3 %",
        ),
        (lambda phone: phone.fault("kill -9 *", nth=0, code=0), 6, "that was given up cannot be ended"),
    ],
    ids=["no partition", "low battery", "a writer"],
)
def test_what_stands_in_the_way_is_told_and_nothing_is_written(
    spoils: Callable[[ScriptedPhone], object], code: int, told: str, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    change(scripted, tmp_path)
    new = recovery(scripted).flash
    setup.connected(scripted).root(
        'sh -c "echo \\$\\$ >/dev/hardboot-writer; sleep 900 of=/dev/block/vda2" &'
    )
    if code == 4:
        scripted.clock.sleep(1000)
    spoils(scripted)
    done = hardboot("home")
    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert recovery(scripted).flash == new


def test_a_writer_of_a_command_that_died_is_ended_first(scripted: ScriptedPhone, tmp_path: Path) -> None:
    before = change(scripted, tmp_path)
    setup.connected(scripted).root(f'sh -c "{WRITER}; echo late >/dev/block/vda2" &')
    assert hardboot("home").returncode == 0
    scripted.clock.sleep(1000)
    assert recovery(scripted).flash == before


def test_what_a_rom_cannot_read_is_put_back_when_the_own_system_runs(
    scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = change(scripted, tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "another"))
    record = scripted.files.nodes.pop(f"{KEPT}/transaction.json")  # its /data cannot be decrypted
    scripted.start(ROM)
    scripted.clock.sleep(60)

    def own_system() -> Kernel:
        scripted.files.add(f"{KEPT}/transaction.json", record)
        return HOST

    scripted.chooses = own_system
    document = json.loads(hardboot("--json", "home").stdout)
    assert (document["restarted"], document["way"]) == (True, "recovery")
    assert recovery(scripted).flash == before


def test_a_way_home_that_was_cut_off_is_not_taken_for_what_something_else_wrote(
    scripted: ScriptedPhone, tmp_path: Path
) -> None:
    before = change(scripted, tmp_path)
    saved = backup.find("HBSCRIPT", "recovery")
    scripted.fault(f"dd if={KEPT}/recovery.img *", most=4097, code=None)
    first = hardboot("home")
    assert first.returncode == 6
    assert "it is not known which" in first.stderr
    assert recovery(scripted).cached not in (before, b"")
    done = hardboot("home")
    assert done.returncode == 0, done.stderr
    assert recovery(scripted).flash == before
    assert backup.find("HBSCRIPT", "recovery") == saved


def test_a_restart_is_not_refused_for_what_others_changed_since(
    scripted: ScriptedPhone, tmp_path: Path
) -> None:
    change(scripted, tmp_path)
    recovery(scripted).write(0, OTHER)
    recovery(scripted).flush()
    done = hardboot("reboot")
    assert done.returncode == 0, done.stderr
    assert "recovery holds neither the old nor the new content. To settle it: hardboot home" in done.stderr


def test_a_command_that_only_looks_works_where_a_partition_cannot_be_read(
    scripted: ScriptedPhone, tmp_path: Path
) -> None:
    change(scripted, tmp_path)
    scripted.files.remove("/dev/block/by-name/recovery")
    done = hardboot("status")
    assert done.returncode == 0, done.stderr
    assert "changed recovery, to be put back; what they hold cannot be read (" in done.stderr
