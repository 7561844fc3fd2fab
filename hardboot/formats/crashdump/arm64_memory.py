"""Where a crashed arm64 kernel had its memory: the linear map of all RAM, and its own image beside it.

/proc/vmcore knows physical addresses alone; VMCOREINFO tells how the kernel mapped them.
Sources: Linux arch/arm64/include/asm/memory.h, Documentation/arm64/memory.rst and
Documentation/admin-guide/kdump/vmcoreinfo.rst.
"""

from dataclasses import dataclass, replace

from hardboot.formats.crashdump.elfcore import Core, Load
from hardboot.formats.crashdump.vmcoreinfo import Vmcoreinfo
from hardboot.formats.elf import EM_AARCH64

_VA_BITS = range(36, 53)
_WRAP = (1 << 64) - 1
# Bytes from the start of the image to _stext: a header, and what aligns the text, at most to 2 MiB.
_HEAD_REACH = 4 << 20


@dataclass(frozen=True)
class _Map:
    """How the kernel mapped its memory.

    Attributes:
        linear: Virtual minus physical addresses of RAM.
        image: The same of its own image.
        text: Physical address of a symbol in the image.
    """

    linear: int
    image: int
    text: int


def with_addresses(core: Core, info: Vmcoreinfo) -> Core:
    """Return `core` with virtual addresses; itself if it has some, or its kernel does not tell them.

    The stretch with the image in it (`elfcorehdr.build` makes it one of its own) gets those of the image's
    map, all other memory those of the linear map.
    """
    if core.machine != EM_AARCH64 or any(load.vaddr is not None for load in core.loads):
        return core
    known = _read_map(info)
    if known is None:
        return core
    return replace(core, loads=tuple(_mapped(load, known) for load in core.loads))


def _mapped(load: Load, known: _Map) -> Load:
    is_image = 0 <= known.text - load.paddr <= min(_HEAD_REACH, load.memsz - 1)
    return replace(load, vaddr=load.paddr + (known.image if is_image else known.linear) & _WRAP)


def _read_map(info: Vmcoreinfo) -> _Map | None:
    bits, offset, start = (info.number(name) for name in ("VA_BITS", "kimage_voffset", "PHYS_OFFSET"))
    text = info.symbol("_stext")
    if bits is None or bits not in _VA_BITS or offset is None or start is None or text is None:
        return None
    # Since 5.4 the linear map is the lower half of the kernel's addresses, before the upper one.
    upper = -(1 << (bits - 1)) & _WRAP
    linear = -(1 << bits) & _WRAP if text >= upper else upper
    return _Map(linear - start & _WRAP, offset & _WRAP, text - offset & _WRAP)
