"""Fixed-size headers and table entries: frozen dataclasses that construct reads and writes.

    @dataclass(frozen=True)
    class Footer(BinaryRecord, what="AVB footer"):
        magic: Annotated[bytes, Bytes(4)]
        size: Be64

    Footer.parse(data, offset).size

So each field is declared once, with its type for mypy and its construct for the bytes.
"""

from __future__ import annotations

from typing import Annotated, ClassVar, Self, TypeAlias, get_args, get_origin, get_type_hints

from construct import (
    Construct,
    ConstructError,
    Int8ul,
    Int16ub,
    Int16ul,
    Int32ub,
    Int32ul,
    Int64ub,
    Int64ul,
    Struct,
)

from hardboot.formats.reading import malformed, truncated

# Unsigned integers: little-endian and big-endian, by their bits.
U8: TypeAlias = Annotated[int, Int8ul]
Le16: TypeAlias = Annotated[int, Int16ul]
Le32: TypeAlias = Annotated[int, Int32ul]
Le64: TypeAlias = Annotated[int, Int64ul]
Be16: TypeAlias = Annotated[int, Int16ub]
Be32: TypeAlias = Annotated[int, Int32ub]
Be64: TypeAlias = Annotated[int, Int64ub]


class BinaryRecord:
    """Base class of frozen dataclasses that are stored as bytes of a fixed size.

    Every field is Annotated[type, construct], where the construct reads any bytes: an integer, Bytes(n), or
    an Array of integers, which is a tuple. A subclass of a record adds its fields behind those of its base.

    Attributes:
        WHAT: The format, for errors: "boot image"; given as `what` in the class line.
        SIZE: Bytes of the stored record.
    """

    WHAT: ClassVar[str]
    SIZE: ClassVar[int]
    _OFFSETS: ClassVar[dict[str, int]]
    _STRUCT: ClassVar[Struct]

    def __init_subclass__(cls, what: str | None = None) -> None:
        """Declare the construct of a record.

        Raises:
            TypeError: If a field has no construct, or one that reads another type than the field has.
        """
        if what is not None:
            cls.WHAT = what
        cls.SIZE, cls._OFFSETS = 0, {}
        constructs: dict[str, Construct] = {}
        for name, hint in get_type_hints(cls, include_extras=True).items():
            if get_origin(hint) is not ClassVar:
                constructs[name] = _construct(f"{cls.__name__}.{name}", hint)
                cls._OFFSETS[name] = cls.SIZE
                cls.SIZE += constructs[name].sizeof()
        cls._STRUCT = Struct(**constructs)

    @classmethod
    def parse(cls, data: memoryview, offset: int = 0) -> Self:
        """Read the record at `offset`; nothing else of `data` is read.

        Raises:
            InputError: If `data` ends before the record does.
        """
        if not 0 <= offset <= len(data) - cls.SIZE:
            raise truncated(cls.WHAT, "header", offset, len(data) - offset, cls.SIZE)
        parsed = cls._STRUCT.parse(bytes(data[offset : offset + cls.SIZE]))
        return cls(**{name: _frozen(parsed[name]) for name in cls._OFFSETS})

    def build(self) -> bytes:
        """Return the record as stored.

        Raises:
            InputError: If a value does not fit into its field.
        """
        try:
            built: bytes = self._STRUCT.build(vars(self))
        except ConstructError as error:
            name = str(error.path).split(" -> ")[1]  # "(building) -> name"
            problem = f"{getattr(self, name)!r} does not fit"
            fix = "Give a value that fits into the field."
            raise malformed(self.WHAT, name, self._OFFSETS[name], problem, fix=fix) from error
        return built

    @classmethod
    def offset_of(cls, name: str) -> int:
        """Return where a field lies in the record, in bytes."""
        return cls._OFFSETS[name]

    @classmethod
    def names(cls) -> tuple[str, ...]:
        """Return the names of the fields, in their order."""
        return tuple(cls._OFFSETS)


def _construct(name: str, hint: object) -> Construct:
    """Return the construct in a field's annotation, tried on zeros."""
    if get_origin(hint) is not Annotated:
        raise TypeError(f"{name} has no construct: annotate it Annotated[type, construct]")
    kind, construct = get_args(hint)
    value = _frozen(construct.parse(bytes(construct.sizeof())))
    if not isinstance(value, get_origin(kind) or kind):
        raise TypeError(f"{name} is {kind}, its construct reads {type(value).__name__}")
    return construct


def _frozen(value: object) -> object:
    return tuple(value) if isinstance(value, list) else value
