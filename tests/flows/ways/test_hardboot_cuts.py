"""The connection is lost at each packet of a boot from RAM: what is said is true, the next boot works."""

from pathlib import Path

import pytest
import scripted_setup as setup
from cuts import KINDS, Cut, CutTransport, Killed, Kind
from scripted_phone import HOST, ScriptedPhone

from hardboot.base.errors import DeviceError, HardbootError
from hardboot.device import record
from hardboot.device.phone import Phone
from hardboot.flows import home, restart
from hardboot.flows.journal import GUEST_UP, Journal
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.ways import kexec
from hardboot.flows.ways.way import Request

NOT_STARTED = ("Nothing was sent", "Nothing was loaded", "Nothing was started", "nothing was started")


def new_phone(monkeypatch: pytest.MonkeyPatch, folder: Path) -> ScriptedPhone:
    monkeypatch.undo()  # hardboot lived on the clock of the phone before
    monkeypatch.setattr("os.fsync", lambda _file: None)  # here no power is lost
    return setup.install(setup.phone_with_disk(), monkeypatch, folder)


def boot(phone: Phone, image: Path) -> str | None:
    """Boot it, and return the outcome."""
    journal = Journal("virt-arm", "HBSCRIPT")
    ready = kexec.hardboot.prepare(phone, Request(RomFiles(image).read()), journal)
    ready.start(phone, journal, wait_s=60, quiesce=True)
    return journal.outcome


def boot_anew(scripted: ScriptedPhone, image: Path) -> str | None:
    """Boot it, after a restart if the cut came when the file systems were read-only already."""
    try:
        return boot(setup.connected(scripted), image)
    except DeviceError as refused:
        if not refused.fix.endswith("until a restart: hardboot reboot"):
            raise
    restart.restart(setup.connected(scripted), wait_s=60)
    return boot(setup.connected(scripted), image)


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_at_any_packet_is_told_truly_and_the_next_boot_works(
    kind: Kind, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    image = setup.rom_image(tmp_path)
    undisturbed = Cut()
    scripted = new_phone(monkeypatch, tmp_path / "first")
    phone = setup.connected(scripted)
    phone.transport = CutTransport(scripted, undisturbed)
    assert boot(phone, image) == GUEST_UP
    assert undisturbed.seen > 8
    ran = set()
    for number in range(undisturbed.seen):
        at = f"{kind} {number}"
        scripted = new_phone(monkeypatch, tmp_path / f"{number}")
        flash = bytes(scripted.boot.flash)
        phone = setup.connected(scripted)
        phone.transport = CutTransport(scripted, Cut(number, kind))
        error = None
        try:
            boot(phone, image)
        except HardbootError as caught:
            error = caught
        except Killed:
            pass
        assert error or kind == "killed", at
        scripted.clock.sleep(200)  # what runs on the phone runs on
        assert scripted.running, at
        ran.add(scripted.running.kernel.release)
        if error and any(text in error.state for text in NOT_STARTED):
            assert scripted.running.kernel == HOST, (at, error.state)
        if error:  # a retry is safe, or the phone must be looked at first
            assert error.exit_code == (6 if "Nothing was flashed" in error.state else 5), (at, error.state)
        if error and "was reset" in error.what:
            assert scripted.running.kernel != HOST, (at, error.what)
        again = setup.connected(scripted)
        if record.is_guest(again.kernel()):
            home.go(again, wait_s=60)
        assert scripted.running.kernel == HOST, at
        assert boot_anew(scripted, image) == GUEST_UP, at
        assert bytes(scripted.boot.flash) == flash, at
    assert ran == {HOST.release, "6.6.0-rom"}
