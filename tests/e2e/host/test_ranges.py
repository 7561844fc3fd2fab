"""hardboot probe --ranges finds what U-Boot overwrites, as a dump of the phone's RAM does."""

from pathlib import Path

import pytest
from phones import VirtualPhone
from ram_dumps import overwritten, with_ram_file

pytestmark = pytest.mark.e2e

KERNEL = 0x42000000  # where the header says, and U-Boot jumps to
RANGES = ("0x40000000-0x42000000", "0x7e000000-0x80000000")  # one round: QEMU's tree, the kernel, U-Boot


def test_the_pages_that_u_boot_overwrites_are_those_of_an_independent_dump(
    host_phone: VirtualPhone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    words = [word for one in RANGES for word in ("--range", one)]
    with with_ram_file(host_phone) as ram:
        done = host_phone("--json", "probe", "--ranges", "--yes", *words).json
        assert host_phone.is_host
        tested = [(one["start"], one["end"]) for one in done["tested"]]
        dumped = overwritten(host_phone, ram, KERNEL, tested)
    assert sum(end - start for start, end in tested) == 64 << 20
    assert {page for one in done["changed"] for page in range(one["start"], one["end"], 4096)} == dumped
    assert len(dumped) > 5000
    assert done["new"] == [], "the profile knows all of it"
