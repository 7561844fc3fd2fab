"""What a running kernel tells for the day it crashes, and the ELF header through which it is found then."""

import re
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
_REGION = "Crash kernel"  # arch/arm/kernel/setup.c, crashk_res
_NOTE_SIZE = 1024  # bytes; of a kernel that does not tell, KEXEC_NOTE_BYTES is smaller
_MAX_CPUS = 64
_LIMIT = 1 << 20  # bytes of one place of notes
_PHYS_ALIGN = 2 << 20  # bytes; arch/arm/Kconfig, ARM_PATCH_PHYS_VIRT; 16 MiB before 5.11
_ADDRESSES = Range(0, 1 << 32)


@dataclass(frozen=True)
class Running:
    """What the running kernel tells for the day it crashes; all addresses are physical.

    Attributes:
        region: Memory set aside for a panic kernel.
        ram: All RAM without it.
        kernel: Its code and data.
        notes: Where each CPU will leave its registers.
        vmcoreinfo: Where it describes itself.
        offset: What to add to a physical address to get the virtual one; None if it hides that.
        lowmem_end: End of the memory that it maps for good.
    """

    region: Range
    ram: tuple[Range, ...]
    kernel: tuple[Range, ...]
    notes: tuple[Range, ...]
    vmcoreinfo: Range
    offset: int | None
    lowmem_end: int


def look(phone: Phone) -> Running:
    """Ask the running kernel for all a panic kernel must be told.

    Raises:
        RefusedError: If no memory is set aside, or it has no kexec.
        DeviceError: If it does not answer, or answers what makes no sense.
    """
    iomem = phone.read("cat /proc/iomem")
    live = layout.parse_iomem(iomem)
    regions = [one for one in live.reserved if one.name == _REGION]
    if not regions:
        raise RefusedError(
            f"the running kernel has set no memory aside for a panic kernel (no {_REGION!r} in /proc/iomem)",
            state="Nothing was sent.",
            fix=f"It needs {CRASHKERNEL} on its command line. --add-crashkernel restarts the phone's own "
            "system from RAM with it, until the next restart; nothing is flashed.",
        )
    region = regions[0]
    ram = [
        Range(align_up(bank.start, PAGE_SIZE), align_down(bank.end, PAGE_SIZE), bank.name)
        for bank in live.banks
    ]
    above = Range(_ADDRESSES.end, max(_ADDRESSES.end, ram[-1].end))
    if above.size:
        log.warn(f"RAM above 4 GiB will not be in the dump: {above}")
    kernel = min((one.start for one in live.kernel if one.name == "Kernel code"), default=None)
    text = _number(phone.root("grep -m 1 ' _stext$' /proc/kallsyms").text.split(" ")[0])
    # Between the start of the kernel and _stext lies less than what both addresses are aligned to.
    offset = align_down(text - kernel, _PHYS_ALIGN) if text and kernel is not None else None
    if offset is None:
        log.warn("the kernel hides its addresses (kernel.kptr_restrict): debuggers will not find their way")
    return Running(
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
            size = int(words[1]) if len(words) > 1 and words[1].isdecimal() else _NOTE_SIZE
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
        fix="Put a host kernel with kexec into the boot partition: `hardboot patch apply` and"
        " `hardboot flash-host-kernel`.",
    )


def _number(text: str) -> int | None:
    """A hexadecimal number, with or without 0x."""
    found = re.fullmatch(r"(?:0x)?([0-9a-fA-F]{1,16})", text)
    return int(found[1], 16) if found else None


def _lowmem_end(zoneinfo: str, none: int) -> int:
    """Where the zone HighMem begins: what lies below is mapped for good; `none` if there is no such zone."""
    _, found, zone = zoneinfo.partition("zone  HighMem")
    start = re.search(r"\n\s*start_pfn:\s*(\d{1,12})\b", zone.partition("\nNode ")[0])
    return int(start[1]) * PAGE_SIZE if found and start else none


def describe(running: Running) -> bytes:
    """The ELF header through which a panic kernel finds the crashed kernel's memory.

    Args:
        running: The kernel that may crash.
    """
    cut = Range(running.lowmem_end, max(running.lowmem_end, _ADDRESSES.end))
    low, high = subtract(running.ram, [cut]), subtract(running.ram, [Range(0, running.lowmem_end)])
    loads = [_load(one, running.offset) for one in low] + [_load(one, None) for one in high]
    # A file offset there is the physical address itself: fs/proc/vmcore.c reads the old memory at p_offset.
    notes = [(one.start, one.size) for one in (*running.notes, running.vmcoreinfo)]
    return elfcore.build_headers(32, elf.EM_ARM, loads, notes)


def _load(memory: Range, offset: int | None) -> Load:
    vaddr = None if offset is None else (memory.start + offset) & 0xFFFFFFFF
    return Load(memory.start, vaddr, memory.start, memory.size, memory.size)
