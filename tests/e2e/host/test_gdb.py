"""A debugger on the guest, from its first instruction after the reset."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot.virtual import kernel

pytestmark = pytest.mark.e2e


def test_a_breakpoint_at_the_guests_start_kernel_is_hit_after_the_reset(
    host_phone: VirtualPhone, roms: dict[str, Path], tmp_path: Path
) -> None:
    refused = host_phone("virtual", "gdb", code=5)
    assert "virtual start --gdb" in refused.three_lines[2]
    host_phone("virtual", "stop")
    host_phone.hardboot.process("virtual", "start", "--gdb")
    vmlinux = kernel.stock().folder / "vmlinux"
    command = shlex.split(host_phone("virtual", "gdb", "--vmlinux", vmlinux).out)
    at_entry = ["-ex", "info registers pc r0 r2", "-ex", "hbreak start_kernel", "-ex", "continue"]
    resets = host_phone.status.resets
    said = tmp_path / "gdb"
    with said.open("wb") as output:
        gdb = subprocess.Popen(
            [*command, "-nx", "-batch", *at_entry, "-ex", "info registers pc"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "TERM": "dumb"},
        )
        try:
            done = host_phone("--json", "boot", roms["minimal"]).json
            gdb.wait(timeout=60)
        finally:
            gdb.kill()
            gdb.wait()
    text = said.read_text()
    assert done["outcome"] == "guest-up"
    assert host_phone.status.resets == resets + 1
    entry = next(one["start"] for one in done["loaded"]["segments"] if one["name"] == "zImage")
    before, _, after = text.partition("hardboot: this is the guest's first instruction.")
    assert f"breakpoint 2, {entry:#x} in" in before
    assert "start_kernel ()" not in before
    assert "start_kernel ()" in after
    host_phone.restart()
