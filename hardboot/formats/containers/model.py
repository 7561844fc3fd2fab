"""One view of every image that holds parts: its fields, its parts, and how to write it with others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardboot.formats.boot.paged import Part
from hardboot.formats.reading import Data

Fields = dict[str, Any]  # int, str or a list of int


@dataclass(frozen=True)
class Changes:
    """What an image is to become: fields and parts by name, all of them."""

    fields: Fields
    part_fields: Mapping[str, Fields]
    parts: Mapping[str, Data] = field(repr=False)


@dataclass(frozen=True)
class Container:
    """An image taken apart.

    Attributes:
        kind: In words, as `sniff` says it.
        fields: What may be changed, by name; "id" may become the name of an algorithm, whose hash it then is.
        parts: In file order, without overlap; empty ones are there if the image may have them.
        part_fields: What may be changed of a part.
        signed: The image carries a signature, which no other parts fit.
        rebuild: The file with changes made, in chunks; sizes, offsets and checksums follow.
        id_algorithm: The algorithm whose hash over the parts "id" is; None if none is. Reads all parts.
    """

    kind: str
    fields: Fields
    parts: tuple[Part, ...]
    part_fields: Mapping[str, Fields]
    signed: bool
    rebuild: Callable[[Changes], Iterator[Data]] = field(repr=False)
    id_algorithm: Callable[[], str | None] = field(repr=False, default=lambda: None)
