"""Power cuts in the middle of all that changes stored ROMs, on f2fs: run by `make soak`."""

from pathlib import Path

import pytest
from phones import VirtualPhone
from store_cuts import Cuts

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

CUTS = 40
SEED = 20261128


@pytest.mark.timeout(7200)
def test_after_a_power_cut_each_rom_is_absent_or_whole(
    modern_host_phone: VirtualPhone, modern_rom: Path, tmp_path: Path
) -> None:
    cuts = Cuts(modern_host_phone, modern_rom, tmp_path, SEED)
    cuts.prepare()
    for number in range(CUTS):
        cuts.cut(number)
    cuts.end()
    assert sum(cuts.results.values()) == CUTS
