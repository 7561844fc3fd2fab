"""A debugger on the guest of a virtual phone."""

import os
import re
import shlex
import subprocess
from pathlib import Path

from phones import VirtualPhone

_START_KERNEL_S = 60


def check_start_kernel_is_hit(phone: VirtualPhone, folder: Path, vmlinux: Path, *boot: str | Path) -> None:
    """Boot with a breakpoint at the guest's start_kernel: gdb is at its first instruction, then there.

    Args:
        phone: Runs its host kernel; it was started with --gdb.
        folder: For what gdb prints.
        vmlinux: Of the guest.
        boot: Words of `hardboot boot`.
    """
    command = shlex.split(phone("virtual", "gdb", "--name", phone.name, "--vmlinux", vmlinux).out)
    to_start_kernel = ["-ex", "info registers pc", "-ex", "hbreak start_kernel", "-ex", "continue"]
    resets = phone.status.resets
    said = folder / "gdb"
    with said.open("wb") as output:
        gdb = subprocess.Popen(
            [*command, "-nx", "-batch", *to_start_kernel, "-ex", "info registers pc"],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            env={**os.environ, "TERM": "dumb"},
        )
        try:
            done = phone("--json", "boot", *boot).json
            gdb.wait(timeout=_START_KERNEL_S)
        finally:
            gdb.kill()
            gdb.wait()
    assert done["outcome"] == "guest-up"
    assert phone.status.resets == resets + 1
    (entry,) = [one["start"] for one in done["loaded"]["segments"] if one["name"] in ("zImage", "Image")]
    before, _, after = said.read_text().partition("hardboot: this is the guest's first instruction.")
    assert re.search(rf"breakpoint 2, 0x0*{entry:x} in", before), before
    assert "start_kernel ()" not in before
    assert "start_kernel ()" in after, after
