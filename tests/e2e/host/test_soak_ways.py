"""A hundred boots in a row on the 32-bit phone, by every way it has: run by `make soak`."""

from pathlib import Path

import every_way
import pytest
from phones import VirtualPhone

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

WAYS = ("hardboot", "soft", "fastboot", "recovery", "flash")


@pytest.mark.timeout(7200)
def test_a_hundred_boots_by_every_way_in_turn(host_phone: VirtualPhone, roms: dict[str, Path]) -> None:
    ways = {way: [roms["minimal"]] for way in WAYS}
    every_way.boot_in_turn(host_phone, ways, 100, ("misc", "boot", "recovery"))
