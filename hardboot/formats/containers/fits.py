"""U-Boot's FIT images as containers: each image in them is a part, whose size cannot change."""

from collections.abc import Iterator

from hardboot.formats import sniff
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container, Rebuilt
from hardboot.formats.reading import Data, malformed, windows
from hardboot.formats.trees import fit
from hardboot.formats.trees.fit import Fit, FitImage

_NAMES = {"kernel": "kernel", "ramdisk": "ramdisk", "flat_dt": "tree"}


def open_fit(data: memoryview) -> Container | None:
    """Take a FIT apart; None if `data` is another device tree.

    Raises:
        InputError: If it is damaged.
    """
    parsed = fit.parse(data)
    if parsed is None:
        return None
    names = {name_of(index, image): image for index, image in enumerate(parsed.images)}
    parts = [Part(name, image.offset, image.data) for name, image in names.items()]
    return Container(
        kind=sniff.FIT_IMAGE,
        fields={},
        parts=tuple(sorted(parts, key=lambda part: part.offset)),
        part_fields={},
        signed=any(image.signed for image in parsed.images) or parsed.signed,
        rebuild=lambda changes: _rebuild(data, parsed, changes),
    )


def name_of(index: int, image: FitImage) -> str:
    """Return the name of the part that an image is."""
    return f"{_NAMES.get(image.type, 'file')}{index}"


def _rebuild(data: memoryview, parsed: Fit, changes: Changes) -> Rebuilt:
    edits: list[tuple[int, Data]] = []
    for index, image in enumerate(parsed.images):
        content = changes.parts[name_of(index, image)]
        if len(content) != len(image.data):
            problem = f"{len(content)} bytes, it had {len(image.data)}: hardboot does not move the others"
            fix = "Build a new FIT with mkimage -f, from the files in the folder."
            raise malformed(sniff.FIT_IMAGE, f"image {image.name}", image.offset, problem, fix=fix)
        edits.append((image.offset, content))
        for stated in image.hashes:
            computed = stated.computed(content)
            if computed is not None and len(computed) == len(stated.value):
                edits.append((stated.offset, computed))
    return Rebuilt(_edited(data, sorted(edits, key=lambda edit: edit[0])))


def _edited(data: memoryview, edits: list[tuple[int, Data]]) -> Iterator[Data]:
    end = 0
    for offset, content in edits:
        yield from windows(data[end:offset])
        yield from windows(content)
        end = max(end, offset + len(content))
    yield from windows(data[end:])
