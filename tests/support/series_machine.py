"""The assembly of a 32-bit series, as a patched tree has it, through real resets of QEMU's vexpress-a9."""

import json
import subprocess
import time
from collections.abc import Mapping
from pathlib import Path

from hardboot.base import process

CYCLE = Path(__file__).parent / "series_cycle"
REBOOT = 0xC0900000  # vexpress: start, write, function "reboot", for its register at 0x100000a4
KERNEL_LOC = {"CONFIG_KEXEC_HARDBOOT_MOVE_R2": 1, "CONFIG_KEXEC_HARDBOOT_KERNEL_LOC": 0x62000000}
DIRECT = {"EXPECT_R2": 0x64000000, "EXPECT_PC": 0x65000000}
MOVED = {"EXPECT_R2": 0x60800000, "EXPECT_PC": 0x62000000}
CASES: dict[str, dict[str, int]] = {
    "direct": DIRECT,
    "moved": {**MOVED, **KERNEL_LOC},
    "only the tree moved": {
        "EXPECT_R2": 0x60800000,
        "EXPECT_PC": 0x65000000,
        "CONFIG_KEXEC_HARDBOOT_MOVE_R2": 1,
    },
    "no whole words": {**MOVED, **KERNEL_LOC, "RECORD_TREE_SIZE": 0x2001, "RECORD_KERNEL_SIZE": 0xFFF},
    "bits to set": {
        **DIRECT,
        "CONFIG_KEXEC_HARDBOOT_RESET_VALUE": 0,
        "CONFIG_KEXEC_HARDBOOT_RESET_SET_BITS": REBOOT,
    },
}
_PAGE = 0x63FFF000
_VALUES = {
    "BOOT_R2": 0x60800000,
    "TREE": 0x64000000,
    "TREE_SIZE": 0x2000,
    "KERNEL": 0x65000000,
    "RECORD_TREE_SIZE": 0x2000,
    "RECORD_KERNEL_SIZE": 0x1000,
    "SYSTEM_RESET": REBOOT,
    "CONFIG_KEXEC_HARDBOOT": 1,
    "CONFIG_KEXEC_HARDBOOT_PAGE": _PAGE,
    "CONFIG_KEXEC_HARDBOOT_PAGE_SIZE": 0x1000,
    "CONFIG_KEXEC_HARDBOOT_RESET_ADDR": 0x100000A4,
    "CONFIG_KEXEC_HARDBOOT_RESET_VALUE": REBOOT,
    "CONFIG_KEXEC_HARDBOOT_RESET_SET_BITS": 0,
    "CONFIG_KEXEC_HARDBOOT_KERNEL_LOC": 0,
}


def blocks(path: Path) -> list[str]:
    """Return what a file has between `#ifdef CONFIG_KEXEC_HARDBOOT…` and its #endif."""
    found, depth, block = [], 0, ""
    for line in path.read_text().splitlines(keepends=True):
        depth += line.startswith("#if") and (depth > 0 or line.startswith("#ifdef CONFIG_KEXEC_HARDBOOT"))
        if depth:
            block += line
        if depth and line.startswith("#endif"):
            depth -= 1
            if not depth:
                found.append(block)
                block = ""
    return found


def cycle(tree: Path, folder: Path, values: Mapping[str, int], *, watchdog: bool = False) -> str:
    """Run series_cycle/cycle.S with the code of the patched `tree`; its verdict, "ok" if all is well.

    Args:
        tree: With a series in it.
        folder: For what is built.
        values: Macros that differ from the usual ones.
        watchdog: Reset the machine from outside, once the record is there and the code is seen to wait.
    """
    called, *relocation = blocks(tree / "arch/arm/kernel/relocate_kernel.S")
    assert "bne\t3f" in called
    (folder / "head.S").write_text("1:\n" + "".join(blocks(tree / "arch/arm/boot/compressed/head.S")))
    (folder / "relocation.S").write_text("".join(relocation))
    defines = [f"-D{key}={value:#x}" for key, value in {**_VALUES, **values}.items()]
    defines += ["-D__ASSEMBLY__", '-DDECOMPRESSOR="head.S"', '-DRELOCATION="relocation.S"']
    gcc = process.find_tool("arm-linux-gnueabihf-gcc", "gcc-arm-linux-gnueabihf")
    link = ["-nostdlib", "-static", "-Wl,-Ttext=0x60010000", "-Wl,--build-id=none"]
    image = folder / "cycle.elf"
    include = [f"-I{folder}", f"-I{tree / 'include'}"]
    process.run([gcc, *link, *defines, *include, CYCLE / "cycle.S", "-o", image], timeout_s=60)
    qemu = process.find_tool("qemu-system-arm", "qemu-system-arm")
    machine = [qemu, "-M", "vexpress-a9", "-m", "128", "-nic", "none", "-nographic", "-monitor", "none"]
    machine += ["-serial", "none", "-semihosting", "-kernel", str(image)]
    if watchdog:
        return reset_from_outside(machine, _PAGE)
    run = subprocess.run(machine, capture_output=True, text=True, timeout=60, check=True)
    return run.stderr.strip().splitlines()[-1]


def reset_from_outside(machine: list[str], page: int) -> str:
    """Run `machine`, and reset it once a record is in the `page` and its code is seen to wait."""
    pipe, words = subprocess.PIPE, [*machine, "-qmp", "stdio"]
    with subprocess.Popen(words, stdin=pipe, stdout=pipe, stderr=pipe, text=True) as qemu:
        send, answers = qemu.stdin, qemu.stdout
        assert send
        assert answers

        def ask(command: str, **arguments: str) -> str:
            send.write(json.dumps({"execute": command, "arguments": arguments}) + "\n")
            send.flush()
            for line in answers:
                if "return" in (answer := json.loads(line)):
                    return str(answer["return"])
            raise AssertionError("the machine ended by itself")

        def recorded() -> bool:
            return "0x4a5db007" in ask("human-monitor-command", **{"command-line": f"xp /1wx {page:#x}"})

        try:
            ask("qmp_capabilities")
            until = time.monotonic() + 30
            while not recorded():
                assert time.monotonic() < until, "no record was written"
                time.sleep(0.05)
            time.sleep(0.5)
            assert recorded(), "it did not wait"
            ask("system_reset")
            return qemu.communicate(timeout=30)[1].strip().splitlines()[-1]
        finally:
            qemu.kill()
