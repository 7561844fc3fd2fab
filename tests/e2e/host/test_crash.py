"""The kernel crashes: what waits starts without the bootloader, and the dump arrives; or the log is kept."""

import hashlib
import subprocess
from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot.base import process
from hardboot.base.files import cache_dir

pytestmark = pytest.mark.e2e

PANIC = "Kernel panic - not syncing: sysrq triggered crash"


def vmlinux_of(zimage: Path) -> Path:
    """Return the kernel with its symbols, kept in the cache beside the image."""
    wanted = zimage.read_bytes()
    known = cache_dir().glob("kernels/*/image")
    return next(path.with_name("vmlinux") for path in known if path.read_bytes() == wanted)


def test_a_panic_starts_the_kernel_that_waits_and_its_dump_arrives(
    host_phone: VirtualPhone, roms: dict[str, Path], host_zimage: Path, tmp_path: Path
) -> None:
    refused = host_phone("load", "--panic", roms["minimal"], code=4)
    assert "no 'Crash kernel' in /proc/iomem" in refused.three_lines[0]
    assert "crashkernel=64M" in refused.three_lines[2]
    loaded = host_phone("--json", "load", "--panic", roms["minimal"], "--add-crashkernel").json
    crash_memory = [0x68000000, 0x6C000000]
    assert all(
        crash_memory[0] <= one["start"] < one["end"] <= crash_memory[1] for one in loaded["plan"]["segments"]
    )
    assert host_phone.kernel["kexec_crash_loaded"] is True
    status, seen = host_phone.status, host_phone.status.console.stat().st_size

    crashed = host_phone("--json", "crash", "trigger", "--yes").json
    assert crashed["outcome"] == "capture-up"
    assert host_phone.kernel["panic_kernel"] is True
    assert host_phone.status.resets == status.resets
    console = status.console.read_bytes()[seen:].decode(errors="replace")
    assert PANIC in console
    assert "Loading crashdump kernel" in console
    assert "U-Boot" not in console

    dump = tmp_path / "dump"
    pulled = host_phone("--json", "crash", "pull", dump).json
    assert pulled["sha256"] == hashlib.sha256(dump.read_bytes()).hexdigest()
    assert pulled["memory"] == (1 << 30) - (64 << 20)
    assert pulled["free"] > pulled["memory"] // 2
    assert pulled["size"] == dump.stat().st_size < 100 << 20
    host_phone.restart()

    shown = host_phone("--json", "crash", "show", dump).json
    assert shown["panic"]["text"] == PANIC
    assert any(line.endswith(PANIC) for line in shown["log"])
    assert shown["log"][0].endswith("Booting Linux on physical CPU 0x0")
    assert shown["ram"] == [
        {"start": 0x40000000, "end": crash_memory[0]},
        {"start": crash_memory[1], "end": 0x80000000},
    ]
    cpu = shown["cpus"][shown["panic"]["cpu"]]
    assert cpu["pid"] == shown["panic"]["process"][0]
    lines = host_phone("crash", "show", dump).out.splitlines()
    assert any(PANIC in line for line in lines)
    assert any("panicked, process" in line for line in lines)

    readelf: list[str | Path] = [process.find_tool("readelf", "binutils"), "-hnW", dump]
    text = subprocess.run(readelf, capture_output=True, text=True, check=True, timeout=60).stdout
    assert "CORE (Core file)" in text
    assert text.count("NT_PRSTATUS") == 2
    gdb = [
        process.find_tool("gdb-multiarch", "gdb-multiarch"),
        "-nx",
        "-batch",
        "-ex",
        "thread apply all bt 16",
    ]
    words: list[str | Path] = [*gdb, vmlinux_of(host_zimage), dump]
    text = subprocess.run(words, capture_output=True, text=True, check=True, timeout=60).stdout
    assert " in sysrq_handle_crash ()" in text


def test_a_panic_with_nothing_loaded_restarts_the_phone_and_its_log_is_kept(host_phone: VirtualPhone) -> None:
    resets = host_phone.status.resets
    host_phone.run("su -c 'echo 1 > /proc/sys/kernel/panic'")  # seconds until it restarts, with busy CPUs
    asked = host_phone("crash", "trigger", code=4)
    assert "no panic kernel is loaded" in asked.three_lines[0]
    assert host_phone("--json", "crash", "trigger", "--yes").json["outcome"] == "restarted"
    assert host_phone.status.resets == resets + 1
    assert PANIC in host_phone("log").out
    kept = host_phone("--json", "log", "--all").json["logs"]
    assert any(PANIC in one["text"] for one in kept)
    refused = host_phone("crash", "pull", "/nowhere/dump", code=4)
    assert "there is no dump" in refused.three_lines[0]
