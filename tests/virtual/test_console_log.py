"""The log of a virtual phone's serial port does not grow for ever."""

from pathlib import Path

import pytest

from hardboot.virtual import machine


def test_a_long_log_keeps_its_last_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(machine, "_LOG_MAX", 1000)
    monkeypatch.setattr(machine, "_LOG_KEPT", 300)
    log = tmp_path / "console.log"
    machine.trim_log(log)  # there is none yet
    lines = [f"line {number:03}\n" for number in range(200)]
    log.write_text("".join(lines[:111]))
    machine.trim_log(log)
    assert log.read_text() == "".join(lines[:111])
    log.write_text("".join(lines))
    machine.trim_log(log)
    assert log.read_text() == "".join(lines[-33:])
