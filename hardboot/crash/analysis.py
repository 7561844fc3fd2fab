"""Read a dump: the crashed kernel, the registers of its CPUs, and its log."""

import re
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hardboot.base.documents import TIME_END
from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.base.mapping import map_file
from hardboot.base.memory import Range
from hardboot.formats import elf, sniff
from hardboot.formats.crashdump import arm64_memory, elfcore, kernellog, registers, vmcoreinfo
from hardboot.formats.crashdump.elfcore import Core
from hardboot.formats.crashdump.kernellog import Line
from hardboot.formats.crashdump.registers import Cpu

_MACHINES = {elf.EM_ARM: "arm", elf.EM_AARCH64: "arm64"}
# Messages of kernels that crash: kernel/panic.c, arch/arm/mm/fault.c, arch/arm/kernel/traps.c.
_CRASH = re.compile(r"Kernel panic - not syncing|Internal error: |Unable to handle kernel |kernel BUG at ")
_PROCESS = re.compile(
    r"\bCPU: (\d{1,4}) PID: (\d{1,10}) Comm: (.{1,16}?) (?:Kdump: loaded )?(?:Not t|T)ainted"
)


@dataclass(frozen=True)
class Panic:
    """The crash in the kernel's log.

    Attributes:
        text: The first line about it.
        process: Number and name of the running process; None if the log does not tell.
        cpu: Index of its CPU in `Dump.cpus`; None if that is not certain.
    """

    text: str
    process: tuple[int, str] | None
    cpu: int | None


@dataclass(frozen=True)
class Dump:
    """The content of a dump.

    Attributes:
        arch: "arm", "arm64", or the ELF number of another architecture.
        ram: Physical memory that it describes, sorted.
        stored: Bytes of this memory that are in the file.
        notes: Name, type and size in bytes of each note.
        kernel_offset: How far the kernel moved itself from the addresses in its vmlinux (KASLR), in bytes.
        log: The kernel's log; None if it cannot be read, for the reason in `log_problem`.
    """

    path: Path
    arch: str
    bits: int
    release: str | None
    time: int | None
    kernel_offset: int
    ram: tuple[Range, ...]
    stored: int
    notes: tuple[tuple[str, int, int], ...]
    cpus: tuple[Cpu, ...]
    panic: Panic | None
    log: tuple[Line, ...] | None
    log_problem: str | None

    def document(self) -> dict[str, Any]:
        """Return it for --json."""
        return {
            "file": str(self.path),
            "arch": self.arch,
            "bits": self.bits,
            "release": self.release,
            "time": self.time,
            "kernel_offset": self.kernel_offset,
            "ram": [{"start": one.start, "end": one.end} for one in self.ram],
            "stored": self.stored,
            "notes": [{"name": name, "type": kind, "size": size} for name, kind, size in self.notes],
            "cpus": [asdict(cpu) for cpu in self.cpus],
            "panic": asdict(self.panic) if self.panic else None,
            "log": None if self.log is None else [str(line) for line in self.log],
            "log_problem": self.log_problem,
        }


def read(path: Path) -> Dump:
    """Read the dump `path`; only the parts that are needed are read from disk.

    Raises:
        InputError: If it cannot be read, is no dump, or is damaged.
    """
    data = map_file(path)
    if data[: len(elf.ELF_MAGIC)] != elf.ELF_MAGIC:
        raise InputError(
            f"this is {sniff.described(data)}, not a crash dump",
            file=str(path),
            state="Nothing was changed.",
            fix="Give a dump that `hardboot crash pull` wrote; for images there is `hardboot info`.",
        )
    with naming(path):
        core = elfcore.parse(data)
    info = vmcoreinfo.parse(core.vmcoreinfo or b"")
    core = arm64_memory.with_addresses(core, info)
    lines: tuple[Line, ...] | None
    try:
        lines, problem = kernellog.read(core, info), None
    except InputError as error:
        lines, problem = None, error.what
    cpus = registers.cpus(core)
    seconds = info.fields.get("CRASHTIME", "")
    time = int(seconds) if re.fullmatch(r"[0-9]{1,15}", seconds) else TIME_END
    return Dump(
        path=path,
        arch=_MACHINES.get(core.machine, str(core.machine)),
        bits=core.bits,
        release=info.release,
        time=time if time < TIME_END else None,
        kernel_offset=info.kernel_offset,
        ram=_ram(core),
        stored=sum(load.filesz for load in core.loads),
        notes=tuple((note.name, note.type, len(note.data)) for note in core.notes),
        cpus=cpus,
        panic=_panic(lines or (), cpus),
        log=lines,
        log_problem=problem,
    )


def _ram(core: Core) -> tuple[Range, ...]:
    joined: list[Range] = []
    for one in sorted(Range.sized(load.paddr, load.memsz) for load in core.loads if load.memsz):
        if joined and one.start <= joined[-1].end:
            joined[-1] = Range(joined[-1].start, max(joined[-1].end, one.end))
        else:
            joined.append(one)
    return tuple(joined)


def _panic(lines: tuple[Line, ...], cpus: tuple[Cpu, ...]) -> Panic | None:
    """Find the first message about the crash, and the process named next."""
    first = next((at for at, line in enumerate(lines) if _CRASH.search(line.text)), None)
    if first is None:
        return None
    who = next((found for line in lines[first:] if (found := _PROCESS.search(line.text))), None)
    if who is None:
        return Panic(lines[first].text, None, None)
    number, pid = int(who[1]), int(who[2])
    fits = [cpu.index for cpu in cpus if cpu.pid == pid]
    cpu = number if number in fits else fits[0] if len(fits) == 1 else None
    return Panic(lines[first].text, (pid, who[3]), cpu)
