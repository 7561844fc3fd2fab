"""Find the device trees of an image: in its dtb part, in its dt part, appended to its kernel."""

from collections.abc import Sequence
from dataclasses import dataclass

from hardboot.devicetree.candidate import Candidate, candidates
from hardboot.formats import sniff
from hardboot.formats.boot import bootimg, sonyelf, vendorboot
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import devicetrees, wrapped
from hardboot.formats.reading import Data, view

_PARTS = ("dtb", "dt", "kernel", "second")  # the bootloader's order of preference; Rockchip's are in `second`


@dataclass(frozen=True)
class TreeSource:
    """The device trees that the bootloader would look at.

    Attributes:
        part: The part of the image they lie in; "" if the file holds nothing else.
        kind: Of their container, as formats.devicetrees names it.
        candidates: With offsets from the start of the part.
    """

    part: str
    kind: str
    candidates: tuple[Candidate, ...]


def find_trees(data: Data) -> TreeSource | None:
    """Find the device trees of an image, or of a file that holds only trees; None if it holds none.

    Raises:
        InputError: If hardboot does not read such files, or it is damaged.
    """
    seen = view(data)
    if wrapped.is_wrapped(seen):
        seen = wrapped.split(seen)[1]
    kind = sniff.sniff(seen)
    if kind == sniff.VENDOR_BOOT_IMAGE:
        return find_trees_in_parts([Part("dtb", 0, vendorboot.parse(seen).dtb)])
    if kind == sniff.SONY_ELF:
        return find_trees_in_parts(sonyelf.parse(seen).parts)
    alone = devicetrees.find(seen)
    if alone is not None:
        return TreeSource("", alone.kind, candidates(alone))
    return find_trees_in_parts(bootimg.parse(seen).parts)


def find_trees_in_parts(parts: Sequence[Part]) -> TreeSource | None:
    """Find the device trees among the parts of an image; None if there are none.

    Raises:
        InputError: If a part that could hold them is damaged.
    """
    named = {part.name: part for part in parts}
    for name in _PARTS:
        if name in named and len(named[name].data):
            found = devicetrees.find(named[name].data)
            if found is not None:
                return TreeSource(name, found.kind, candidates(found))
    return None
