"""A scripted phone that keeps logs in RAM, and a configuration folder of the test's own."""

from pathlib import Path

import pytest
import scripted_setup as setup
from scripted_phone import Ramoops, ScriptedPhone

from hardboot import profile


@pytest.fixture
def own_profiles(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """Return the folder of the user's own profiles, which does not exist yet."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    return profile.own_dir()


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, own_profiles: Path) -> ScriptedPhone:
    phone = setup.phone_with_disk()
    phone.ramoops = Ramoops()
    phone.power_on()
    return setup.install(phone, monkeypatch, tmp_path / "state")
