"""Starting what is loaded, on the scripted phone: what comes up, and what is said about it."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
import scripted_setup as setup
from scripted_phone import HOST, STOCK, Kernel, ScriptedPhone
from told import raises

from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.device import record
from hardboot.device.phone import Phone
from hardboot.device.staging import STAGING
from hardboot.flows import boot, execute, load, rom
from hardboot.flows.journal import GUEST_UP, HOST_CAME_BACK, NOT_LEFT, PHONE_SILENT, Journal
from hardboot.flows.load import PreparedRom

AGENT = "/dev/hardboot-agent"
EXEC = f"{AGENT} exec </dev/null >/dev/hardboot-exec"


@pytest.fixture
def journal() -> Journal:
    return Journal("virt-arm", "HBSCRIPT")


def loaded(phone: Phone, folder: Path, *, soft: bool = False) -> PreparedRom:
    """Something is loaded, and nothing of that is left in the events."""
    journal = Journal("virt-arm", "HBSCRIPT")
    made = load.prepare(phone, rom.read(setup.rom_image(folder)), journal, soft=soft)
    load.load(phone, made, journal)
    return made


def test_the_guest_is_started_and_proven(
    phone: Phone,
    scripted: ScriptedPhone,
    journal: Journal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = loaded(phone, tmp_path)
    assert scripted.running
    before = scripted.running.boot_id
    scripted.events.clear()
    capsys.readouterr()
    execute.execute(phone, journal, wait_s=100)
    assert journal.outcome == GUEST_UP
    assert journal.host
    assert journal.guest
    assert (journal.host.release, journal.host.boot_id) == (HOST.release, before)
    assert (journal.guest.release, journal.guest.boot_id) == ("6.6.0-rom", scripted.running.boot_id)
    assert made.mark in journal.guest.cmdline.split()
    assert journal.loaded
    assert journal.loaded.mark == made.mark
    assert [step.step for step in journal.quiesce] == ["framework", "sync", "read-only", "flush"]
    assert [phase.name for phase in journal.phases] == ["look", "quiesce", "reset and boot"]
    assert journal.phases[-1].seconds == pytest.approx(20.5, abs=1)
    order = [scripted.events.index(event) for event in ("stop", "sync", EXEC)]
    assert order == sorted(order)
    assert capsys.readouterr().err.splitlines() == [
        "Looking at what is loaded",
        "Booting rom.img (kernel 6.6.0-rom) through a hardware reset",
        "Stopping the Android framework",
        "Writing all data to the disk",
        "Making the file systems read-only",
        "Flushing the block devices",
        "Resetting the hardware, waiting for the guest",
        "Resetting the hardware, waiting for the guest: 20.5 s",
    ]


def test_the_system_is_left_as_it_is_if_that_is_wanted(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    scripted.events.clear()
    execute.execute(phone, journal, wait_s=100, quiesce=False)
    assert journal.outcome == GUEST_UP
    assert journal.quiesce == []
    assert scripted.happened("stop") == []
    assert scripted.happened("mount *") == []
    assert [phase.name for phase in journal.phases] == ["look", "reset and boot"]


def test_boot_loads_and_starts(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    made = load.prepare(phone, rom.read(setup.rom_image(tmp_path)), journal)
    boot.boot(phone, made, journal, wait_s=100, quiesce=False)
    assert journal.outcome == GUEST_UP
    assert scripted.happened("stop") == []
    other = Journal("virt-arm", "HBSCRIPT")
    scripted.start(HOST)
    scripted.events.clear()
    scripted.rom = "nothing"
    made = load.prepare(phone, rom.read(setup.rom_image(tmp_path)), other)
    with pytest.raises(DeviceStateError, match="silent for 33 s"):
        boot.boot(phone, made, other, wait_s=33)
    assert scripted.happened("stop") == ["stop"]


NOTHING = (
    "nothing is loaded on this phone",
    "Nothing was started.",
    "Load an image first: hardboot load IMAGE",
)
NO_RECORD = (
    "hardboot has no record of what is loaded: another program loaded it, or a load was interrupted",
    "Nothing was started; it stays loaded.",
    "Load the image again: hardboot load IMAGE. Or unload it: hardboot unload",
)


@pytest.mark.parametrize("tells_loaded", [True, False])
def test_where_nothing_is_loaded_nothing_is_started(
    tells_loaded: bool, phone: Phone, scripted: ScriptedPhone, journal: Journal
) -> None:
    scripted.start(replace(HOST, tells_loaded=tells_loaded))
    with raises(RefusedError, *NOTHING):
        execute.execute(phone, journal, wait_s=100)
    assert scripted.happened("*agent exec*") == []
    assert scripted.happened("stop") == []
    assert journal.outcome is None


def test_what_another_program_loaded_is_not_started(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    scripted.files.remove(record.RECORD)
    scripted.events.clear()
    with raises(RefusedError, *NO_RECORD):
        execute.execute(phone, journal, wait_s=100)
    assert scripted.happened("*agent exec*") == []
    assert scripted.happened("stop") == []


def test_a_record_of_the_kernel_before_does_not_count(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    assert scripted.running
    scripted.running.boot_id = "another"
    with raises(RefusedError, *NO_RECORD):
        execute.execute(phone, journal, wait_s=100)


def test_without_the_kept_agent_a_new_one_is_staged(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    scripted.files.remove(AGENT)
    scripted.events.clear()
    execute.execute(phone, journal, wait_s=100)
    assert journal.outcome == GUEST_UP
    assert scripted.happened("push *") == [f"push {STAGING}/agent"]
    assert scripted.happened(f"{STAGING}/agent exec*") != []
    assert scripted.files.find(STAGING) is None


def test_a_phone_that_stays_silent_is_told(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    scripted.rom = "nothing"
    start = scripted.clock.now
    with raises(
        DeviceStateError,
        "the phone was to be reset and has been silent for 50 s",
        "Nothing was flashed: the boot partition is unchanged.",
        "Hold the power button to restart it into its host kernel. Read the log of the ROM: hardboot log. "
        "If the ROM is slow, wait longer: --wait SECONDS",
    ):
        execute.execute(phone, journal, wait_s=50)
    assert (journal.outcome, journal.guest) == (PHONE_SILENT, None)
    assert scripted.clock.now - start == pytest.approx(50, abs=1)


def test_a_rom_that_is_slower_than_the_limit_is_silent(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    scripted.rom = Kernel("6.6.0-rom", boot_s=60)
    with pytest.raises(DeviceStateError, match="silent for 50 s"):
        execute.execute(phone, journal, wait_s=50)
    scripted.start(HOST)
    loaded(phone, tmp_path)
    execute.execute(phone, journal, wait_s=70)
    assert journal.outcome == GUEST_UP


def test_a_host_that_comes_back_is_told(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    scripted.rom = "host"
    with raises(
        DeviceError,
        "the host kernel came back (6.1.0-host) instead of the ROM",
        "Nothing was flashed: the phone has restarted into its own system.",
        "The ROM crashed, or the record did not survive the reset. Read the log of the ROM: hardboot log",
    ):
        execute.execute(phone, journal, wait_s=100)
    assert (journal.outcome, journal.guest) == (HOST_CAME_BACK, None)


def test_a_soft_start_that_fails_blames_no_record(
    phone: Phone,
    scripted: ScriptedPhone,
    journal: Journal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loaded(phone, tmp_path, soft=True)
    scripted.rom = "host"
    capsys.readouterr()
    with raises(
        DeviceError,
        "the host kernel came back (6.1.0-host) instead of the ROM",
        "Nothing was flashed: the phone has restarted into its own system.",
        "The ROM crashed. Read the log of the ROM: hardboot log",
    ):
        execute.execute(phone, journal, wait_s=100)
    assert [phase.name for phase in journal.phases] == ["look", "quiesce", "start"]
    said = capsys.readouterr().err.splitlines()
    assert said[1] == "Booting rom.img (kernel 6.6.0-rom) by soft kexec"
    assert said[-1].startswith("Starting the guest by soft kexec: ")
    loaded(phone, tmp_path, soft=True)
    scripted.rom = "nothing"
    with pytest.raises(
        DeviceStateError, match="the phone was to leave its kernel and has been silent for 100 s"
    ):
        execute.execute(phone, journal, wait_s=100)


@pytest.mark.parametrize("other", ["xMARK", "MARKx", "MARK=1", "pre.MARK"])
def test_only_the_whole_mark_proves_the_guest(
    other: str, phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    made = loaded(phone, tmp_path)
    scripted.boots = [(setup.HOST_IMAGE, replace(HOST, cmdline=f"a {other.replace('MARK', made.mark)} b"))]
    scripted.rom = "host"
    with pytest.raises(DeviceError, match="the host kernel came back"):
        execute.execute(phone, journal, wait_s=100)


def test_a_guest_of_another_release_is_warned_of(
    phone: Phone,
    scripted: ScriptedPhone,
    journal: Journal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loaded(phone, tmp_path)
    scripted.rom = Kernel("6.6.1-other")
    execute.execute(phone, journal, wait_s=100)
    warning = "warning: the guest reports kernel 6.6.1-other, the image holds 6.6.0-rom"
    assert capsys.readouterr().err.splitlines()[-1] == warning
    assert journal.outcome == GUEST_UP


def test_an_image_that_tells_no_release_is_not_compared(
    phone: Phone,
    scripted: ScriptedPhone,
    journal: Journal,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    loaded(phone, tmp_path)
    node = scripted.files.find(record.RECORD)
    assert node
    known = record.decode(node.read())
    assert known
    scripted.add_file(record.RECORD, record.encode(msgspec.structs.replace(known, release=None)))
    execute.execute(phone, journal, wait_s=100)
    assert "warning" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("says", "cause"),
    [
        ("synced=1\nerror=reboot errno=22\n", "the kernel refused to start "),
        ("", "the running kernel gives no reason"),
        ("synced=1\n", "the agent did not run on the phone: synced=1"),
    ],
)
@pytest.mark.parametrize("quiesced", [True, False])
def test_a_kernel_that_is_not_left_is_told_after_ten_seconds(
    says: str,
    cause: str,
    quiesced: bool,
    phone: Phone,
    scripted: ScriptedPhone,
    journal: Journal,
    tmp_path: Path,
) -> None:
    loaded(phone, tmp_path)
    scripted.fault(EXEC, code=1, says=says)
    start = scripted.clock.now
    with pytest.raises(DeviceStateError) as caught:
        execute.execute(phone, journal, wait_s=100, quiesce=quiesced)
    assert caught.value.what.startswith(f"the phone did not leave its kernel: {cause}")
    left = "The ROM is loaded, the old kernel is running"
    assert caught.value.state == left + (", Android is stopped, /data is read-only." if quiesced else ".")
    assert caught.value.fix == "Restart the phone: hardboot reboot"
    assert 10 < scripted.clock.now - start < 11
    assert (journal.outcome, journal.output["agent exec"]) == (NOT_LEFT, says)


def test_a_kernel_that_takes_long_to_leave_is_waited_for(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    scripted.fault(EXEC, hangs_s=9)
    execute.execute(phone, journal, wait_s=100)
    assert journal.outcome == GUEST_UP


def test_without_a_reset_the_other_cpus_go_offline_first(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path, soft=True)
    scripted.events.clear()
    execute.execute(phone, journal, wait_s=100)
    assert journal.outcome == GUEST_UP
    off = scripted.events.index("echo 0 >/sys/devices/system/cpu/cpu1/online")
    assert off < scripted.events.index("stop")


def test_with_a_reset_no_cpu_goes_offline(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    execute.execute(phone, journal, wait_s=100)
    assert scripted.happened("echo 0 *") == []


def test_a_cpu_that_stays_online_keeps_the_system_as_it_is(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path, soft=True)
    scripted.fault("echo 0 >*cpu1/online", code=1)
    with raises(
        RefusedError,
        "CPUs 0-1 are online, only CPU 0 should be: the kernel or a daemon keeps them online",
        "Nothing was started; what is loaded stays loaded.",
        "Stop the daemon that manages CPUs (such as mpdecision). "
        "Leave out --via soft: a reset stops every CPU.",
    ):
        execute.execute(phone, journal, wait_s=100)
    assert scripted.happened("echo 1 >*cpu1/online") == ["echo 1 >/sys/devices/system/cpu/cpu1/online"]
    assert scripted.happened("stop") == []
    assert scripted.happened("*agent exec*") == []


def test_drivers_that_would_go_on_are_unbound_before_a_soft_start(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    (folder,) = phone.profile.soft.unbind
    unbound: list[bytes] = []
    for name in ("virtio0", "module"):
        scripted.make_folder(f"{folder}/{name}")
    scripted.show(f"{folder}/unbind", lambda: "", unbound.append)
    loaded(phone, tmp_path, soft=True)
    start = scripted.clock.now
    execute.execute(phone, journal, wait_s=100)
    assert unbound == [b"virtio0\n"]
    assert scripted.happened("sleep *") == ["sleep 0.1 </dev/null >/dev/hardboot-exec"]
    assert scripted.clock.now - start > 20
    # A reset needs none of that.
    scripted.start(HOST)
    scripted.events.clear()
    loaded(phone, tmp_path)
    execute.execute(phone, journal, wait_s=100)
    assert unbound == [b"virtio0\n"]
    assert scripted.happened("sleep *") == []


def test_the_end_of_the_connection_does_not_stop_the_agent(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    loaded(phone, tmp_path)
    scripted.commands.clear()
    execute.execute(phone, journal, wait_s=100)
    (command,) = [one for one in scripted.commands if " exec" in one and "hardboot-exec" in one]
    assert command.endswith(
        "\ntrap '' HUP; (exec /dev/hardboot-agent exec) </dev/null >/dev/hardboot-exec 2>&1 &"
    )


def test_a_stock_kernel_starts_a_guest_softly(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    scripted.start(STOCK)
    loaded(phone, tmp_path, soft=True)
    execute.execute(phone, journal, wait_s=100)
    assert journal.outcome == GUEST_UP
