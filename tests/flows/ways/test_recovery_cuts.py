"""The connection is lost in the middle of boot --via recovery: home leaves every partition as it was."""

from pathlib import Path

import pytest
import recovering
import scripted_setup as setup
from cuts import KINDS, Cut, CutTransport, Killed, Kind
from in_process import hardboot
from scripted_phone import STOCK

from hardboot.base.errors import HardbootError
from hardboot.flows.journal import Journal
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.ways import recovery
from hardboot.flows.ways.way import Request

_STRIDE = {"request": 9, "answer": 9, "killed": 5}  # of the packets, every so many


def boot(phone: recovering.Recovering, image: Path, cut: Cut) -> HardbootError | None:
    """Boot the image, and lose the connection at `cut`; return the error."""
    found = setup.connected(phone.phone)
    found.transport = CutTransport(phone.phone, cut)
    journal = Journal(found.profile.name, found.serialno)
    try:
        ready = recovery.way.prepare(found, Request(RomFiles(image).read()), journal)
        ready.start(found, journal, wait_s=60, quiesce=False)
    except HardbootError as error:
        return error
    except Killed:
        pass
    return None


@pytest.mark.parametrize("kind", KINDS)
def test_a_cut_anywhere_leaves_nothing_that_home_does_not_put_back(tmp_path: Path, kind: Kind) -> None:
    image = setup.rom_image(tmp_path)
    whole = Cut()
    with pytest.MonkeyPatch.context() as patch:
        assert boot(recovering.install(patch, tmp_path / "whole"), image, whole) is None
    for number in range(0, whole.seen, _STRIDE[kind]):
        with pytest.MonkeyPatch.context() as patch:  # each phone has a clock of its own
            _cut_and_go_home(patch, tmp_path, image, Cut(number, kind))


def _cut_and_go_home(patch: pytest.MonkeyPatch, folder: Path, image: Path, cut: Cut) -> None:
    phone = recovering.install(patch, folder / f"{cut.at}")
    before = phone.content()
    error = boot(phone, image, cut)
    assert cut.is_lost
    phone.phone.clock.sleep(60)  # what runs on the phone runs on
    if error is not None and error.state.startswith(("Nothing was sent", "Nothing was written")):
        assert phone.content() == before, (cut, error.state)
    phone.restart()  # into the ROM, once, if the message had been written
    assert phone.command == bytes(32), cut
    if cut.seen % 2:  # another computer goes on
        patch.setenv("XDG_STATE_HOME", str(folder / f"another-{cut.at}"))
    done = hardboot("home", "--yes")
    assert done.returncode == 0, (cut, done.stderr)
    assert phone.content() == before, cut
    assert phone.phone.running
    assert phone.phone.running.kernel == STOCK
