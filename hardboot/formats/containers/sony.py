"""Boot images of Sony's, which are ELF files, as containers."""

from dataclasses import replace

from hardboot.formats import sniff
from hardboot.formats.boot import sonyelf, tail, tail_renewal
from hardboot.formats.containers.model import Changes, Container, Rebuilt


def open_sony(data: memoryview, base: int = 0) -> Container:
    """Take a boot image of Sony's apart.

    Args:
        data: The image.
        base: Bytes in front of `data` in the file, from whose start an AVB footer counts.

    Raises:
        InputError: If `data` is something else, or damaged.
    """
    image = sonyelf.parse(data)
    rest = image.gaps[-1]
    end = len(data) - len(rest)

    def rebuild(changes: Changes) -> Rebuilt:
        moved = sonyelf.with_parts(image, dict(changes.parts))
        renewed = tail_renewal.renew(rest, base + end, base + moved.end, grow=changes.grow)
        loaded = tuple(
            replace(part, addr=changes.part_fields[part.name]["load_addr"]) for part in moved.loaded
        )
        gaps = (*moved.gaps[:-1], renewed.data)
        changed = replace(moved, loaded=loaded, gaps=gaps, entry=changes.fields["entry_addr"])
        return Rebuilt(sonyelf.build(changed), moved.end - end, renewed.overwritten)

    return Container(
        kind=sniff.SONY_ELF,
        fields={"entry_addr": image.entry},
        parts=image.parts,
        part_fields={part.name: {"load_addr": part.addr} for part in image.loaded},
        signed=tail.is_signed(rest, base + end),
        rebuild=rebuild,
    )
