"""Ctrl-C between the steps of a boot that writes to partitions, and before those of any command."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
import recovering
import scripted_setup as setup
import slotted
from flashed_roms import FlashedRoms
from in_process import hardboot
from scripted_phone import HOST, ScriptedPhone

from hardboot.attempts import recording
from hardboot.device import phone as phones
from hardboot.device import record
from hardboot.flows import restart

Content = Callable[[], object]
Install = Callable[[pytest.MonkeyPatch, Path], Content]


@dataclass
class CtrlC:
    """Comes instead of the nth of some calls."""

    nth: int
    seen: int = 0

    def __call__(self, *_: object, **__: object) -> None:
        self.seen += 1
        if self.seen == self.nth:
            raise KeyboardInterrupt


def interrupt(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def told(*words: str | Path) -> tuple[int, str]:
    """Run a command; return its exit code and the state that is told."""
    done = hardboot("--yes", *words)
    return done.returncode, done.stderr.splitlines()[-2].removeprefix("  state: ")


def flashed(patch: pytest.MonkeyPatch, folder: Path) -> Content:
    phone = setup.install(setup.phone_with_disk(), patch, folder)
    FlashedRoms(phone, phone.boot, HOST)
    return lambda: phone.boot.flash


def recovered(patch: pytest.MonkeyPatch, folder: Path) -> Content:
    return recovering.install(patch, folder).content


def in_a_slot(patch: pytest.MonkeyPatch, folder: Path) -> Content:
    return slotted.install(patch, folder).content


WAYS = pytest.mark.parametrize(
    ("install", "via"), [(flashed, "flash"), (recovered, "recovery"), (in_a_slot, "slot")]
)


@WAYS
def test_between_any_two_steps_of_a_boot_it_says_that_the_rom_may_be_in_a_partition(
    install: Install, via: str, tmp_path: Path
) -> None:
    image = setup.rom_image(tmp_path)

    def run(ctrl_c: CtrlC) -> tuple[int, str, bool]:
        with pytest.MonkeyPatch.context() as patch:
            content = install(patch, tmp_path / f"{ctrl_c.nth}")
            before = content()
            patch.setattr(recording._Record, "update", ctrl_c)
            patch.setattr(record, "remember", ctrl_c)
            code, state = told("boot", image, "--via", via)
            return code, state, content() != before

    undisturbed = CtrlC(0)
    assert run(undisturbed)[0] == 0
    left = 0
    for nth in range(1, undisturbed.seen + 1):
        code, state, changed = run(CtrlC(nth))
        assert code == 130
        assert state.startswith("The ROM ") or not changed, (nth, state)
        left += changed
    assert left > 1


@WAYS
@pytest.mark.parametrize(("where", "sent"), [("reboot", "may have been"), ("wait_for_change", "had been")])
def test_while_the_phone_restarts_it_says_where_the_rom_is_and_how_to_get_home(
    install: Install, via: str, where: str, sent: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    install(monkeypatch, tmp_path / "state")
    monkeypatch.setattr(restart, where, interrupt)
    done = hardboot("--yes", "boot", setup.rom_image(tmp_path), "--via", via)
    state, fix = done.stderr.splitlines()[-2:]
    place = {"flash": "flashed", "recovery": "in the recovery partition", "slot": "in the other slot"}[via]
    ends = f"The restart {sent} sent; which kernel runs is not known."
    assert state == f"  state: The ROM is {place}. {ends}"
    assert fix.endswith("hardboot home")


@pytest.mark.parametrize(
    "words", [("boot", "rom.img"), ("home",), ("backup",), ("status",)], ids=lambda w: w[0]
)
def test_before_the_phone_is_reached_it_says_that_nothing_was_sent(
    scripted: ScriptedPhone, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    setup.rom_image(tmp_path)
    monkeypatch.setattr(phones, "connect", interrupt)
    assert told(*words) == (130, "Nothing was sent.")


@pytest.mark.parametrize("words", [("boot", "rom.img"), ("home",)], ids=lambda w: w[0])
def test_while_an_earlier_boot_is_looked_after_it_says_that_nothing_was_done_yet(
    scripted: ScriptedPhone, words: tuple[str, ...], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    setup.rom_image(tmp_path)
    monkeypatch.setattr("hardboot.attempts.aftermath.collect", interrupt)
    code, state = told(*words)
    assert (code, state) in ((130, "Nothing was started."), (130, "Nothing was changed."))
