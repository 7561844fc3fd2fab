"""A debugger on an arm64 guest, from its first instruction after the reset."""

import os
import shlex
import subprocess
from pathlib import Path

import pytest
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
    command = shlex.split(phone("virtual", "gdb", "--name", phone.name, "--vmlinux", vmlinux).out)
    at_entry = ["-ex", "info registers pc x0", "-ex", "hbreak start_kernel", "-ex", "continue"]
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
            # The addresses of vmlinux hold without randomisation.
            done = phone("--json", "boot", modern_rom, "--append", "nokaslr").json
            gdb.wait(timeout=60)
        finally:
            gdb.kill()
            gdb.wait()
    text = said.read_text()
    assert done["outcome"] == "guest-up"
    entry = next(one["start"] for one in done["loaded"]["segments"] if one["name"] == "Image")
    before, _, after = text.partition("hardboot: this is the guest's first instruction.")
    assert f"breakpoint 2, {entry:#018x} in" in before
    assert "start_kernel ()" not in before
    assert "start_kernel ()" in after
    phone.restart()
