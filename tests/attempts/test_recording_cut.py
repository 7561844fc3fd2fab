"""The record of a start that is cut off or cannot be written, on the scripted phone."""

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from in_process import hardboot
from recorded_boots import CONSOLE, GUEST_LOG, PANIC, host_comes_back, kept, newest
from scripted_phone import HOST, Kernel, ScriptedPhone

from hardboot.attempts import store
from hardboot.attempts.attempt import Attempt
from hardboot.flows import execute


def test_ctrl_c_leaves_a_record_that_says_where(
    scripted: ScriptedPhone, rom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(execute, "quiesce_system", interrupt)
    assert hardboot("boot", rom).returncode == 130
    assert (newest().outcome, newest().outcome_text) == (
        "interrupted",
        "unknown: interrupted at phase 'quiesce'",
    )
    assert newest().ended
    hardboot("status")
    assert newest().afterwards is None, "it may be leaving right now"
    # A later command sees that the phone never left its kernel.
    scripted.clock.sleep(100)
    hardboot("status")
    assert (newest().outcome, newest().afterwards) == ("interrupted", "same")


@pytest.mark.parametrize("phase", ["push", "load", "quiesce", "reset and boot"])
def test_a_computer_that_dies_leaves_a_record_that_says_where(
    phase: str, scripted: ScriptedPhone, rom: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    child = os.fork()
    if child == 0:  # a real process, which ends at once
        write = store.write

        def write_and_die(attempt: Attempt, *, durable: bool = False) -> None:
            write(attempt, durable=durable)
            if attempt.phase == phase and attempt.phases[-1].seconds is None:
                os._exit(9)

        monkeypatch.setattr(store, "write", write_and_die)
        hardboot("boot", rom)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9
    known = newest()
    assert (known.outcome, known.phase, known.ended) == (None, phase, None)
    assert known.outcome_text == f"unknown: interrupted at phase {phase!r}"
    assert known.document()["outcome"] == "interrupted"
    assert known.phases[-1].seconds is None
    assert json.loads(kept("plan.json"))
    # The phone of this process was not touched; its ROM died meanwhile.
    scripted.start(replace(HOST, files={CONSOLE: (GUEST_LOG + PANIC).encode()}))
    assert "likely cause: the ROM's kernel crashed" in hardboot("status").stderr
    assert newest().outcome == "interrupted"


def test_a_record_that_cannot_be_written_stops_no_boot(
    scripted: ScriptedPhone, rom: Path, tmp_path: Path
) -> None:
    (tmp_path / "state/hardboot").mkdir(parents=True)
    (tmp_path / "state/hardboot/attempts").write_text("no folder")
    ran = hardboot("--json", "boot", rom)
    assert (ran.returncode, json.loads(ran.stdout)["attempt"]) == (0, None)
    assert ran.stderr.count("the record of this attempt is incomplete") == 1
    scripted.rom = Kernel("6.6.0-rom")
    scripted.start(HOST)
    host_comes_back(scripted, GUEST_LOG + PANIC)
    ran = hardboot("boot", rom)
    assert ran.returncode == 5
    assert "likely cause: the ROM's kernel crashed" in ran.stderr  # told without a record, too


@pytest.mark.parametrize(("works", "outcomes"), [(True, []), (False, ["host-came-back"])])
def test_of_a_benchmark_only_the_start_that_fails_is_recorded(
    scripted: ScriptedPhone, rom: Path, works: bool, outcomes: list[str]
) -> None:
    if not works:
        host_comes_back(scripted)
    ran = hardboot("bench", rom, "-n", "2", "--yes")
    assert ran.returncode == (0 if works else 5)
    assert [one.outcome for one in store.find_all()] == outcomes
    assert works or "hardboot attempts show" in ran.stderr
