"""Read the memory of the running kernel, and build the ELF header that leads a panic kernel to it."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from hardboot import layout
from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.base.memory import PAGE_SIZE, Range, subtract
from hardboot.base.sizes import align_down, align_up
from hardboot.device.phone import Phone
from hardboot.formats import elf
from hardboot.formats.crashdump import elfcore
from hardboot.formats.crashdump.elfcore import Load

CRASHKERNEL = "crashkernel=64M"
_REGION = "Crash kernel"  # kernel/crash_core.c, crashk_res
_NOTE_SIZE = 1024  # bytes, where the kernel does not tell; KEXEC_NOTE_BYTES is smaller
_MAX_CPUS = 64
_LIMIT = 1 << 20  # bytes of the notes of one CPU
_PHYS_ALIGN = 2 << 20  # bytes; arch/arm/Kconfig, ARM_PATCH_PHYS_VIRT; 16 MiB before 5.11
_ADDRESSES = Range(0, 1 << 32)  # of 32-bit ARM


@dataclass(frozen=True)
class KernelMemory:
    """The memory of the running kernel; all addresses are physical.

    Attributes:
        arch: "arm" or "arm64".
        region: Memory reserved for a panic kernel.
        ram: All RAM without `region`.
        kernel: Code and data of the kernel.
        notes: Where each CPU stores its registers in a crash.
        vmcoreinfo: Where the kernel describes its data structures.
        offset: Difference between virtual and physical addresses; None if the kernel hides it, and on arm64:
            there VMCOREINFO tells more than one.
        lowmem_end: End of the memory that the kernel maps permanently.
    """

    arch: str
    region: Range
    ram: tuple[Range, ...]
    kernel: tuple[Range, ...]
    notes: tuple[Range, ...]
    vmcoreinfo: Range
    offset: int | None
    lowmem_end: int


def read_memory(phone: Phone) -> KernelMemory:
    """Read what a panic kernel must know of the running kernel.

    Raises:
        RefusedError: If no memory is reserved for a panic kernel, or the running kernel has no kexec.
        DeviceError: If the phone does not answer.
    """
    iomem = phone.read("cat /proc/iomem")
    live = layout.parse_iomem(iomem)
    regions = [one for one in live.reserved if one.name == _REGION]
    if not regions:
        raise RefusedError(
            f"the running kernel reserves no memory for a panic kernel (no {_REGION!r} in /proc/iomem)",
            state="Nothing was sent.",
            fix=f"It needs {CRASHKERNEL} on its command line. --add-crashkernel boots the phone's own system "
            "from RAM with it, until the next restart; nothing is flashed.",
        )
    region = regions[0]
    ram = [
        Range(align_up(bank.start, PAGE_SIZE), align_down(bank.end, PAGE_SIZE), bank.name)
        for bank in live.banks
    ]
    arch = phone.profile.arch
    if arch != "arm":
        return KernelMemory(
            arch=arch,
            region=region,
            ram=tuple(subtract(ram, [region])),
            kernel=live.kernel,
            notes=_crash_notes(phone),
            vmcoreinfo=_vmcoreinfo(phone),
            offset=None,
            lowmem_end=ram[-1].end,
        )
    above = Range(_ADDRESSES.end, max(_ADDRESSES.end, ram[-1].end))
    if above.size:
        log.warn(f"RAM above 4 GiB will not be in the dump: {above}")
    kernel = min((one.start for one in live.kernel if one.name == "Kernel code"), default=None)
    text = _number(phone.root("grep -m 1 ' _stext$' /proc/kallsyms").text.split(" ")[0])
    # The distance from the start of the kernel to _stext is smaller than the alignment of both addresses.
    offset = align_down(text - kernel, _PHYS_ALIGN) if text and kernel is not None else None
    if offset is None:
        log.warn("the kernel hides its addresses (kernel.kptr_restrict); debuggers will not find its symbols")
    return KernelMemory(
        arch=arch,
        region=region,
        ram=tuple(subtract(ram, [region, above])),
        kernel=live.kernel,
        notes=_crash_notes(phone),
        vmcoreinfo=_vmcoreinfo(phone),
        offset=offset,
        lowmem_end=_lowmem_end(phone.read("cat /proc/zoneinfo"), _ADDRESSES.end),
    )


def _crash_notes(phone: Phone) -> tuple[Range, ...]:
    each = "echo $(cat $c/crash_notes $c/crash_notes_size)"
    command = f"cd /sys/devices/system/cpu && for c in cpu[0-9]*; do {each}; done"
    notes = []
    for line in phone.root(command).text.splitlines()[:_MAX_CPUS]:
        words = line.split()
        address = _number(words[0]) if words else None
        if address:
            size = int(words[1][:18]) if len(words) > 1 and words[1].isdecimal() else _NOTE_SIZE
            notes.append(Range.sized(address, min(size, _LIMIT), "crash notes"))
    if not notes:
        raise _no_kexec("/sys/devices/system/cpu/cpu0/crash_notes")
    return tuple(notes)


def _vmcoreinfo(phone: Phone) -> Range:
    words = phone.root("cat /sys/kernel/vmcoreinfo").text.split()
    address, size = (_number(word) for word in words) if len(words) == 2 else (None, None)
    if not address or not size:
        raise _no_kexec("/sys/kernel/vmcoreinfo")
    return Range.sized(address, min(size, _LIMIT), "VMCOREINFO")


def _no_kexec(path: str) -> RefusedError:
    return RefusedError(
        f"the running kernel has no {path}: it was built without CONFIG_KEXEC",
        state="Nothing was sent.",
        fix="Flash a host kernel with kexec: `hardboot patch apply` and `hardboot flash-host-kernel`.",
    )


def _number(text: str) -> int | None:
    """Return a hexadecimal number, with or without 0x; None if `text` is something else."""
    found = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{1,16})", text)
    return int(found[1], 16) if found else None


def _lowmem_end(zoneinfo: str, none: int) -> int:
    """Return where the zone HighMem begins, below which memory is mapped permanently; `none` without one."""
    _, found, zone = zoneinfo.partition("zone  HighMem")
    start = re.search(r"\n\s*start_pfn:\s*(\d{1,12})\b", zone.partition("\nNode ")[0])
    return int(start[1]) * PAGE_SIZE if found and start else none


def build(memory: KernelMemory) -> bytes:
    """Build the ELF header through which a panic kernel finds `memory` of the crashed kernel."""
    if memory.arch != "arm":
        loads = [_load(one, None) for one in _split_at_image(memory)]
        return _headers(64, elf.EM_AARCH64, loads, memory)
    cut = Range(memory.lowmem_end, max(memory.lowmem_end, _ADDRESSES.end))
    low, high = subtract(memory.ram, [cut]), subtract(memory.ram, [Range(0, memory.lowmem_end)])
    loads = [_load(one, memory.offset) for one in low] + [_load(one, None) for one in high]
    return _headers(32, elf.EM_ARM, loads, memory)


def _split_at_image(memory: KernelMemory) -> list[Range]:
    """Return RAM in stretches, one of them the kernel's image: it has virtual addresses of its own."""
    if not memory.kernel:
        return list(memory.ram)
    start = align_down(min(one.start for one in memory.kernel), PAGE_SIZE)
    image = Range(start, align_up(max(one.end for one in memory.kernel), PAGE_SIZE))
    inside = [image] if any(one.contains(image) for one in memory.ram) else []
    return sorted([*subtract(memory.ram, inside), *inside])


def _headers(bits: int, machine: int, loads: Sequence[Load], memory: KernelMemory) -> bytes:
    # A file offset there is the physical address itself: fs/proc/vmcore.c reads the old memory at p_offset.
    notes = [(one.start, one.size) for one in (*memory.notes, memory.vmcoreinfo)]
    return elfcore.build_headers(bits, machine, loads, notes)


def _load(part: Range, offset: int | None) -> Load:
    vaddr = None if offset is None else (part.start + offset) & 0xFFFFFFFF
    return Load(part.start, vaddr, part.start, part.size, part.size)
