"""`boot --via recovery` on a scripted phone, as tests run it."""

import json
from pathlib import Path
from typing import Any

import msgspec
import pytest
import recovering
import scripted_setup as setup
from in_process import hardboot
from recovering import Recovering
from scripted_phone import Kernel

from hardboot import profile

NOTHING = "Nothing was sent."


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Recovering:
    return recovering.install(monkeypatch, tmp_path / "state")


@pytest.fixture
def image(tmp_path: Path) -> Path:
    return setup.rom_image(tmp_path)


def boot(image: Path, *words: str, code: int = 0) -> Any:
    """Return the JSON document of `boot --via recovery`."""
    done = hardboot("--json", "boot", image, "--via", "recovery", *words)
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def error(image: Path, *words: str, code: int) -> tuple[str, str, str]:
    """Return the three lines of the error with which `boot --via recovery` ends."""
    done = hardboot("boot", image, "--via", "recovery", *words)
    assert done.returncode == code, done.stderr
    return told(done.stderr)


def told(text: str) -> tuple[str, str, str]:
    """Return the three lines at the end of what was printed as an error."""
    what, state, fix = text.splitlines()[-3:]
    return what.removeprefix("hardboot: "), state.removeprefix("  state: "), fix.removeprefix("  to do: ")


def kernel_of(phone: Recovering) -> Kernel | None:
    return phone.phone.running.kernel if phone.phone.running else None


def with_profile(monkeypatch: pytest.MonkeyPatch, **changes: Any) -> None:
    known = msgspec.structs.replace(setup.small_profile(), **changes)
    monkeypatch.setattr(profile, "match", lambda _product: known)
