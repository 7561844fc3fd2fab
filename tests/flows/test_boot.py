"""boot, end to end on the scripted phone."""

from pathlib import Path

import scripted_setup as setup
from scripted_phone import ScriptedPhone

from hardboot.flows import boot, load, rom
from hardboot.flows.journal import GUEST_UP, Journal


def test_an_image_is_loaded_and_started(scripted: ScriptedPhone, tmp_path: Path) -> None:
    phone = setup.connected(scripted)
    journal = Journal("virt-arm", scripted.serialno)
    prepared = load.prepare(phone, rom.read(setup.rom_image(tmp_path)), journal)
    boot.boot(phone, prepared, journal, wait_s=100)
    assert journal.outcome == GUEST_UP
    assert journal.guest
    assert journal.guest.release == "6.6.0-rom"
    assert prepared.mark in journal.guest.cmdline
