"""ATAGS, the boot parameters of 32-bit ARM kernels without device tree: read, adapt, write.

Sources: Linux arch/arm/include/uapi/asm/setup.h (tags) and arch/arm/kernel/atags_parse.c (a list begins with
ATAG_CORE; COMMAND_LINE_SIZE is 1024). All words are little-endian.
"""

from dataclasses import dataclass, field

from hardboot.base.errors import InputError
from hardboot.base.memory import Range
from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.reading import Data, malformed, view

NONE = 0
CORE = 0x54410001
MEM = 0x54410002
INITRD = 0x54410005  # start as a virtual address
INITRD2 = 0x54420005  # start as a physical address
SERIAL = 0x54410006
CMDLINE = 0x54410009

COMMAND_LINE_SIZE = 1024  # bytes with the final NUL
MAX_SIZE = 16 << 10  # bytes: ATAGS are in the 16 KiB below the kernel's page tables, from offset 0x100

_WHAT = "ATAGS"
_REPLACED = (INITRD, INITRD2, CMDLINE, NONE)
_FIX = "Read /proc/atags as root again; kernels without the fix for it truncate it to 1024 bytes."


@dataclass(frozen=True)
class _Head(BinaryRecord, what=_WHAT):
    """struct tag_header: `words` is the size of the whole tag in words."""

    words: Le32
    tag: Le32


@dataclass(frozen=True)
class _Initrd(BinaryRecord, what=_WHAT):
    """struct tag_initrd."""

    start: Le32
    size: Le32


@dataclass(frozen=True)
class Tag:
    """One tag; `data` is a whole number of words."""

    tag: int
    data: bytes = field(repr=False, default=b"")


def parse(data: Data) -> tuple[Tag, ...]:
    """Return the tags of /proc/atags, without the end mark; what follows that is ignored.

    Raises:
        InputError: If the list does not begin with ATAG_CORE, is truncated, or is longer than MAX_SIZE.
    """
    content = view(data)[:MAX_SIZE]
    tags: list[Tag] = []
    at = 0
    while True:
        if at + _Head.SIZE > len(content):
            problem = f"the list does not end within {len(content)} bytes"
            raise malformed(_WHAT, "end mark", at, problem, fix=_FIX)
        head = _Head.parse(content, at)
        if not tags and head.tag != CORE:
            problem = f"{head.tag:#x}, not ATAG_CORE {CORE:#x}"
            raise malformed(_WHAT, "first tag", at, problem, fix=_FIX)
        if head.tag == NONE:
            return tuple(tags)
        end = at + 4 * head.words
        if 4 * head.words < _Head.SIZE or end > len(content):
            problem = f"tag {head.tag:#x} has {head.words} words, there are {(len(content) - at) // 4}"
            raise malformed(_WHAT, "size", at, problem, fix=_FIX)
        tags.append(Tag(head.tag, bytes(content[at + _Head.SIZE : end])))
        at = end


def build(tags: tuple[Tag, ...]) -> bytes:
    """Return the list as a kernel reads it from memory, with its end mark.

    Raises:
        InputError: If it does not begin with ATAG_CORE, a tag is not a whole number of words or is the end
            mark, or the list is longer than MAX_SIZE.
    """
    if not tags or tags[0].tag != CORE:
        raise _refused("the list must begin with ATAG_CORE")
    out = bytearray()
    for tag in tags:
        if len(tag.data) % 4 or tag.tag == NONE:
            raise _refused(f"tag {tag.tag:#x} with {len(tag.data)} bytes")
        out += _Head((_Head.SIZE + len(tag.data)) // 4, tag.tag).build() + tag.data
    out += _Head(0, NONE).build()
    if len(out) > MAX_SIZE:
        raise _refused(f"{len(out)} bytes, the limit is {MAX_SIZE}")
    return bytes(out)


def adapt(tags: tuple[Tag, ...], *, cmdline: bytes, initrd: Range | None) -> tuple[Tag, ...]:
    """Return the phone's tags for a guest: ramdisk and command line are the guest's, all others stay.

    The size of the list does not depend on the address of the ramdisk.

    Args:
        tags: As `parse` returned them.
        cmdline: Kernel command line, without the final NUL.
        initrd: Physical addresses of the ramdisk, exact to the byte; None without one.

    Raises:
        InputError: If the command line has a NUL or is too long, or the ramdisk is not below 4 GiB.
    """
    if b"\0" in cmdline:
        raise _refused(f"the command line has a NUL character at {cmdline.index(0)}")
    if len(cmdline) >= COMMAND_LINE_SIZE:
        problem = f"the command line has {len(cmdline)} bytes, the limit is {COMMAND_LINE_SIZE - 1}"
        raise _refused(problem)
    adapted = [tag for tag in tags if tag.tag not in _REPLACED]
    text = cmdline + b"\0"
    adapted.append(Tag(CMDLINE, text + bytes(-len(text) % 4)))
    if initrd is not None:
        if initrd.end > 1 << 32:
            raise _refused(f"the ramdisk {initrd} is not below 4 GiB")
        adapted.append(Tag(INITRD2, _Initrd(initrd.start, initrd.size).build()))
    return tuple(adapted)


def cmdline(tags: tuple[Tag, ...]) -> bytes:
    """Return the command line without the final NUL; of several the last one, as the kernel does."""
    lines = [tag.data.partition(b"\0")[0] for tag in tags if tag.tag == CMDLINE]
    return lines[-1] if lines else b""


def _refused(problem: str) -> InputError:
    return InputError(
        f"ATAGS: {problem}",
        state="Nothing was changed.",
        fix="Check --cmdline and --append, and the phone's /proc/atags.",
    )
