"""Restarting the scripted phone, and waiting for it."""

import pytest
import scripted_setup as setup
from scripted_phone import HOST, STOCK, ScriptedPhone
from told import raises

from hardboot.base import log
from hardboot.base.errors import DeviceStateError
from hardboot.device.handset import KernelIdentity
from hardboot.device.phone import Phone
from hardboot.flows import restart


def test_a_phone_is_restarted_and_says_whether_it_is_a_host(
    phone: Phone, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    before = phone.kernel()
    done = restart.restart(phone)
    assert scripted.happened("reboot*") == ["reboot </dev/null >/dev/null"]
    assert (done.kernel.release, done.hardboot) == (HOST.release, True)
    assert done.kernel == phone.kernel()
    assert done.kernel.boot_id != before.boot_id
    assert capsys.readouterr().err == "Restarting the phone\nRestarting the phone: 20.5 s\n"
    scripted.boot.flash = scripted.boot.cached = setup.STOCK_IMAGE
    done = restart.restart(phone)
    assert (done.kernel.release, done.hardboot) == (STOCK.release, False)


def test_a_phone_that_does_not_come_back_is_told(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.boots = []
    start = scripted.clock.now
    with raises(
        DeviceStateError,
        "the phone did not come back within 180 s after a restart",
        "The restart had been sent; what was written before it stays written.",
        "Look at its screen; hold the power button for 10 s to restart it, or start its recovery: "
        "docs/rescue.md",
    ):
        restart.restart(phone)
    assert scripted.clock.now - start == pytest.approx(180, abs=1)
    scripted.power_on()


def test_another_time_can_be_given(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.boots = []
    with pytest.raises(DeviceStateError, match="within 30 s after"):
        restart.restart(phone, wait_s=30)


def test_a_phone_that_is_gone_before_it_has_answered_was_told_to_restart(
    phone: Phone, scripted: ScriptedPhone
) -> None:
    scripted.fault("reboot*", drops=True)
    restart.reboot(phone)
    assert len(scripted.happened("reboot*")) == 1


def test_a_command_that_ends_the_kernel_has_five_seconds(phone: Phone, scripted: ScriptedPhone) -> None:
    start = scripted.clock.now
    restart.run_detached(phone, "sleep 100")
    assert scripted.clock.now - start == pytest.approx(5)
    restart.run_detached(phone, "sleep 100", timeout_s=7)
    assert scripted.clock.now - start == pytest.approx(12)


def test_the_old_kernel_is_outlasted_and_told_of(phone: Phone, scripted: ScriptedPhone) -> None:
    before = phone.kernel()
    start = scripted.clock.now
    scripted.fault("echo 6.1.0-host*", nth=5, before=scripted.reboot)
    seen: list[float] = []
    now = restart.wait_for_change(phone, before, wait_s=60, on_old_kernel=seen.append)
    assert now
    assert now.boot_id != before.boot_id
    assert seen == pytest.approx([0.5, 1.0, 1.5, 2.0, 2.5], abs=0.1)
    assert scripted.clock.now - start == pytest.approx(2.5 + 20.5, abs=1)


def test_why_the_phone_does_not_answer_is_a_detail(
    phone: Phone, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    before = phone.kernel()
    log.configure(verbose=True)
    try:
        restart.run_detached(phone, "sleep 100")
        scripted.boots = []
        scripted.reboot()
        assert restart.wait_for_change(phone, before, wait_s=1) is None
    finally:
        log.configure(verbose=False)
    told = capsys.readouterr().err
    assert "  the phone at 127.0.0.1:5599 did not end the command within 5 s\n" in told
    assert "  the phone did not come back within 1 s: the phone at 127.0.0.1:5599 does not answer\n" in told


def test_a_phone_that_is_not_restarted_is_given_up(phone: Phone, scripted: ScriptedPhone) -> None:
    before = phone.kernel()
    start = scripted.clock.now
    assert restart.wait_for_change(phone, before, wait_s=10) is None
    assert scripted.clock.now - start == pytest.approx(10)
    assert restart.wait_for_change(phone, before, wait_s=0) is None
    # The last pause is not longer than what is left.
    assert restart.wait_for_change(phone, before, wait_s=0.2) is None
    assert scripted.clock.now - start == pytest.approx(10.2)


def test_another_kernel_is_one_with_another_boot_id(phone: Phone, scripted: ScriptedPhone) -> None:
    now = phone.kernel()
    same = KernelIdentity("other", now.boot_id, "other")
    assert restart.wait_for_change(phone, same, wait_s=1) is None
    other = KernelIdentity(now.release, "other", now.cmdline)
    assert restart.wait_for_change(phone, other, wait_s=1) == now
