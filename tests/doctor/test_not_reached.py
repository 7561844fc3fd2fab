"""hardboot doctor without a phone that answers: why, and what to do; it never fails."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from planned import call

from hardboot.virtual import machine

REBOOT = 'if [ "$1" = devices ]; then echo "FB1 fastboot"; elif [ "$4" = unlocked ]; then {}; fi'


def look(
    capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Return the lines of the phone, and the next steps."""
    document: dict[str, Any] = json.loads(call(capsys, "--json", "doctor", *words)[0])
    assert document["serial"] is None
    assert len(document["computer"]) == 5
    return document["phone"], document["next_steps"]


def commands(steps: list[dict[str, str]]) -> list[str]:
    return [step["command"] for step in steps]


def test_without_a_phone_one_is_to_be_plugged_in_or_rehearsed_on(
    install: Callable[[str, str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    (line,), steps = look(capsys)
    assert (line["name"], line["state"]) == ("connection", "not")
    assert line["value"].startswith("no phone: no ADB server runs")
    assert steps == [
        {"what": "Plug a phone in, turn on USB debugging, and look again", "command": "hardboot doctor"},
        {"what": "Rehearse on a virtual phone", "command": "hardboot virtual start"},
    ]


def test_of_several_phones_each_can_be_looked_at(
    install: Callable[[str, str], Path], adb_server: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    adb_server.update({"A 1": "device", "B": "device", "C": "offline"})
    (line,), steps = look(capsys)
    assert line["value"] == "2 phones are connected: A 1, B"
    assert commands(steps) == ["hardboot doctor --serial 'A 1'", "hardboot doctor --serial B"]


@pytest.mark.parametrize(
    ("state", "what", "to_do"),
    [
        ("unauthorized", "does not trust this computer yet", "Unlock the phone, confirm its dialog"),
        ("offline", "is offline", "Check the cable"),
        ("no permissions; see udev", "may not be used by this computer's user", "Add a udev rule"),
    ],
)
def test_a_phone_that_is_not_ready_says_what_to_do(
    state: str,
    what: str,
    to_do: str,
    install: Callable[[str, str], Path],
    adb_server: dict[str, str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    adb_server["A"] = state
    for words, again in (((), "hardboot doctor"), (("--serial", "A"), "hardboot doctor --serial A")):
        (line,), steps = look(capsys, *words)
        assert line["state"] == "not"
        assert what in line["value"]
        assert commands(steps) == [again]
        assert steps[0]["what"].startswith(to_do)


def test_a_serial_that_nobody_has_is_no_failure(
    install: Callable[[str, str], Path], adb_server: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    (line,), steps = look(capsys, "--serial", "X")
    assert line["value"] == "no phone 'X': the ADB server lists none"
    assert commands(steps) == ["hardboot doctor --serial X"]


@pytest.mark.parametrize(
    ("says", "state", "steps"),
    [
        ("echo 'unlocked: yes' >&2", "ok", ["fastboot -s FB1 boot IMAGE", "fastboot -s FB1 reboot"]),
        ("echo '(bootloader) unlocked: no' >&2", "not", ["fastboot -s FB1 reboot"]),
        ("echo unknown; exit 1", "unknown", ["fastboot -s FB1 reboot"]),
        ("echo unlocked:; echo yes", "unknown", ["fastboot -s FB1 reboot"]),
    ],
)
def test_a_phone_in_fastboot_tells_its_lock(
    says: str,
    state: str,
    steps: list[str],
    install: Callable[[str, str], Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    install("fastboot", REBOOT.format(says))
    lines, found = look(capsys)
    assert [(line["name"], line["state"]) for line in lines] == [("connection", "ok"), ("lock", state)]
    assert lines[0]["value"].startswith("FB1 is in its bootloader (fastboot)")
    assert commands(found) == steps


def test_a_phone_in_fastboot_is_not_the_one_that_is_wanted(
    install: Callable[[str, str], Path], adb_server: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    install("fastboot", REBOOT.format("echo unlocked: yes"))
    (line,), _ = look(capsys, "--serial", "X")
    assert line["value"].startswith("no phone 'X'")


def test_a_virtual_phone_in_fastboot_is_found_by_its_address(
    install: Callable[[str, str], Path], capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    install("fastboot", 'if [ "$2" = udp:127.0.0.1:1 ]; then echo "$4: yes"; fi')
    status = machine.status("virt-arm64")

    def running() -> list[machine.Status]:
        return [
            machine.Status(
                **{**vars(status), "running": True, "serial": "127.0.0.1:1", "fastboot": "udp:127.0.0.1:1"}
            )
        ]

    monkeypatch.setattr(machine, "running", running)
    lines, steps = look(capsys)
    assert lines[0]["value"].startswith("udp:127.0.0.1:1 is in its bootloader")
    assert commands(steps)[0] == "fastboot -s udp:127.0.0.1:1 boot IMAGE"


def test_a_wrong_profile_is_the_users_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    call(capsys, "doctor", "--device", "nonesuch", code=3)
