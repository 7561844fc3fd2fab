"""hardboot devices suggest writes a profile that hardboot devices check accepts."""

import json
from pathlib import Path

import pytest
from copied_files import shamu

from hardboot.__main__ import run


def call(capsys: pytest.CaptureFixture[str], *words: str | Path, code: int = 0) -> tuple[str, str]:
    assert run([str(word) for word in words]) == code
    captured = capsys.readouterr()
    return captured.out, captured.err


def test_the_command_writes_a_file_that_devices_check_accepts(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    where, target = shamu(tmp_path / "files"), tmp_path / "shamu.toml"
    out, err = call(capsys, "devices", "suggest", "--from", where, "-o", target)
    assert "hardboot.page: 0x3e9df000: directly below ramoops" in out
    assert "mem_min: 0x8000000 here, 0x20000000 in shamu.toml" in err
    assert "1 profile checked, no problems" in call(capsys, "devices", "check", target)[0]
    text, _ = call(capsys, "devices", "suggest", "--from", where)
    assert text == target.read_text()
    document = json.loads(call(capsys, "--json", "devices", "suggest", "--from", where)[0])
    assert document["hardboot_page"] == 0x3E9DF000
    assert document["profile"] == text
    assert set(document["unknown"]) == {"bootloader", "reset", "image"}
    assert document["reasons"]["mem_min"].startswith("the lowest multiple of 16 MiB above")
