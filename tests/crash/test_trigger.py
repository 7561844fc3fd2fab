"""Crashing a scripted phone, and waiting for the kernel that starts then."""

from pathlib import Path

import crash_setup
import pytest
import scripted_setup as setup
from crash_setup import CRASHABLE, crashable
from scripted_phone import ScriptedPhone
from told import raises

from hardboot import profile
from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.crash import panic, trigger
from hardboot.device.phone import Phone
from hardboot.flows import rom
from hardboot.flows.journal import HOST_CAME_BACK, PHONE_SILENT, Journal
from hardboot.profile import Profile

PANIC_TIMEOUT = "/proc/sys/kernel/panic"


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedPhone:
    return setup.install(crashable(), monkeypatch, tmp_path / "state")


@pytest.fixture
def journal() -> Journal:
    return Journal("virt-arm", "HBSCRIPT")


def load(phone: Phone, folder: Path) -> None:
    journal = Journal("virt-arm", "HBSCRIPT")
    plan = panic.prepare(phone, rom.read(crash_setup.panic_image(folder)), journal)
    panic.load(phone, plan, journal)


def test_the_panic_kernel_is_known_by_the_dump(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    load(phone, tmp_path)
    assert scripted.running
    before = scripted.running.boot_id
    trigger.trigger(phone, journal, wait_s=100)
    assert journal.outcome == trigger.CAPTURE_UP
    assert journal.host
    assert journal.guest
    assert (journal.host.release, journal.host.boot_id) == (CRASHABLE.release, before)
    assert journal.guest.release == "6.6.0-panic"
    assert [phase.name for phase in journal.phases] == ["crash"]


def test_a_crash_without_a_panic_kernel_is_a_restart(
    phone: Phone, scripted: ScriptedPhone, journal: Journal
) -> None:
    trigger.trigger(phone, journal, wait_s=100)
    assert journal.outcome == trigger.RESTARTED
    assert journal.guest
    assert journal.guest.release == CRASHABLE.release
    (sent,) = [command for command in scripted.commands if "sysrq-trigger" in command]
    assert sent.startswith("sync; ")


@pytest.mark.parametrize(("before", "after"), [("0", "5"), ("30", "30")])
def test_a_kernel_that_would_hang_for_ever_gets_a_time_out(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, before: str, after: str
) -> None:
    node = scripted.files.find(PANIC_TIMEOUT)
    assert node
    node.write(0, before.encode())
    trigger.trigger(phone, journal, wait_s=100)
    assert node.read().decode().strip() == after


def test_a_host_that_comes_back_instead_of_the_panic_kernel_is_told(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    load(phone, tmp_path)
    scripted.capture = CRASHABLE
    with raises(
        DeviceError,
        "the phone restarted into 6.1.0-host instead of the panic kernel",
        "Nothing was flashed; the dump is lost.",
        "Read the panic kernel's log: hardboot log",
    ):
        trigger.trigger(phone, journal, wait_s=100)
    assert journal.outcome == HOST_CAME_BACK
    assert journal.guest


def test_a_phone_that_stays_silent_after_the_crash_is_told(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    load(phone, tmp_path)
    scripted.capture = None
    start = scripted.clock.now
    with raises(
        DeviceStateError,
        "the phone crashed and did not answer for 70 s",
        "Nothing was flashed.",
        "Hold the power button to restart it, then read the panic kernel's log: hardboot log",
    ):
        trigger.trigger(phone, journal, wait_s=70)
    assert scripted.clock.now - start >= 70
    assert (journal.outcome, journal.guest) == (PHONE_SILENT, None)


def test_a_kernel_that_does_not_crash_is_told_after_a_while(
    phone: Phone, scripted: ScriptedPhone, journal: Journal
) -> None:
    del scripted.files.nodes["/proc/sysrq-trigger"]
    start = scripted.clock.now
    with raises(
        DeviceStateError,
        "the phone did not crash: its kernel is still running",
        "Nothing was flashed.",
        "Check that it has SysRq: adb shell su -c 'ls /proc/sysrq-trigger'",
    ):
        trigger.trigger(phone, journal, wait_s=100)
    assert 10 < scripted.clock.now - start < 15
    assert journal.outcome is None


def test_a_connection_that_dies_with_the_kernel_is_no_error(
    phone: Phone, scripted: ScriptedPhone, journal: Journal, tmp_path: Path
) -> None:
    load(phone, tmp_path)
    scripted.fault("sync", before=scripted.crash, drops=True)
    trigger.trigger(phone, journal, wait_s=100)
    assert journal.outcome == trigger.CAPTURE_UP


# Waiting for the panic kernel


def test_the_phone_is_given_when_the_panic_kernel_runs(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    load(phone, tmp_path)
    scripted.crash()
    start = scripted.clock.now
    with trigger.panic_kernel_phone(None, None, wait_s=100) as found:
        assert found.kernel().release == "6.6.0-panic"
        assert scripted.clock.now - start >= 20, "it was waited for"
        closed = scripted.transport.closed
    assert scripted.transport.closed == closed + 1


def test_without_a_panic_kernel_nobody_waits(phone: Phone, scripted: ScriptedPhone) -> None:
    start = scripted.clock.now
    with (
        raises(
            RefusedError,
            "there is no dump: the running kernel 6.1.0-host is not a panic kernel",
            "Nothing was written.",
            "Load a panic kernel before the next crash: hardboot load --panic IMAGE",
        ),
        trigger.panic_kernel_phone(None, None, wait_s=100),
    ):
        pass
    assert scripted.clock.now - start < 1
    assert scripted.transport.closed == 1


def test_a_kernel_that_has_not_crashed_is_told_in_the_end(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(phone, tmp_path)
    searched: list[str] = []
    match = profile.match

    def counted(name: str) -> Profile | None:
        searched.append(name)
        return match(name)

    monkeypatch.setattr(profile, "match", counted)
    start = scripted.clock.now
    with (
        raises(
            DeviceError,
            "the kernel 6.1.0-host has not crashed",
            "Nothing was written.",
            "Crash it: hardboot crash trigger",
        ),
        trigger.panic_kernel_phone(None, None, wait_s=60),
    ):
        pass
    assert 60 <= scripted.clock.now - start < 65
    assert searched == ["virt-arm"], "the profile is told once, not at each try"


def test_a_phone_that_does_not_answer_is_told_in_the_end(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    scripted.cut_power()
    with (
        pytest.raises(DeviceError, match="does not answer"),
        trigger.panic_kernel_phone(None, None, wait_s=60),
    ):
        pass
