"""An image of any kind that has parts: its fields, its parts, and how to build it with others."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardboot.formats.boot.paged import Part
from hardboot.formats.reading import Data

Fields = dict[str, Any]  # int, bool, str or a list of int: as in a TOML document


@dataclass(frozen=True)
class Changes:
    """All fields and parts of the image to build, by name.

    Attributes:
        grow: Let a file that fills its partition outgrow it.
    """

    fields: Fields
    part_fields: Mapping[str, Fields]
    parts: Mapping[str, Data] = field(repr=False)
    grow: bool = False


@dataclass(frozen=True)
class Rebuilt:
    """An image with changes.

    Attributes:
        chunks: The file.
        growth: Bytes by which the image grew, without what follows it in its partition.
        overwritten: Bytes of unknown data behind the old image that are no longer in the file.
    """

    chunks: Iterator[Data] = field(repr=False)
    growth: int = 0
    overwritten: int = 0


@dataclass(frozen=True)
class Container:
    """An image taken apart.

    Attributes:
        kind: As `sniff` names it.
        fields: By name; the field "id" may be set to the name of an algorithm, which computes the id.
        parts: In file order, without overlap; with empty ones that the image may have.
        part_fields: By part, its fields by name.
        signed: Whether the image has a signature, which is invalid when a part changes.
        rebuild: Return the image with changes; sizes, offsets and checksums are updated.
        warnings: What its header states wrongly, one sentence each; it is written back as it was.
        id_algorithm: Return the algorithm that computes the image's id; None if none does. Reads all parts.
    """

    kind: str
    fields: Fields
    parts: tuple[Part, ...]
    part_fields: Mapping[str, Fields]
    signed: bool
    rebuild: Callable[[Changes], Rebuilt] = field(repr=False)
    warnings: tuple[str, ...] = ()
    id_algorithm: Callable[[], str | None] = field(repr=False, default=lambda: None)
