"""Power cuts in the middle of all that changes stored ROMs, on ext4: run by `make soak`."""

from pathlib import Path

import pytest
from phones import VirtualPhone
from store_cuts import Cuts

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

CUTS = 10  # for each seed
SEEDS = (1, 2, 3, 4)


@pytest.mark.timeout(3600)
@pytest.mark.parametrize("seed", SEEDS)
def test_after_a_power_cut_each_rom_is_absent_or_whole(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path, seed: int
) -> None:
    cuts = Cuts(host_phone, roms["minimal"], tmp_path, seed)
    cuts.prepare()
    for number in range(CUTS * seed, CUTS * (seed + 1)):
        cuts.cut(number)
    cuts.end()
    assert sum(cuts.results.values()) == CUTS
