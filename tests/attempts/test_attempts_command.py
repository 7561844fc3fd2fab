"""hardboot attempts list and show, and the completion of IDs."""

import json
from pathlib import Path

import pytest
from attempts_setup import BEGAN, attempt, keep
from in_process import hardboot

from hardboot.attempts import store
from hardboot.attempts.attempt import Failure, Image, LikelyCause, PhaseTime, RunningKernel


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


def failed() -> str:
    made = attempt(
        outcome="host-came-back",
        via="hardboot",
        command=("hardboot", "boot", "rom.img", "--append", "panic=5 quiet"),
        image=Image(name="rom.img", sha256="0" * 64, release="6.6.0"),
        host=RunningKernel(release="6.1.0", boot_id="a"),
        phases=(
            PhaseTime(name="push", began=BEGAN, seconds=1.25),
            PhaseTime(name="boot", began=BEGAN + 2, seconds=None),
        ),
        gone=BEGAN + 3,
        back=BEGAN + 9,
        reasons={"ro.boot.bootreason": "panic"},
        failure=Failure(what="it came back", state="", fix="f", exit_code=5),
        cause=LikelyCause(kind="guest-died", sentence="the ROM crashed\nat 0", fix="Read it"),
    )
    return keep(made, {"dmesg-before.txt": "x" * 2048}).id


def test_attempts_are_listed_with_their_causes() -> None:
    name = failed()
    lines = hardboot("attempts", "list").stdout.splitlines()
    assert lines == [
        f"{name}  virt-arm HB1  rom.img by hardboot: host-came-back",
        "  likely cause: the ROM crashed\\nat 0",
    ]
    (row,) = json.loads(hardboot("--json", "attempts", "list").stdout)["attempts"]
    assert (row["id"], row["cause"]["kind"]) == (name, "guest-died")
    by_address = hardboot("--json", "--serial", "127.0.0.1:5555", "attempts", "list")
    assert [one["id"] for one in json.loads(by_address.stdout)["attempts"]] == [name]
    assert json.loads(hardboot("--json", "--serial", "HB2", "attempts", "list").stdout)["attempts"] == []


def test_without_attempts_that_is_said() -> None:
    assert hardboot("attempts", "list").stdout.startswith("No attempts.")
    ran = hardboot("attempts", "show")
    assert (ran.returncode, "no attempts are kept" in ran.stderr) == (3, True)


@pytest.mark.parametrize("word", ["last", "ID", None])
def test_an_attempt_is_shown(word: str | None) -> None:
    name = failed()
    words = [name if word == "ID" else word] if word else []
    shown = hardboot("attempts", "show", *words).stdout
    rows = {line[2:].partition("  ")[0]: line[2:].partition("  ")[2].strip() for line in shown.splitlines()}
    assert rows["command"] == "hardboot boot rom.img --append 'panic=5 quiet'"  # a shell takes it as it is
    assert rows["outcome"] == "host-came-back"
    assert rows["phase push"].endswith("1.2 s")
    assert rows["phase boot"].endswith("not ended")
    assert rows["likely cause"] == "the ROM crashed\\nat 0 (guest-died)"
    assert (rows["to do"], rows["ro.boot.bootreason"], rows["error"]) == ("Read it", "panic", "it came back")
    assert "dmesg-before.txt (2.0 KiB)" in shown
    document = json.loads(hardboot("--json", "attempts", "show", *words).stdout)
    assert [Path(one).name for one in document["files"]] == ["attempt.json", "dmesg-before.txt"]
    assert document["phases"][1]["seconds"] is None


def test_ids_are_completed() -> None:
    name = failed()

    def offered(line: str) -> list[str]:
        done = hardboot(_HARDBOOT_COMPLETE="fish_complete", COMP_WORDS=line, COMP_CWORD=line.split(" ")[-1])
        return [row.split(",")[1].split("\t")[0] for row in done.stdout.splitlines() if row]

    assert offered("hardboot attempts show ") == ["last", name]
    assert offered("hardboot attempts bundle 2") == [name]
    store.folder_of(store.get(name)).joinpath("attempt.json").unlink()
    assert offered("hardboot attempts show ") == []
