"""Many cycles in a row, alternating ROMs: run by `make soak`."""

from pathlib import Path

import pytest
from phones import VirtualPhone

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

CYCLES = 20


@pytest.mark.timeout(3600)
def test_twenty_hardboots_in_a_row(host_phone: VirtualPhone, roms: dict[str, Path]) -> None:
    before = host_phone.boot_partition_sha256()
    names = list(roms)
    for cycle in range(CYCLES):
        name = names[cycle % len(names)]
        resets = host_phone.status.resets
        content = host_phone.write_unsynced()
        done = host_phone("--json", "boot", roms[name]).json
        assert done["outcome"] == "guest-up"
        assert host_phone.unsynced() == content
        assert not host_phone.journal_was_replayed()
        assert done["guest"]["release"].endswith("-armmp") == (name == "debian")
        # Out of the guest through the bootloader, as a user would.
        host_phone.run("su -c 'reboot </dev/null >/dev/null 2>&1 &'")
        host_phone.wait(resets + 1)
        assert host_phone.kernel["hardboot"]["page"] == 0x44000000
        assert host_phone.status.resets == resets + 2
        seconds = sum(phase["seconds"] for phase in done["phases"])
        print(f"cycle {cycle + 1:2} of {CYCLES}: {name:8} {done['guest']['release']:16} {seconds:5.1f} s")
    assert host_phone.boot_partition_sha256() == before
