"""A debugger on an arm64 guest, from its first instruction after the reset."""

from pathlib import Path

import pytest
from gdb_sessions import check_start_kernel_is_hit
from phones import VirtualPhone

from hardboot.virtual import kernel
from hardboot.virtual.target import ARM64

pytestmark = pytest.mark.e2e


def test_a_breakpoint_at_the_guests_start_kernel_is_hit_after_the_reset(
    modern_host_phone: VirtualPhone, modern_rom: Path, tmp_path: Path
) -> None:
    phone = modern_host_phone
    phone.start("--gdb")
    vmlinux = kernel.stock(ARM64).folder / "vmlinux"
    # The addresses of vmlinux hold without randomisation.
    check_start_kernel_is_hit(phone, tmp_path, vmlinux, modern_rom, "--append", "nokaslr")
    phone.restart()
