"""hardboot status: what it says of a host, a stock kernel, a ROM and a panic kernel."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_setup as setup
from planned import call
from scripted_phone import HOST, STOCK, ScriptedPhone


def rows(capsys: pytest.CaptureFixture[str]) -> dict[str, str]:
    out, _ = call(capsys, "status")
    return {line[2:14].strip(): line[15:] for line in out.splitlines()}


def test_a_host_shows_its_page_and_that_nothing_is_loaded(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    assert rows(capsys) == {
        "phone": "virt-arm HBSCRIPT",
        "kernel": "6.1.0-host, from the boot partition",
        "hardboot": "page 0x44000000, flag 0x4",
        "loaded": "no",
        "crash kernel": "no",
        "next": "Boot an image from RAM; a restart brings the phone's own system back: hardboot boot IMAGE",
    }


def test_a_stock_kernel_has_no_hardboot_support(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.start(STOCK)
    assert rows(capsys)["hardboot"] == "no (to add it to the kernel: hardboot patch apply TREE)"


def test_a_kernel_that_does_not_tell_what_is_loaded_is_not_guessed_at(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.start(replace(HOST, tells_loaded=False))
    assert rows(capsys)["loaded"] == "not known (this kernel does not tell)"


def test_a_rom_says_that_the_host_comes_back(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    call(capsys, "load", setup.rom_image(tmp_path))
    assert rows(capsys)["loaded"] == "rom.img (kernel 6.6.0-rom)"
    out, _ = call(capsys, "exec")
    assert out.splitlines()[-2:] == [
        "rom.img is running (kernel 6.6.0-rom).",
        "Restart the phone to return to its own system.",
    ]
    shown = rows(capsys)
    assert shown["kernel"].startswith("6.6.0-rom, ROM booted by hardboot")
    assert json.loads(call(capsys, "--json", "status")[0])["guest"] is True


def test_a_word_that_only_begins_like_elfcorehdr_makes_no_panic_kernel(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.start(HOST, cmdline="elfcorehdr_like=1 quiet")
    document = json.loads(call(capsys, "--json", "status")[0])
    assert (document["panic_kernel"], document["guest"]) == (False, False)
    scripted.start(HOST, cmdline="quiet elfcorehdr=0x1000")
    assert json.loads(call(capsys, "--json", "status")[0])["panic_kernel"] is True


def test_without_a_hardboot_page_a_rom_is_told_from_a_stock_kernel(
    scripted: ScriptedPhone, capsys: pytest.CaptureFixture[str]
) -> None:
    scripted.start(STOCK, cmdline="androidboot.hardboot=0123abcd")
    assert rows(capsys)["hardboot"] == "no (a ROM is running; the host kernel comes back after a restart)"
