"""The ROM that starts on the phone when none is named; it follows the ROM of that name."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import store_setup as setup
from cuts import KINDS, Cut, CutTransport, Killed
from in_process import hardboot
from store_setup import StorePhone

from hardboot.base.errors import HardbootError, RefusedError
from hardboot.flows.store import add, default, stored


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return setup.with_linux(monkeypatch, tmp_path)


def test_the_default_is_kept_on_the_phone_and_follows_its_rom(phone: StorePhone) -> None:
    file = "/data/hardboot/default"

    def chosen() -> bytes:
        node = phone.scripted.files.find(file)
        assert node
        return node.read()

    assert default.ask(phone.phone) is None
    assert hardboot("rom", "default", "linux").stdout == "Default: linux\n"
    assert chosen() == b"linux\n"
    assert hardboot("rom", "list").stdout.splitlines()[0].endswith("(default)")
    assert hardboot("rom", "rename", "linux", "bookworm").returncode == 0
    assert chosen() == b"bookworm\n"
    assert hardboot("--yes", "rom", "remove", "bookworm").returncode == 0
    assert chosen() == b"home\n"
    assert default.ask(phone.phone) is None


def test_only_a_rom_that_is_there_can_be_the_default(phone: StorePhone) -> None:
    done = hardboot("rom", "default", "linus")
    assert done.returncode == 3
    assert "there is no ROM linus on this phone" in done.stderr
    assert hardboot("rom", "default", "home").stdout == "Default: home\n"


def test_home_can_be_the_default_where_nothing_was_ever_stored(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    setup.connected(monkeypatch, tmp_path)
    assert hardboot("rom", "default", "home").stdout == "Default: home\n"


def test_no_rom_can_be_called_home(phone: StorePhone) -> None:
    done = hardboot("rom", "rename", "linux", "home")
    assert done.returncode == 3
    assert "no ROM can be called home: that is the phone's own system" in done.stderr


def test_what_the_phone_says_is_the_default_is_not_believed(phone: StorePhone) -> None:
    for content in (b"../x\n", b"\x1b[2J\n", b"a b\n", b""):
        phone.scripted.add_file("/data/hardboot/default", content.decode())
        assert default.ask(phone.phone) is None


@pytest.mark.parametrize(
    "change",
    [
        lambda phone: stored.rename(phone.phone, "linux", "bookworm"),
        lambda phone: stored.remove(phone.phone, "linux"),
    ],
    ids=["rename", "remove"],
)
def test_a_cut_never_leaves_a_default_that_no_rom_has(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: Callable[[StorePhone], None]
) -> None:
    def cut_off(number: int | None) -> int:
        folder = tmp_path / str(number)
        folder.mkdir()
        phone = setup.with_linux(monkeypatch, folder)
        default.choose(phone.phone, "linux")
        cut = Cut(number, KINDS[(number or 0) % len(KINDS)])
        phone.phone.transport = CutTransport(phone.scripted, cut)
        with contextlib.suppress(HardbootError, Killed):
            change(phone)
        again = setup.reconnected(phone)
        assert default.ask(again.phone) in {None, *stored.look(again.phone).names}
        return cut.seen

    for number in range(cut_off(None)):
        cut_off(number)


def test_a_refused_change_leaves_the_default(phone: StorePhone, tmp_path: Path) -> None:
    other = setup.linux(tmp_path, name="other")
    add.add(phone.phone, other, add.check(phone.phone, other))
    default.choose(phone.phone, "linux")
    with pytest.raises(RefusedError, match="there is a ROM other on this phone already"):
        stored.rename(phone.phone, "linux", "other")
    assert default.ask(phone.phone) == "linux"
