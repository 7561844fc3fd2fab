"""The assembly of a 32-bit series, as a patched tree has it, through real resets of QEMU's vexpress-a9."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from hardboot import process

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
_VALUES = {
    "BOOT_R2": 0x60800000,
    "TREE": 0x64000000,
    "TREE_SIZE": 0x2000,
    "KERNEL": 0x65000000,
    "RECORD_TREE_SIZE": 0x2000,
    "RECORD_KERNEL_SIZE": 0x1000,
    "SYSTEM_RESET": REBOOT,
    "CONFIG_KEXEC_HARDBOOT": 1,
    "CONFIG_KEXEC_HARDBOOT_PAGE": 0x63FFF000,
    "CONFIG_KEXEC_HARDBOOT_PAGE_SIZE": 0x1000,
    "CONFIG_KEXEC_HARDBOOT_RESET_ADDR": 0x100000A4,
    "CONFIG_KEXEC_HARDBOOT_RESET_VALUE": REBOOT,
    "CONFIG_KEXEC_HARDBOOT_RESET_SET_BITS": 0,
    "CONFIG_KEXEC_HARDBOOT_KERNEL_LOC": 0,
}


def blocks(path: Path) -> list[str]:
    """What a file has between `#ifdef CONFIG_KEXEC_HARDBOOT…` and its #endif."""
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


def cycle(tree: Path, folder: Path, values: Mapping[str, int]) -> str:
    """Run series_cycle/cycle.S with the code of the patched `tree`; its verdict, "ok" if all is well.

    Args:
        tree: With a series in it.
        folder: For what is built.
        values: Macros that differ from the usual ones.
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
    machine += ["-audiodev", "none,id=none", "-serial", "none", "-semihosting", "-kernel", str(image)]
    run = subprocess.run(machine, capture_output=True, text=True, timeout=60, check=True)
    return run.stderr.strip().splitlines()[-1]
