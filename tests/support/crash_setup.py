"""A scripted phone whose kernel reserves memory for a panic kernel, and what it shows of itself."""

from dataclasses import replace
from pathlib import Path

import scripted_setup as setup
from core_builders import Dump, with_ring
from scripted_phone import HOST, Kernel, ScriptedPhone

IOMEM = """\
09000000-09000fff : pl011@9000000
40000000-7fffffff : System RAM
  40008000-4040ffff : Kernel code
  40442000-4050057f : Kernel data
  44100000-441fffff : reserved
  68000000-6bffffff : Crash kernel
"""
ZONES = """\
Node 0, zone   Normal
  start_pfn:           262144
Node 0, zone  HighMem
  pages free     3
  start_pfn:           458752
"""
CPU = "/sys/devices/system/cpu"
# What a kernel booted with crashkernel= shows, by path.
FILES: dict[str, bytes | None] = {
    "/proc/iomem": IOMEM.encode(),
    "/proc/kallsyms": b"c0008000 t _foo\nc0008200 T _stext\nc0008300 T _stextend\n",
    f"{CPU}/cpu0/crash_notes": b"6fbc1000\n",
    f"{CPU}/cpu0/crash_notes_size": b"180\n",
    f"{CPU}/cpu1/crash_notes": b"6fbd2000\n",
    f"{CPU}/cpu1/crash_notes_size": b"180\n",
    "/sys/kernel/vmcoreinfo": b"0x409b0000 1024\n",
    "/proc/zoneinfo": ZONES.encode(),
}
CRASHABLE = replace(HOST, cmdline="console=ttyAMA0 crashkernel=64M", files=FILES)


def capture_kernel(dump: Dump | bytes | None = None) -> Kernel:
    """Return a panic kernel that runs and shows the memory of the crashed one."""
    data = dump if isinstance(dump, bytes) else (dump or with_ring()).build()
    cmdline = "elfcorehdr=0x6be00000"
    return Kernel("6.6.0-panic", cmdline=cmdline, page=None, flag=None, files={"/proc/vmcore": data})


def crashable(**files: bytes | None) -> ScriptedPhone:
    """Return a phone with CRASHABLE in its boot partition, which shows `files` besides, or instead."""
    kernel = replace(CRASHABLE, files=FILES | files)
    phone = ScriptedPhone(capture=capture_kernel())
    phone.partition("boot", setup.HOST_IMAGE, size=setup.SIZE)
    phone.boots = [(setup.HOST_IMAGE, kernel)]
    phone.trees["/sys/firmware/fdt"] = setup.TREE
    phone.power_on()
    return phone


def panic_image(folder: Path) -> Path:
    """Return a boot image that can be a panic kernel."""
    return setup.rom_image(folder)
