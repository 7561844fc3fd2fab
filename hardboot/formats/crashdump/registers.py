"""The registers of a CPU, from the PRSTATUS note that its kernel left when it crashed.

Source: Linux 6.1 include/linux/elfcore.h (struct elf_prstatus), arch/arm/include/asm/ptrace.h and
arch/arm64/include/uapi/asm/ptrace.h for the order of the registers.
"""

from dataclasses import dataclass, field
from typing import Annotated

from construct import Array, Bytes, Int32sl, Int32ul, Int64ul

from hardboot.formats.binary_record import BinaryRecord
from hardboot.formats.crashdump.elfcore import Core
from hardboot.formats.elf import EM_AARCH64, EM_ARM

NT_PRSTATUS = 1

_ARM = (*(f"r{number}" for number in range(11)), "fp", "ip", "sp", "lr", "pc", "cpsr", "orig_r0")
_ARM64 = (*(f"x{number}" for number in range(31)), "sp", "pc", "pstate")


@dataclass(frozen=True)
class _ArmStatus(BinaryRecord, what="crash dump"):
    """struct elf_prstatus of 32-bit ARM, up to its registers."""

    signal: Annotated[bytes, Bytes(24)]
    pid: Annotated[int, Int32sl]
    times: Annotated[bytes, Bytes(44)]
    registers: Annotated[tuple[int, ...], Array(len(_ARM), Int32ul)]


@dataclass(frozen=True)
class _Arm64Status(BinaryRecord, what="crash dump"):
    """struct elf_prstatus of arm64, up to its registers."""

    signal: Annotated[bytes, Bytes(32)]
    pid: Annotated[int, Int32sl]
    times: Annotated[bytes, Bytes(76)]
    registers: Annotated[tuple[int, ...], Array(len(_ARM64), Int64ul)]


_STATUS: dict[int, tuple[type[_ArmStatus] | type[_Arm64Status], tuple[str, ...]]] = {
    EM_ARM: (_ArmStatus, _ARM),
    EM_AARCH64: (_Arm64Status, _ARM64),
}


@dataclass(frozen=True)
class Cpu:
    """The state of one CPU when the kernel crashed.

    Attributes:
        index: Its place among the CPUs that left a note; its number, if all of them did.
        pid: The process it ran; 0 is the idle task.
        registers: By name.
    """

    index: int
    pid: int
    registers: dict[str, int] = field(repr=False)


def cpus(core: Core) -> tuple[Cpu, ...]:
    """Return the CPUs that left their registers; none on an unknown architecture."""
    if core.machine not in _STATUS:
        return ()
    record, names = _STATUS[core.machine]
    notes = [note.data for note in core.notes if note.name == "CORE" and note.type == NT_PRSTATUS]
    states = [record.parse(memoryview(data)) for data in notes if len(data) >= record.SIZE]
    return tuple(
        Cpu(index, state.pid, dict(zip(names, state.registers, strict=True)))
        for index, state in enumerate(states)
    )
