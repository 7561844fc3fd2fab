"""The assembly of an arm64 series, as a patched tree has it, through real resets of QEMU's machines."""

import subprocess
from collections.abc import Mapping
from pathlib import Path

from series_machine import blocks, reset_from_outside

from hardboot.base import process

CYCLE = Path(__file__).parent / "series_cycle64/cycle.S"
SYSTEM_RESET = 0x84000009
# As the kernel's macro of this name, which loads a constant of up to 64 bits.
ASSEMBLER = """\
#pragma once
	.macro	mov_q, reg, val
	movz	\\reg, :abs_g0_nc:\\val
	movk	\\reg, :abs_g1_nc:\\val
	movk	\\reg, :abs_g2_nc:\\val
	movk	\\reg, :abs_g3:\\val
	.endm
"""
_RASPI = {
    "CONFIG_KEXEC_HARDBOOT_RESET_MMIO": 1,
    "CONFIG_KEXEC_HARDBOOT_RESET_ADDR": 0x3F10001C,  # PM_RSTC of the BCM2835: password, and bit 5 resets
    "CONFIG_KEXEC_HARDBOOT_RESET_SET_BITS": 0,
    "CONFIG_KEXEC_HARDBOOT_RESET_VALUE": 0x5A000020,
    "PLAIN_RESET": 0x5A000020,
}
_PSCI = {"CONFIG_KEXEC_HARDBOOT_RESET_PSCI": 1, "PSCI_FUNCTION": SYSTEM_RESET}
CASES: dict[str, tuple[list[str], int, dict[str, int]]] = {
    "PSCI by HVC, EL1": (["virt", "-cpu", "cortex-a57"], 0x40000000, {**_PSCI, "PSCI_SMC": 0}),
    "PSCI by SMC, EL2": (
        ["virt,virtualization=on", "-cpu", "cortex-a57"],
        0x40000000,
        {**_PSCI, "PSCI_SMC": 1},
    ),
    "a watchdog": (["virt", "-cpu", "cortex-a57"], 0x40000000, {}),
    "a register": (["raspi3b"], 0, _RASPI),
    "bits of a register": (
        ["raspi3b"],
        0,
        {
            **_RASPI,
            "CONFIG_KEXEC_HARDBOOT_RESET_SET_BITS": 0x5A000020,
            "CONFIG_KEXEC_HARDBOOT_RESET_VALUE": 0,
        },
    ),
}


def cycle(tree: Path, folder: Path, case: str, values: Mapping[str, int] = {}, *, fails: bool = False) -> str:
    """Run series_cycle64/cycle.S with the code of the patched `tree`; its verdict, "ok" if all is well.

    Args:
        tree: With a series in it.
        folder: For what is built.
        case: One of CASES.
        values: Macros that differ from the usual ones.
        fails: The reset of the series fails: reset the machine from outside, once its code is seen to wait.
    """
    machine, base, settings = CASES[case]
    (folder / "head.S").write_text("".join(blocks(tree / "arch/arm64/kernel/head.S")))
    (folder / "asm").mkdir(exist_ok=True)
    (folder / "asm/assembler.h").write_text(ASSEMBLER)
    macros = {
        "BOOT_DTB": base + 0x1000000,
        "IMAGE_DTB": base + 0x2000000,
        "COUNT": base + 0x3000000,
        "CONTROL": base + 0x4000000,
        "CONFIG_KEXEC_HARDBOOT": 1,
        "CONFIG_KEXEC_HARDBOOT_PAGE": base + 0x5000000,
        "CONFIG_KEXEC_HARDBOOT_PAGE_SIZE": 0x1000,
        "PSCI_FUNCTION": 0,
        "PSCI_SMC": 0,
        **settings,
        **values,
    }
    defines = [f"-D{key}={value:#x}" for key, value in macros.items()]
    code = tree / "arch/arm64/kernel/kexec_hardboot_reset.S"
    defines += ["-D__ASSEMBLY__", '-DHEAD="head.S"', f'-DRESET="{code}"']
    gcc = process.find_tool("aarch64-linux-gnu-gcc", "gcc-aarch64-linux-gnu")
    link = ["-nostdlib", "-static", f"-Wl,-Ttext={base + 0x80000:#x}", "-Wl,--build-id=none"]
    image = folder / "cycle.elf"
    include = [f"-I{folder}", f"-I{tree / 'include'}"]
    process.run([gcc, *link, *defines, *include, CYCLE, "-o", image], timeout_s=60)
    qemu = process.find_tool("qemu-system-aarch64", "qemu-system-arm")
    words = [qemu, "-M", *machine, "-nic", "none", "-nographic", "-monitor", "none", "-serial", "none"]
    words += ["-semihosting-config", "enable=on,target=native", "-kernel", str(image)]
    if fails:
        return reset_from_outside(words, macros["CONFIG_KEXEC_HARDBOOT_PAGE"])
    run = subprocess.run(words, capture_output=True, text=True, timeout=60, check=True)
    return run.stderr.strip().splitlines()[-1]
