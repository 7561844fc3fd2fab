"""What ram_check does on a phone whose bootloader overwrites RAM, in other words than its own."""

import struct
from collections.abc import Callable, Sequence

import libfdt
from scripted_phone import Image

PAGE = 4096
PARAMETERS = 0x800
PROPERTY = "hardboot,ram-check"
SHOWN = f"/proc/device-tree/chosen/{PROPERTY}"


def overwriting(*ranges: tuple[int, int]) -> Callable[[Image], dict[str, bytes | None]]:
    """Return what runs first in a guest after a reset over which these ranges were overwritten."""
    return lambda image: {SHOWN: _result(image, ranges)}


def _result(image: Image, overwritten: Sequence[tuple[int, int]]) -> bytes:
    (check,) = (one for one in image.segments if one.address == image.entry)
    kernel, result, seed, period, count = struct.unpack_from("<2Q2IQ", check.content, PARAMETERS)
    assert period == 257
    (tree,) = (one for one in image.segments if one.content.startswith(b"\xd0\x0d\xfe\xed"))
    assert any(one.address == kernel for one in image.segments)
    parsed = libfdt.FdtRo(tree.content)
    value = bytes(parsed.getprop(parsed.path_offset("/chosen"), PROPERTY))
    start = tree.content.index(value)
    assert result == tree.address + start + 16, "behind the token"
    bits, number = 0, 0
    for index in range(count):
        begin, pages, phase = struct.unpack_from("<3Q", check.content, PARAMETERS + 32 + 24 * index)
        for page in range(pages):
            address = begin + page * PAGE
            (loaded,) = (one for one in image.segments if one.address <= address < one.address + one.size)
            words = (
                (seed + (((phase + page) % period) * 1024 + word) * 0x9E3779B1) & 0xFFFFFFFF
                for word in (0, 511, 1023)
            )
            held = struct.unpack("<1024I", loaded.page(address))
            lost = any(one <= address < end for one, end in overwritten)
            if lost or list(words) != [held[0], held[511], held[1023]]:
                bits |= 1 << number
            number += 1
    room = len(value) - 20
    return value[:16] + struct.pack("<I", 0x6B636863) + bits.to_bytes(room, "little")
