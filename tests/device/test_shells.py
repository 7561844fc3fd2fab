"""The shells of the scripted phone: root, answers, and what is said when they fail."""

import pytest
from scripted_phone import Root, ScriptedPhone
from told import raises

from hardboot.base import log
from hardboot.base.errors import DeviceError, RequestError
from hardboot.device.handset import KERNEL, Handset
from hardboot.device.shells import Shells, read
from hardboot.transport.base import Output

NOTHING = ("", "it printed nothing")


@pytest.fixture
def shells(scripted: ScriptedPhone) -> Shells:
    return Shells(scripted.transport)


@pytest.mark.parametrize(
    ("how", "template"), [("adbd", "sh -c {}"), ("su -c", "su -c {}"), ("su 0", "su 0 sh -c {}")]
)
def test_root_is_looked_for_once(
    how: Root,
    template: str,
    shells: Shells,
    scripted: ScriptedPhone,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(log, "_verbose", True)
    scripted.root = how
    assert shells.root("id -u") == Output("0\n", 0)
    assert shells.root_shell() == template
    asked = scripted.happened("id -u")
    assert shells.root("id -u") == Output("0\n", 0)
    assert len(scripted.happened("id -u")) == len(asked) + 1
    said = capsys.readouterr().err
    assert f"  root shell: {template.format('COMMAND')}\n" in said
    assert said.count("  # id -u\n") == 2
    assert "  $ [ " in said


def test_a_phone_without_root_is_told_each_time(shells: Shells, scripted: ScriptedPhone) -> None:
    scripted.root = None
    for _ in range(2):
        with raises(
            DeviceError,
            "no root shell: neither `su -c` nor `su 0` gives uid 0",
            "Nothing was sent.",
            "Root the phone, and grant root to the ADB shell in its superuser app.",
        ):
            shells.root("id -u")
    scripted.root = "su -c"  # granted meanwhile
    assert shells.root("id -u").text == "0\n"


def test_the_adb_users_shell_is_not_roots(shells: Shells) -> None:
    assert shells.shell("id -u; exit 3") == Output("2000\n", 3)


def test_commands_share_a_shell_and_each_has_its_answer(shells: Shells, scripted: ScriptedPhone) -> None:
    assert shells.roots("echo a", "false", "echo c; exit 4") == [
        Output("a\n", 0),
        Output("", 1),
        Output("c\n", 4),
    ]


def test_a_command_comes_along_with_the_next_ones_once(shells: Shells, scripted: ScriptedPhone) -> None:
    shells.root("true")
    scripted.commands.clear()
    taken: list[Output] = []
    shells.after_next("echo b; exit 3", taken.append)
    assert shells.roots("echo a", "echo c") == [Output("a\n", 0), Output("c\n", 0)]
    assert taken == [Output("b\n", 3)]
    assert shells.root("echo d").text == "d\n"
    assert scripted.commands == ["echo a", "echo c", "echo b; exit 3", "echo d"]


def test_a_command_that_comes_along_and_fails_stops_nothing(shells: Shells, scripted: ScriptedPhone) -> None:
    taken: list[Output] = []
    scripted.fault("echo slow", hangs_s=99)
    shells.after_next("echo slow", taken.append)
    assert shells.root("echo a") == Output("a\n", 0)
    assert taken == []
    assert shells.root("echo b") == Output("b\n", 0)
    scripted.fault("echo dies", code=1, kills_shell=True)
    shells.after_next("echo c", taken.append)
    with pytest.raises(RequestError, match="ended early"):
        shells.roots("echo dies", "echo a")
    assert taken == []


@pytest.mark.parametrize(("says", "shown"), [NOTHING, ("a\n  b\n" * 99, ("a b " * 99)[-201:-1])])
def test_a_root_shell_that_ends_early_is_told(
    says: str, shown: str, shells: Shells, scripted: ScriptedPhone
) -> None:
    scripted.fault("echo b", code=1, says=says, kills_shell=True)
    with raises(
        RequestError,
        f"the root shell ended early, with exit code 137: {shown}",
        "The commands after it were not run.",
        "Check that root works: adb shell su -c id",
    ):
        shells.roots("echo a", "echo b", "echo c")
    assert scripted.happened("echo c") == []


@pytest.mark.parametrize(("says", "shown"), [NOTHING, ("x\ny\n", "x y"), ("z" * 300, "z" * 200)])
def test_a_command_that_must_succeed_is_told_if_it_does_not(
    says: str, shown: str, shells: Shells, scripted: ScriptedPhone
) -> None:
    scripted.fault("cat /x", code=9, says=says)
    with raises(
        RequestError,
        f"a command on the phone failed with exit code 9: {shown}",
        "The commands after it were not run.",
        "Run it by hand in `adb shell`, as root: cat /x",
    ):
        shells.read("cat /x")


def test_what_is_read_has_no_newline_at_its_end() -> None:
    assert read("x", Output("a\n\nb\r\n\n", 0)) == "a\n\nb"


@pytest.mark.parametrize("call", ["shell", "root", "roots", "read"])
def test_a_command_has_thirty_seconds_or_what_it_is_given(
    call: str, shells: Shells, scripted: ScriptedPhone
) -> None:
    shells.root_shell()
    method = getattr(shells, call)
    method("sleep 29")
    with pytest.raises(DeviceError, match="within 30 s"):
        method("sleep 31")
    method("sleep 31", timeout_s=32)
    with pytest.raises(DeviceError, match="within 5 s"):
        method("sleep 31", timeout_s=5)


def test_each_step_has_its_own_time(shells: Shells) -> None:
    steps = shells.root_steps([("sleep 9", 10), ("sleep 19", 20), ("sleep 9", 8), ("true", 1)])
    assert [next(steps).code, next(steps).code] == [0, 0]
    with pytest.raises(DeviceError, match="within 8 s"):
        next(steps)


def test_the_kernel_is_asked_over_a_new_connection(scripted: ScriptedPhone) -> None:
    handset = Handset(scripted.transport)
    before = handset.kernel()
    assert scripted.running
    assert (before.release, before.boot_id) == ("6.1.0-host", scripted.running.boot_id)
    assert before.cmdline == "console=ttyAMA0"
    scripted.reboot()
    scripted.clock.sleep(1)
    now = handset.kernel_anew(timeout_s=30)
    assert now.boot_id == scripted.running.boot_id != before.boot_id
    scripted.cut_power()
    with pytest.raises(DeviceError, match="did not come back within 2 s"):
        handset.kernel_anew(timeout_s=2)


def test_a_kernel_may_have_no_command_line(scripted: ScriptedPhone) -> None:
    assert scripted.running
    scripted.running.cmdline = ""
    assert Handset(scripted.transport).kernel().cmdline == ""
    scripted.files.remove("/proc/cmdline")
    with pytest.raises(DeviceError) as caught:
        Handset(scripted.transport).kernel()
    assert caught.value.fix.endswith(KERNEL)


def test_a_kernel_that_says_nothing_is_told(scripted: ScriptedPhone) -> None:
    handset = Handset(scripted.transport)
    for path in ("/proc/sys/kernel/random/boot_id", "/proc/cmdline"):
        scripted.show(path, lambda: "")
    with raises(
        DeviceError,
        "the phone does not say which kernel it runs: '6.1.0-host'",
        "Nothing was sent.",
        "Look at /proc on the phone: adb shell su -c 'ls /proc'",
    ):
        handset.kernel()
