"""An arm64 kernel crashes: the panic kernel starts without the bootloader, and the dump arrives."""

import subprocess
from pathlib import Path

import pytest
from phones import HostKernels, VirtualPhone

from hardboot.base import process

pytestmark = pytest.mark.e2e

PANIC = "Kernel panic - not syncing: sysrq triggered crash"


def test_a_panic_starts_the_kernel_that_waits_and_its_dump_can_be_read(
    modern_host_phone: VirtualPhone, modern_rom: Path, host_kernels: HostKernels, tmp_path: Path
) -> None:
    phone = modern_host_phone
    loaded = phone("--json", "load", "--panic", modern_rom, "--add-crashkernel").json
    names = {one["name"] for one in loaded["plan"]["segments"]}
    assert names == {"Image", "initrd", "dtb", "purgatory", "elfcorehdr"}
    resets = phone.status.resets
    crashed = phone("--json", "crash", "trigger", "--yes").json
    assert crashed["outcome"] == "capture-up"
    assert phone.kernel["panic_kernel"] is True
    assert phone.status.resets == resets
    dump = tmp_path / "dump"
    pulled = phone("--json", "crash", "pull", dump).json
    phone("virtual", "stop", "--name", phone.name)
    assert pulled["memory"] == (1 << 30) - (64 << 20)

    shown = phone("--json", "crash", "show", dump).json
    assert shown["arch"] == "arm64"
    assert shown["panic"]["text"] == PANIC
    assert any(line.endswith(PANIC) for line in shown["log"])
    assert "Booting Linux on physical CPU 0x0" in shown["log"][0]
    cpu = shown["cpus"][shown["panic"]["cpu"]]
    assert cpu["pid"] == shown["panic"]["process"][0]
    assert len(cpu["registers"]) == 34

    vmlinux = host_kernels["arm64-6.1"].config.with_name("vmlinux")
    moved = f"symbol-file {vmlinux} -o {shown['kernel_offset']:#x}"  # by the seed that it got
    assert shown["kernel_offset"]
    gdb = [process.find_tool("gdb-multiarch", "gdb-multiarch"), "-nx", "-batch", "-ex", moved]
    words: list[str | Path] = [*gdb, "-ex", f"core-file {dump}", "-ex", "thread apply all bt"]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert " in sysrq_handle_crash ()" in text
