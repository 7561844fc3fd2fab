"""hardboot devices list, show, check; suggest has a file of its own."""

import json
from pathlib import Path
from typing import Any

import pytest
from in_process import on_terminal

from hardboot import profile
from hardboot.__main__ import run
from hardboot.base.files import data_dir

VIRT = (data_dir("devices") / "virt-arm.toml").read_text()


def output(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> tuple[str, str]:
    assert run(list(arguments)) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_devices_list_names_every_phone(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(output(capsys, "--json", "devices", "list")[0])
    assert [one["name"] for one in document] == profile.names()
    text, _ = output(capsys, "devices", "list")
    assert all(name in text for name in profile.names())


def test_devices_show_tells_each_fact_with_its_evidence(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(output(capsys, "--json", "devices", "show", "shamu")[0])
    facts: dict[str, Any] = {one["fact"]: one for one in document["facts"]}
    assert facts["hardboot.page"]["value"] == 0x3E9DF000
    assert facts["hardboot.page"]["status"] == "verified"
    assert "OmniEvo" in facts["hardboot.page"]["source"]
    assert facts["reserved.ramoops"]["value"] == {"start": 0x3E9E0000, "end": 0x3EAE0000}
    assert facts["hardboot.dtb_loc"]["status"] == "inferred"
    assert set(document["unknown"]) == {"ram", "bootloader"}
    assert "- ram: not published" in output(capsys, "devices", "show", "shamu")[0]


@pytest.mark.parametrize("columns", [60, 80])
@pytest.mark.parametrize("name", profile.names())
def test_every_phone_is_shown_on_a_terminal_with_all_that_is_disputed_or_unknown(
    name: str, columns: int
) -> None:
    phone = profile.load(name)
    lines = on_terminal("devices", "show", name, columns=columns)
    assert max(map(len, lines)) <= columns
    told = " ".join(" ".join(lines).split())
    for fact, entry in phone.evidence.items():
        assert all(" ".join(other.source.split()) in told for other in entry.others)
        assert entry.status != "unknown" or f"- {fact}: {' '.join(entry.source.split())}" in told
    assert all(f"- {' '.join(note.split())}" in told for note in phone.notes)


def test_a_conflict_is_shown_with_the_values_of_both_sides(capsys: pytest.CaptureFixture[str]) -> None:
    text, _ = output(capsys, "devices", "show", "m8")
    assert "0x5ed0000 (disputed)" in text
    assert "- hardboot.page: 0x5ed0000 here: Team-M8" in text
    assert "- hardboot.page: 0x5ee0000 elsewhere: what the board's code reserves" in text
    assert "- hardboot.page: 0xfd300000 elsewhere" in output(capsys, "devices", "show", "mocha")[0]
    text, _ = output(capsys, "devices", "show", "g2")
    assert "- mem_min: 0xff00000 elsewhere: Multirom-G2" in text
    assert "0x7b00000 elsewhere" in text
    document = json.loads(output(capsys, "--json", "devices", "show", "bacon")[0])
    conflicts = {one["fact"]: one["others"] for one in document["conflicts"]}
    assert conflicts["reserved.ram-console"][0]["value"] == 0x60000000
    assert conflicts["hardboot.page"][0]["value"] is None
    assert document["notes"] == list(profile.load("bacon").notes)


def test_devices_check_refuses_a_bad_file_and_passes_what_ships(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    document = json.loads(output(capsys, "--json", "devices", "check")[0])
    checked = [str(data_dir("devices") / f"{name}.toml") for name in profile.names()]
    assert document == {"checked": checked, "problems": []}
    path = tmp_path / "virt-arm.toml"
    path.write_text(VIRT.replace("page = 0x44000000", "page = 0x44100000"))
    _, errors = output(capsys, "devices", "check", str(path), code=3)
    assert "hardboot.page" in errors
    path.write_text(VIRT.replace("page = 0x44000000", "page = 44A00000"))
    _, errors = output(capsys, "devices", "check", str(path), code=3)
    assert "0x44A00000" in errors
