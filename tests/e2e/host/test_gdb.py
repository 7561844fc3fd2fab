"""A debugger on the guest, from its first instruction after the reset."""

from pathlib import Path

import pytest
from gdb_sessions import check_start_kernel_is_hit
from phones import VirtualPhone

from hardboot.virtual import kernel

pytestmark = pytest.mark.e2e


def test_a_breakpoint_at_the_guests_start_kernel_is_hit_after_the_reset(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    refused = host_phone("virtual", "gdb", code=5)
    assert "virtual start --gdb" in refused.three_lines[2]
    host_phone.start("--gdb")
    check_start_kernel_is_hit(host_phone, tmp_path, kernel.stock().folder / "vmlinux", roms["minimal"])
    host_phone.restart()
