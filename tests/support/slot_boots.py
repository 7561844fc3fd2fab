"""`boot --via slot` and `home` on a scripted phone, as tests run them."""

import json
from pathlib import Path
from typing import Any

import pytest
import scripted_setup as setup
import slotted
from in_process import hardboot
from slotted import Slotted

NOTHING = "Nothing was sent."
ANOTHER = (
    "slot b holds another system than slot a (vbmeta differs): an Android ROM would run it with your data"
)
LIMITED = "misc holds no valid boot control block"


@pytest.fixture
def phone(image: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Slotted:
    monkeypatch.setenv("PATH", str(image.parent))  # without fastboot, auto comes to the slots
    return slotted.install(monkeypatch, tmp_path / "state")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return setup.rom_image(tmp_path)


def boot(image: Path, *words: str, code: int = 0) -> Any:
    """Return the JSON document of `boot --via slot`."""
    done = hardboot("--json", "boot", image, "--via", "slot", *words)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def error(image: Path, *words: str, code: int) -> tuple[str, str, str]:
    """Return the three lines of the error with which `boot --via slot` ends."""
    done = hardboot("boot", image, "--via", "slot", *words)
    assert done.returncode == code, done.stderr
    what, state, fix = done.stderr.splitlines()[-3:]
    return what.removeprefix("hardboot: "), state.removeprefix("  state: "), fix.removeprefix("  to do: ")


def restart(phone: Slotted) -> None:
    """Restart it without hardboot, and wait."""
    phone.phone.reboot()
    phone.phone.clock.sleep(60)


def home() -> Any:
    """Return the JSON document of `hardboot home`."""
    done = hardboot("--json", "home", "--yes")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def no_control(phone: Slotted) -> None:
    """Leave no boot control block in misc."""
    phone.devices["misc"].flash = bytes(setup.SIZE)
    phone.devices["misc"].drop()
