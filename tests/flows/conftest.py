"""A connected phone, and an image for it."""

from pathlib import Path

import pytest
import scripted_setup as setup
from scripted_phone import ScriptedPhone

from hardboot.device.phone import Phone


@pytest.fixture
def phone(scripted: ScriptedPhone) -> Phone:
    return setup.connected(scripted)


@pytest.fixture
def new(tmp_path: Path) -> Path:
    path = tmp_path / "new.img"
    path.write_bytes(setup.STOCK_IMAGE)
    return path
