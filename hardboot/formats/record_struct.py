"""Fixed-size headers and table entries, declared with construct and read as frozen dataclasses.

Every field of the dataclass names its Python type and its construct:

    @dataclass(frozen=True)
    class Footer:
        magic: Annotated[bytes, Bytes(4)]
        size: Be64

    FOOTER = RecordStruct("AVB footer", Footer)

So each field is written once, mypy knows its type, and construct reads and writes it.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Generic, TypeAlias, TypeVar, get_args, get_origin, get_type_hints

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

from hardboot.formats.reading import malformed

Record = TypeVar("Record")

# Unsigned integers: little-endian and big-endian, by their bits.
U8: TypeAlias = Annotated[int, Int8ul]
Le16: TypeAlias = Annotated[int, Int16ul]
Le32: TypeAlias = Annotated[int, Int32ul]
Le64: TypeAlias = Annotated[int, Int64ul]
Be16: TypeAlias = Annotated[int, Int16ub]
Be32: TypeAlias = Annotated[int, Int32ub]
Be64: TypeAlias = Annotated[int, Int64ub]


class RecordStruct(Generic[Record]):
    """Read and write one dataclass as bytes of a fixed size.

    Args:
        what: The format, for errors: "boot image".
        record: A frozen dataclass. Every field is Annotated[type, construct]; a construct.Array is a tuple.

    Attributes:
        size: Bytes of the whole record.

    Raises:
        TypeError: If a field has no construct, or one that reads another type than the field has.
    """

    def __init__(self, what: str, record: type[Record]) -> None:
        self.what = what
        self.size = 0
        self._new: Callable[..., Record] = record
        self._offsets: dict[str, int] = {}
        constructs: dict[str, Construct] = {}
        for name, hint in get_type_hints(record, include_extras=True).items():
            constructs[name] = _construct(f"{record.__name__}.{name}", hint)
            self._offsets[name] = self.size
            self.size += constructs[name].sizeof()
        self._struct = Struct(**constructs)

    def parse(self, data: memoryview, offset: int = 0) -> Record:
        """Read the record at `offset`; nothing behind it is touched.

        Raises:
            InputError: If `data` ends before the record does.
        """
        if not 0 <= offset <= len(data) - self.size:
            problem = f"{max(0, len(data) - offset)} bytes, it has {self.size}"
            raise malformed(self.what, "header", offset, problem)
        parsed = self._struct.parse(bytes(data[offset : offset + self.size]))
        return self._new(**{name: _frozen(parsed[name]) for name in self._offsets})

    def build(self, record: Record) -> bytes:
        """Return the record as stored.

        Raises:
            InputError: If a value does not fit into its field.
        """
        try:
            built: bytes = self._struct.build(vars(record))
        except ConstructError as error:
            name = str(error.path).split(" -> ")[1]  # "(building) -> name"
            problem = f"{getattr(record, name)!r} does not fit"
            fix = "Give a value that fits into the field."
            raise malformed(self.what, name, self._offsets[name], problem, fix=fix) from error
        return built

    def offset_of(self, name: str) -> int:
        """Return where a field lies in the record, in bytes."""
        return self._offsets[name]


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
