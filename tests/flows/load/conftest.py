"""A ROM to load, and a journal for it."""

from pathlib import Path

import pytest
import scripted_setup as setup

from hardboot.flows import rom
from hardboot.flows.journal import Journal
from hardboot.flows.rom import Rom


@pytest.fixture
def image(tmp_path: Path) -> Rom:
    return rom.read(setup.rom_image(tmp_path, cmdline=b"console=ttyAMA0 quiet"))


@pytest.fixture
def journal() -> Journal:
    return Journal("virt-arm", "HBSCRIPT")
