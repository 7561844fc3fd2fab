"""Fixtures: a ROM whose mark is known."""

from pathlib import Path

import pytest
import recorded_boots
import scripted_setup as setup

from hardboot.device import mark as marks


@pytest.fixture
def rom(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(marks, "new", lambda: recorded_boots.MARK)
    return setup.rom_image(tmp_path)
