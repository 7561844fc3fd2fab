"""Boot images of Sony's, which are ELF files, as containers."""

from collections.abc import Iterator
from dataclasses import replace

from hardboot.formats import sniff
from hardboot.formats.boot import sonyelf
from hardboot.formats.containers.model import Changes, Container
from hardboot.formats.reading import Data


def open_sony(data: memoryview) -> Container:
    """Take a boot image of Sony's apart.

    Raises:
        InputError: If `data` is something else, or damaged.
    """
    image = sonyelf.parse(data)

    def rebuild(changes: Changes) -> Iterator[Data]:
        moved = sonyelf.with_parts(image, dict(changes.parts))
        loaded = (replace(part, addr=changes.part_fields[part.name]["load_addr"]) for part in moved.loaded)
        return sonyelf.build(replace(moved, loaded=tuple(loaded), entry=changes.fields["entry_addr"]))

    return Container(
        kind=sniff.SONY_ELF,
        fields={"entry_addr": image.entry},
        parts=image.parts,
        part_fields={part.name: {"load_addr": part.addr} for part in image.loaded},
        signed=False,
        rebuild=rebuild,
    )
