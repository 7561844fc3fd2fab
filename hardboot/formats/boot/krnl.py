"""Rockchip's images with a checksum: KRNL (kernel.img, boot.img, recovery.img) and PARM (parameter).

Sources: rkflashtool at 5baeddb, rkcrc.c (magic, size, content, checksum) and rkcrc.h (rkcrc32): a CRC whose
polynomial has a digit less than everybody else's.
"""

from dataclasses import dataclass, field
from typing import Annotated

from construct import Bytes

from hardboot.formats.binary_record import BinaryRecord, Le32
from hardboot.formats.reading import Data, malformed, view, windows

KRNL_MAGIC = b"KRNL"
PARM_MAGIC = b"PARM"

_POLYNOMIAL = 0x104C10DB7  # as bits
_DEGREE = 32
_SHORT = 128  # bits that folding no longer makes fewer


@dataclass(frozen=True)
class KrnlHeader(BinaryRecord, what="Rockchip image"):
    """The header in front of the content; `size` bytes follow it, then the checksum."""

    magic: Annotated[bytes, Bytes(4)]
    size: Le32


@dataclass(frozen=True)
class KrnlChecksum(BinaryRecord, what="Rockchip image"):
    """The checksum behind the content."""

    crc: Le32


@dataclass(frozen=True)
class Krnl:
    """A Rockchip image.

    Attributes:
        content: The file in it. A view.
        crc: The checksum of the content, as stored.
        end: Offset of what follows the image.
    """

    magic: bytes
    content: memoryview = field(repr=False)
    crc: int
    end: int


def parse(data: Data) -> Krnl:
    """Read a Rockchip image; the checksum is not compared.

    Raises:
        InputError: If it is something else, or truncated.
    """
    whole = view(data)
    header = KrnlHeader.parse(whole)
    if header.magic not in (KRNL_MAGIC, PARM_MAGIC):
        raise malformed(header.WHAT, "magic", 0, f"{header.magic!r}, not {KRNL_MAGIC!r} or {PARM_MAGIC!r}")
    end = header.SIZE + header.size
    if end + KrnlChecksum.SIZE > len(whole):
        problem = f"{header.size} bytes and a checksum, {len(whole) - header.SIZE} follow the header"
        raise malformed(header.WHAT, "size", header.offset_of("size"), problem)
    stored = KrnlChecksum.parse(whole, end).crc
    return Krnl(header.magic, whole[header.SIZE : end], stored, end + KrnlChecksum.SIZE)


def build(magic: bytes, content: Data) -> bytes:
    """Return the image around `content`.

    Raises:
        InputError: If it is too large.
    """
    header = KrnlHeader(magic, len(content)).build()
    return b"".join((header, view(content), KrnlChecksum(checksum(content)).build()))


def checksum(data: Data) -> int:
    """Return Rockchip's CRC of `data`: the remainder of its bits, as a polynomial, times x^32.

    Halves are folded onto each other, which takes a hundredth of the time of one byte after the other.
    """
    crc = 0
    for window in windows(data):
        number = int.from_bytes(window, "big") << _DEGREE
        while number.bit_length() > _SHORT:
            half = number.bit_length() // 2
            number = (number & (1 << half) - 1) ^ _product(number >> half, _power(half))
        crc = _remainder(_product(crc, _power(8 * len(window)))) ^ _remainder(number)
    return crc


def _product(polynomial: int, factor: int) -> int:
    product = 0
    while factor:
        lowest = factor & -factor
        product ^= polynomial << lowest.bit_length() - 1
        factor ^= lowest
    return product


def _remainder(polynomial: int) -> int:
    while polynomial.bit_length() > _DEGREE:
        polynomial ^= _POLYNOMIAL << polynomial.bit_length() - _DEGREE - 1
    return polynomial


def _power(exponent: int) -> int:
    """Return the remainder of x to a power."""
    if exponent < _DEGREE:
        return 1 << exponent
    root = _power(exponent // 2)
    return _remainder(_product(root, root) << exponent % 2)
