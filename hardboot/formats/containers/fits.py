"""U-Boot's FIT images as containers: each image in them is a part."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain

from hardboot.base.sizes import align_up
from hardboot.formats import sniff
from hardboot.formats.boot import tail_renewal
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers.model import Changes, Container, Rebuilt
from hardboot.formats.reading import Data, malformed, view, windows
from hardboot.formats.trees import fit
from hardboot.formats.trees.fit import Fit, FitImage

_NAMES = {"kernel": "kernel", "ramdisk": "ramdisk", "flat_dt": "tree"}
_WORD = 4  # bytes
_MAX_ALIGNMENT = 4096  # bytes, of data behind the tree (mkimage -B)
_BUILD = "Build a new FIT with mkimage -f, from the files in the folder."


@dataclass(frozen=True)
class _Edit:
    """Bytes of the old file, from `start` to `stop`, and what replaces them."""

    start: int
    stop: int
    content: Data


def open_fit(data: memoryview) -> Container | None:
    """Take a FIT apart; None if `data` is another device tree.

    Raises:
        InputError: If it is damaged.
    """
    parsed = fit.parse(data)
    if parsed is None:
        return None
    names = {_name_of(index, image): image for index, image in enumerate(parsed.images)}
    parts = [Part(name, image.offset, image.data) for name, image in names.items()]
    return Container(
        kind=sniff.FIT_IMAGE,
        fields={},
        parts=tuple(sorted(parts, key=lambda part: part.offset)),
        part_fields={},
        signed=any(image.signed for image in parsed.images) or parsed.signed,
        rebuild=lambda changes: _rebuild(data, parsed, names, changes),
    )


def _name_of(index: int, image: FitImage) -> str:
    return f"{_NAMES.get(image.type, 'file')}{index}"


def _rebuild(data: memoryview, parsed: Fit, names: Mapping[str, FitImage], changes: Changes) -> Rebuilt:
    contents = [(image, view(changes.parts[name])) for name, image in names.items()]
    inside = [(image, content) for image, content in contents if image.place is None]
    behind = sorted(
        ((image, content) for image, content in contents if image.place), key=lambda pair: pair[0].offset
    )
    edits = [edit for image, content in contents for edit in _hash_edits(image, content)]
    edits += [edit for image, content in inside for edit in _inside_edits(image, content)]
    tree_growth = sum(_padded(content) - _padded(image.data) for image, content in inside)
    if tree_growth:
        edits.append(_header_edit(data, parsed, tree_growth))
    end = parsed.header.totalsize
    if behind:
        end = max(end, _behind_end(data, [image for image, _ in behind]))
        edits += _behind_edits(behind, end, tree_growth)
    growth = sum(len(edit.content) - (edit.stop - edit.start) for edit in edits)
    renewed = tail_renewal.renew(data[end:], end, end + growth, grow=changes.grow)
    chunks = chain(_edited(data[:end], edits), windows(renewed.data))
    return Rebuilt(chunks, growth, renewed.overwritten)


def _padded(content: Data) -> int:
    return align_up(len(content), _WORD)


def _word(start: int, number: int) -> _Edit:
    return _Edit(start, start + _WORD, number.to_bytes(_WORD, "big"))


def _hash_edits(image: FitImage, content: memoryview) -> Iterator[_Edit]:
    for stated in image.hashes:
        computed = stated.computed(content)
        if computed is not None and len(computed) == len(stated.value):
            yield _Edit(stated.offset, stated.offset + len(computed), computed)


def _inside_edits(image: FitImage, content: memoryview) -> Iterator[_Edit]:
    """Yield the edits of a property with data: its size, 8 bytes in front, and the padded value."""
    start = image.offset
    yield _word(start - 2 * _WORD, len(content))
    padding = bytes(_padded(content) - len(content))
    yield _Edit(start, start + _padded(image.data), bytes(content) + padding if padding else content)


def _header_edit(data: memoryview, parsed: Fit, growth: int) -> _Edit:
    """Return the edit of the tree's header, whose structure block grows."""
    old = parsed.header
    start = old.off_dt_struct
    new = replace(
        old,
        totalsize=old.totalsize + growth,
        size_dt_struct=old.size_dt_struct + growth,
        off_dt_strings=old.off_dt_strings + growth * (old.off_dt_strings > start),
        off_mem_rsvmap=old.off_mem_rsvmap + growth * (old.off_mem_rsvmap > start),
    )
    return _Edit(0, old.SIZE, new.build())


def _behind_edits(behind: list[tuple[FitImage, memoryview]], end: int, tree_growth: int) -> Iterator[_Edit]:
    """Yield the edits of data behind the tree; what follows data that grew moves, and stays aligned.

    Args:
        behind: The old data, in file order, and the new.
        end: Of the last data with its padding.
        tree_growth: Bytes by which the tree in front grew.

    Raises:
        InputError: If data at a fixed position would have to move with the tree.
    """
    alignment = _alignment([image for image, _ in behind])
    moved = 0
    for index, (image, content) in enumerate(behind):
        place, start = image.place, image.offset
        if place is None or (tree_growth and not place.base):
            problem = "it has a fixed position behind a tree of another size"
            raise malformed(sniff.FIT_IMAGE, f"image {image.name}", start, problem, fix=_BUILD)
        following = behind[index + 1][0].offset if index + 1 < len(behind) else end
        old_end, new_start = start + len(image.data), start + moved - place.base
        length = len(content) + following - old_end
        if following - place.base == align_up(old_end - place.base, alignment):
            length = align_up(new_start + len(content), alignment) - new_start
        yield _word(place.start_at, new_start)
        yield _word(place.size_at, len(content))
        yield _Edit(start, following, bytes(content).ljust(length, b"\0"))
        moved += length - (following - start)


def _behind_end(data: memoryview, images: list[FitImage]) -> int:
    """Return the end of the last data behind the tree, with the zeros that align it."""
    last = max(images, key=lambda image: image.offset + len(image.data))
    base, end = last.place.base if last.place else 0, last.offset + len(last.data)
    aligned = base + align_up(end - base, _alignment(images))
    return end if aligned > len(data) or any(data[end:aligned]) else aligned


def _alignment(images: list[FitImage]) -> int:
    """Return the largest power of two that all data behind the tree is aligned to, counted from its base."""
    alignment = _MAX_ALIGNMENT
    for image in images:
        start = image.offset - (image.place.base if image.place else 0)
        while start % alignment and alignment > _WORD:
            alignment //= 2
    return alignment


def _edited(data: memoryview, edits: list[_Edit]) -> Iterator[Data]:
    end = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        yield from windows(data[end : edit.start])
        yield from windows(edit.content)
        end = edit.stop
    yield from windows(data[end:])
