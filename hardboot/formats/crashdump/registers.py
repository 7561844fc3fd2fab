"""A CPU's registers in the PRSTATUS note its kernel left when it crashed.

Source: Linux 6.1 include/linux/elfcore.h (struct elf_prstatus), arch/arm/include/asm/ptrace.h and
arch/arm64/include/uapi/asm/ptrace.h for the order of the registers.
"""

import struct
from dataclasses import dataclass, field

from hardboot.formats.crashdump.elfcore import EM_ARM, Core

NT_PRSTATUS = 1
EM_AARCH64 = 183

_ARM = (*(f"r{number}" for number in range(11)), "fp", "ip", "sp", "lr", "pc", "cpsr", "orig_r0")
_ARM64 = (*(f"x{number}" for number in range(31)), "sp", "pc", "pstate")
# Machine: where pr_pid lies, where the registers do, one register, their names.
_LAYOUTS = {EM_ARM: (24, 72, "I", _ARM), EM_AARCH64: (32, 112, "Q", _ARM64)}


@dataclass(frozen=True)
class Cpu:
    """What one CPU did when the kernel crashed.

    Attributes:
        index: Its place among the CPUs that left a note; its number, if all of them did.
        pid: The process it ran; 0 is the idle task.
        registers: By name.
    """

    index: int
    pid: int
    registers: dict[str, int] = field(repr=False)


def cpus(core: Core) -> tuple[Cpu, ...]:
    """The CPUs that left their registers; none of an architecture that is not known."""
    if core.machine not in _LAYOUTS:
        return ()
    pid_at, registers_at, form, names = _LAYOUTS[core.machine]
    packed = struct.Struct(f"<{len(names)}{form}")
    notes = [note.data for note in core.notes if note.name == "CORE" and note.type == NT_PRSTATUS]
    whole = [data for data in notes if len(data) >= registers_at + packed.size]
    return tuple(
        Cpu(
            index,
            int.from_bytes(data[pid_at : pid_at + 4], "little", signed=True),
            dict(zip(names, packed.unpack_from(data, registers_at), strict=True)),
        )
        for index, data in enumerate(whole)
    )
