"""ATAGS, the boot parameters of 32-bit ARM kernels without device tree: read, write, give to another kernel.

Sources: Linux arch/arm/include/uapi/asm/setup.h (tags) and arch/arm/kernel/atags_parse.c (a list begins with
ATAG_CORE; COMMAND_LINE_SIZE is 1024). All words are little-endian.
"""

import struct
from dataclasses import dataclass, field

from hardboot.base.errors import InputError
from hardboot.base.memory import Range
from hardboot.formats.reading import Data, malformed, view

NONE = 0
CORE = 0x54410001
MEM = 0x54410002
INITRD = 0x54410005  # start as a virtual address
INITRD2 = 0x54420005  # start as a physical address
SERIAL = 0x54410006
REVISION = 0x54410007
CMDLINE = 0x54410009

COMMAND_LINE_SIZE = 1024  # bytes with the final NUL
MAX_SIZE = 16 << 10  # bytes: ATAGS lie in the 16 KiB below the kernel's page tables, from offset 0x100

_WHAT = "ATAGS"
_HEAD = struct.Struct("<II")
_PAIR = struct.Struct("<II")
_OURS = (INITRD, INITRD2, CMDLINE, NONE)
_FIX = "Read /proc/atags as root again; kernels without the fix for it cut it off at 1024 bytes."


@dataclass(frozen=True)
class Tag:
    """One tag; `data` is a whole number of words."""

    tag: int
    data: bytes = field(repr=False, default=b"")


def parse(data: Data) -> tuple[Tag, ...]:
    """The tags of /proc/atags, without the end mark; what follows that is not looked at.

    Raises:
        InputError: If the list does not begin with ATAG_CORE, is cut off, or is longer than MAX_SIZE.
    """
    seen = view(data)[:MAX_SIZE]
    found: list[Tag] = []
    at = 0
    while True:
        if at + _HEAD.size > len(seen):
            problem = f"the list does not end within {len(seen)} bytes"
            raise malformed(_WHAT, "end mark", at, problem, fix=_FIX)
        words, tag = _HEAD.unpack_from(seen, at)
        if not found and tag != CORE:
            raise malformed(_WHAT, "first tag", at, f"{tag:#x}, not ATAG_CORE {CORE:#x}", fix=_FIX)
        if tag == NONE:
            return tuple(found)
        if words < 2 or at + 4 * words > len(seen):
            problem = f"tag {tag:#x} has {words} words, there are {(len(seen) - at) // 4}"
            raise malformed(_WHAT, "size", at, problem, fix=_FIX)
        found.append(Tag(tag, bytes(seen[at + _HEAD.size : at + 4 * words])))
        at += 4 * words


def build(tags: tuple[Tag, ...]) -> bytes:
    """The list in memory, with its end mark.

    Raises:
        InputError: If it does not begin with ATAG_CORE, a tag is no whole number of words or the end mark,
            or the list is longer than MAX_SIZE.
    """
    if not tags or tags[0].tag != CORE:
        raise _cannot("the list must begin with ATAG_CORE")
    out = bytearray()
    for one in tags:
        if len(one.data) % 4 or one.tag == NONE:
            raise _cannot(f"tag {one.tag:#x} with {len(one.data)} bytes")
        out += _HEAD.pack(2 + len(one.data) // 4, one.tag) + one.data
    out += _HEAD.pack(0, NONE)
    if len(out) > MAX_SIZE:
        raise _cannot(f"{len(out)} bytes, the limit is {MAX_SIZE}")
    return bytes(out)


def adapt(tags: tuple[Tag, ...], *, cmdline: bytes, initrd: Range | None) -> tuple[Tag, ...]:
    """The phone's tags for a guest: all but those of ramdisk and command line, which are the guest's own.

    The length of the list does not depend on where the ramdisk lies.

    Args:
        tags: As `parse` gave them.
        cmdline: Kernel command line, without the final NUL.
        initrd: Physical addresses of the ramdisk, exact to the byte; None without one.

    Raises:
        InputError: If the command line has a NUL or is too long, or the ramdisk is not below 4 GiB.
    """
    if b"\0" in cmdline:
        raise _cannot(f"the command line has a NUL character at {cmdline.index(0)}")
    if len(cmdline) >= COMMAND_LINE_SIZE:
        raise _cannot(f"the command line has {len(cmdline)} bytes, the limit is {COMMAND_LINE_SIZE - 1}")
    result = [one for one in tags if one.tag not in _OURS]
    text = cmdline + b"\0"
    result.append(Tag(CMDLINE, text + bytes(-len(text) % 4)))
    if initrd is not None:
        if initrd.end > 1 << 32:
            raise _cannot(f"the ramdisk {initrd} does not lie below 4 GiB")
        result.append(Tag(INITRD2, _PAIR.pack(initrd.start, initrd.size)))
    return tuple(result)


def cmdline(tags: tuple[Tag, ...]) -> bytes:
    """The command line, without the final NUL; of several the last one, which is the kernel's choice."""
    found = [one.data.partition(b"\0")[0] for one in tags if one.tag == CMDLINE]
    return found[-1] if found else b""


def memory(tags: tuple[Tag, ...]) -> list[Range]:
    """The banks of RAM, without empty ones.

    Raises:
        InputError: If a MEM tag has no two words, or its end lies above 4 GiB.
    """
    found = []
    for one in tags:
        if one.tag != MEM:
            continue
        if len(one.data) < _PAIR.size:
            raise malformed(_WHAT, "ATAG_MEM", 0, f"{len(one.data)} bytes, it has 8", fix=_FIX)
        size, start = _PAIR.unpack_from(one.data)
        if start + size > 1 << 32:
            raise malformed(
                _WHAT, "ATAG_MEM", 0, f"{size:#x} bytes from {start:#x} end above 4 GiB", fix=_FIX
            )
        if size:
            found.append(Range.sized(start, size, "ATAG_MEM"))
    return found


def _cannot(problem: str) -> InputError:
    return InputError(
        f"ATAGS: {problem}",
        state="Nothing was sent.",
        fix="Check what --cmdline and --append give, and the phone's /proc/atags.",
    )
