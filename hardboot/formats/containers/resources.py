"""Rockchip's resource images as containers: each file in them is a part."""

from itertools import chain

from hardboot.formats import sniff
from hardboot.formats.boot import rsce, tail, tail_renewal
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container, Rebuilt
from hardboot.formats.reading import windows


def open_resources(data: memoryview, base: int = 0) -> Container:
    """Take a resource image apart.

    Args:
        data: The image.
        base: Bytes in front of `data` in the file, from whose start an AVB footer counts.

    Raises:
        InputError: If it is damaged.
    """
    image = rsce.parse(data)
    names = [_part_name(index, entry.name) for index, entry in enumerate(image.entries)]
    rest = data[image.end :]

    def rebuild(changes: Changes) -> Rebuilt:
        paths = [changes.part_fields[name]["name"] for name in names]
        built = rsce.build(image, paths, [changes.parts[name] for name in names])
        renewed = tail_renewal.renew(rest, base + image.end, base + len(built), grow=changes.grow)
        return Rebuilt(
            chain(windows(built), windows(renewed.data)), len(built) - image.end, renewed.overwritten
        )

    parts = [
        Part(name, entry.block * rsce.BLOCK, content)
        for name, entry, content in zip(names, image.entries, image.contents, strict=True)
    ]
    return Container(
        kind=sniff.RESOURCE_IMAGE,
        fields={},
        parts=tuple(sorted(parts, key=lambda part: part.offset)),
        part_fields={name: {"name": entry.name} for name, entry in zip(names, image.entries, strict=True)},
        signed=tail.is_signed(rest, base + image.end),
        rebuild=rebuild,
    )


def _part_name(index: int, path: str) -> str:
    return f"{'tree' if path.endswith('.dtb') else 'file'}{index}"
