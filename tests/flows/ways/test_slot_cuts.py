"""The connection is lost at every packet of a boot from the other slot: home ends it, no phone is lost."""

from pathlib import Path

import pytest
import scripted_setup as setup
import slotted
from cuts import KINDS, Cut, CutTransport, Killed
from scripted_phone import STOCK
from slotted import Slotted

from hardboot.base.errors import HardbootError
from hardboot.flows import home
from hardboot.flows.journal import Journal
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.ways import slot
from hardboot.flows.ways.way import Request


def boot(monkeypatch: pytest.MonkeyPatch, folder: Path, cut: Cut, *, marks: bool) -> tuple[Slotted, bool]:
    """Boot from the other slot of a new phone, and lose the connection; return whether it was lost, too.

    Args:
        monkeypatch: Undone first: hardboot lived on the clock of the phone before.
        folder: For the state of this computer.
        cut: Where.
        marks: Whether the ROM marks its slot as successful.
    """
    monkeypatch.undo()
    monkeypatch.setattr("os.fsync", lambda _file: None)  # here no power is lost
    monkeypatch.setattr("hardboot.base.temporary._remove_left_over", lambda _folder: None)
    made = slotted.install(monkeypatch, folder)
    made.marks = marks
    phone = setup.connected(made.phone)
    phone.transport = CutTransport(made.phone, cut)
    rom = Request(RomFiles(setup.rom_image(folder.parent)).read())
    try:
        ready = slot.way.prepare(phone, rom, Journal("virt-arm", "HBSCRIPT"))
        ready.start(phone, Journal("virt-arm", "HBSCRIPT"), wait_s=60, quiesce=False)
    except (HardbootError, Killed):
        return made, True
    return made, cut.is_lost  # what failed at the end is a warning


def test_a_cut_at_any_packet_is_ended_by_home_on_any_computer(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    undisturbed = Cut()
    whole, _ = boot(monkeypatch, tmp_path / "whole", undisturbed, marks=True)
    before, ran = whole.content(), set()
    for number in range(undisturbed.seen):
        made, is_cut = boot(
            monkeypatch, tmp_path / f"{number}", Cut(number, KINDS[number % 3]), marks=number % 2 == 0
        )
        assert is_cut
        made.phone.clock.sleep(200)  # it may be restarting
        if number % 5 == 0:  # its owner restarts it
            made.phone.reboot()
            made.phone.clock.sleep(60)
        assert made.phone.running
        ran.add(made.phone.running.kernel.release)
        if number % 4 == 0:  # another computer goes on
            monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / f"another-{number}"))
        phone = setup.connected(made.phone)
        home.go(phone, wait_s=60)
        assert (made.phone.running.kernel, made.started[-1:] in ([], ["a"])) == (STOCK, True), number
        assert made.content() == before, number
        again = home.go(phone, wait_s=60)
        assert (again.restarted, again.change, again.touched) == (False, None, []), number
    assert ran == {STOCK.release, "6.6.0-rom"}
