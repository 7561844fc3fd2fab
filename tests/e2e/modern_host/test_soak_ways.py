"""A hundred boots in a row on the phone with slots, by every way it has: run by `make soak`."""

from pathlib import Path

import every_way
import pytest
from phones import VirtualPhone

from hardboot.virtual import modern

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

PARTITIONS = tuple(f"{name}_{slot}" for name in modern.IMAGES for slot in "ab")


@pytest.mark.timeout(7200)
def test_a_hundred_boots_by_every_way_in_turn(modern_host_phone: VirtualPhone, modern_rom: Path) -> None:
    ways: dict[str, list[str | Path]] = {
        "hardboot": [modern_rom],
        "soft": [modern_rom],
        "fastboot": [modern_rom, "--as-v2"],
        "slot": [modern_rom],
        "flash": [modern_rom],
    }
    every_way.boot_in_turn(modern_host_phone, ways, 100, PARTITIONS)
