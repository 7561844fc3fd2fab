"""hardboot probe --ranges finds what U-Boot overwrites, as a dump of the phone's RAM does."""

from pathlib import Path

import pytest
from phones import VirtualPhone
from ram_dumps import check_ranges

pytestmark = pytest.mark.e2e

KERNEL = 0x42000000  # where the header says, and U-Boot jumps to


def test_the_pages_that_u_boot_overwrites_are_those_of_an_independent_dump(
    host_phone: VirtualPhone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    check_ranges(host_phone, KERNEL)
