"""Where the device trees of an image are: in its dtb part, in its dt part, behind its kernel."""

from collections.abc import Sequence
from dataclasses import dataclass

from hardboot.devicetree.selecting import Candidate, of_file
from hardboot.formats import sniff
from hardboot.formats.boot import bootimg, sonyelf, vendorboot, wrappers
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import devicetrees
from hardboot.formats.reading import Data, view

_PARTS = ("dtb", "dt", "kernel")  # what the bootloader prefers, first


@dataclass(frozen=True)
class Source:
    """The device trees that count.

    Attributes:
        part: The part of the image they lie in; "" if the file is nothing else.
        kind: Of their container, as formats.devicetrees names it.
        candidates: With offsets from the start of the part.
    """

    part: str
    kind: str
    candidates: tuple[Candidate, ...]


def find(data: Data) -> Source | None:
    """The device trees of an image or of a file of their own; None if it holds none.

    Raises:
        InputError: If it is no image hardboot reads, or is damaged.
    """
    seen = view(data)
    kind = sniff.sniff(seen)
    if kind == sniff.VENDOR_BOOT_IMAGE:
        return in_parts([Part("dtb", 0, vendorboot.parse(seen).dtb)])
    if kind == sniff.SONY_ELF:
        return in_parts(sonyelf.parse(seen).parts)
    alone = devicetrees.find(seen)
    if alone is not None:
        return Source("", alone.kind, of_file(alone))
    return in_parts(bootimg.parse(seen).parts)


def in_parts(parts: Sequence[Part]) -> Source | None:
    """The device trees among the parts of an image; None if there are none.

    Raises:
        InputError: If a part that could hold them is damaged.
    """
    named = {part.name: part for part in parts}
    for name in _PARTS:
        if name in named and len(named[name].data):
            found = devicetrees.find(wrappers.without_mtk(named[name].data))
            if found is not None:
                return Source(name, found.kind, of_file(found))
    return None
