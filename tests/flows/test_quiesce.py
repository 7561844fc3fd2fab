"""Quiescing the system of the scripted phone: each step, its limit, and what is said if it fails."""

import pytest
from scripted_phone import Mount, ScriptedPhone

from hardboot.device.phone import Phone
from hardboot.flows.journal import QuiesceStep
from hardboot.flows.quiesce import quiesce_system


def results(steps: list[QuiesceStep]) -> list[tuple[str, str, bool]]:
    return [(step.step, step.result, step.done) for step in steps]


ALL_DONE = [
    ("framework", "done", True),
    ("sync", "done", True),
    ("read-only", "done", True),
    ("flush", "done", True),
]


def test_all_steps_are_done_in_order_in_one_shell(
    phone: Phone, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.files.mounts.append(Mount("/dev/block/vda2", "/data/inner"))
    assert results(quiesce_system(phone)) == ALL_DONE
    assert scripted.properties["init.svc.zygote"] == "stopped"
    assert [mount.point for mount in scripted.files.mounts if not mount.read_only] == [
        "/dev",
        "/proc",
        "/sys",
    ]
    # What was mounted last goes first: it may lie on another.
    assert scripted.happened("mount *") == [
        "mount -o remount,ro /dev/block/vda2 /data/inner",
        "mount -o remount,ro /dev/block/vda3 /data",
    ]
    order = [scripted.events.index(one) for one in ("stop", "sync", scripted.happened("mount *")[0])]
    assert order == sorted(order)
    flushed = [event.split(" <")[0] for event in scripted.happened("blockdev *")]
    assert flushed == ["blockdev --flushbufs /dev/block/vda3", "blockdev --flushbufs /dev/block/vda2"]
    assert scripted.happened("echo u *") == []
    assert capsys.readouterr().err.splitlines() == [
        "Stopping the Android framework",
        "Writing all data to the disk",
        "Making the file systems read-only",
        "Flushing the block devices",
    ]


def test_where_no_android_runs_nothing_is_stopped(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.properties["init.svc.zygote"] = ""
    assert results(quiesce_system(phone))[0] == ("framework", "none is running", True)
    assert scripted.happened("stop") == []


def test_a_framework_that_takes_a_while_is_waited_for(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.zygote_stops = False
    scripted.fault(
        "sleep 1", nth=2, after=lambda: scripted.properties.__setitem__("init.svc.zygote", "stopped")
    )
    steps = quiesce_system(phone)
    assert results(steps) == ALL_DONE
    assert 3 <= steps[0].seconds < 4


def test_a_framework_that_does_not_stop_is_warned_of(
    phone: Phone, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.zygote_stops = False
    steps = quiesce_system(phone)
    assert results(steps) == [("framework", "it is still running", False), *ALL_DONE[1:]]
    assert 10 <= steps[0].seconds < 11
    assert "warning: stopping the android framework: it is still running" in capsys.readouterr().err


def test_a_busy_file_system_is_made_read_only_by_force(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.data.busy = True
    assert results(quiesce_system(phone)) == ALL_DONE
    assert scripted.happened("echo u *") == ["echo u >/proc/sysrq-trigger"]
    assert scripted.data.read_only


def test_a_file_system_that_stays_writable_is_named(
    phone: Phone, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.data.stubborn = True
    steps = quiesce_system(phone)
    assert results(steps)[2:] == [("read-only", "/data is still writable", False), ALL_DONE[3]]
    warning = "warning: making the file systems read-only: /data is still writable"
    assert warning in capsys.readouterr().err.splitlines()


def test_a_step_that_hangs_keeps_no_other_from_being_tried(
    phone: Phone, scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.fault("sync", hangs_s=1000)
    steps = quiesce_system(phone)
    what = "the phone at 127.0.0.1:5599 did not end the command within 60 s"
    assert results(steps) == [ALL_DONE[0], ("sync", what, False), *ALL_DONE[2:]]
    assert steps[1].seconds == pytest.approx(60)
    assert f"warning: writing all data to the disk: {what}" in capsys.readouterr().err.splitlines()


@pytest.mark.parametrize(
    ("event", "step", "limit_s"),
    [("stop", 0, 20), ("sync", 1, 60), ("mount *", 2, 80), ("blockdev *", 3, 60)],
)
def test_each_step_has_a_limit_of_its_own(
    event: str, step: int, limit_s: float, phone: Phone, scripted: ScriptedPhone
) -> None:
    scripted.fault(event, hangs_s=limit_s - 1)
    assert results(quiesce_system(phone)) == ALL_DONE
    scripted.data.read_only = False
    scripted.properties["init.svc.zygote"] = "running"
    scripted.fault(event, hangs_s=limit_s + 1)
    steps = quiesce_system(phone)
    assert [one.done for one in steps] == [number != step for number in range(4)]
    assert steps[step].result.endswith(f"did not end the command within {limit_s} s")


def test_a_step_that_takes_its_shell_down_keeps_no_other_from_being_tried(
    phone: Phone, scripted: ScriptedPhone
) -> None:
    scripted.fault("stop", kills_shell=True)
    assert results(quiesce_system(phone)) == [("framework", "failed", False), *ALL_DONE[1:]]


def test_a_long_answer_is_cut_and_put_on_one_line(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.fault("blockdev *", code=1, says="flush  error\n" * 50)
    last = quiesce_system(phone)[-1]
    assert last.result == ("flush error " * 50).strip()[-200:]
    assert not last.done


def test_a_phone_that_is_gone_fails_every_step(phone: Phone, scripted: ScriptedPhone) -> None:
    scripted.cut_power()
    steps = quiesce_system(phone)
    assert [step.done for step in steps] == [False] * 4
    assert {step.result for step in steps} == {"the phone at 127.0.0.1:5599 does not answer"}
