"""Fixed headers: one table of fields says how they are read, written and named in errors."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

from hardboot.formats.reading import malformed, truncated

Values = dict[str, Any]


class Layout:
    """A header of fixed-size fields, one behind the other, without alignment.

    Args:
        what: The format, for errors: "boot image".
        order: "<" little-endian, ">" big-endian.
        fields: Name and struct format of each field: "I", "Q", "16s", "4I".
    """

    def __init__(self, what: str, order: str, *fields: tuple[str, str]) -> None:
        self.what = what
        self.names = tuple(name for name, _ in fields)
        self.offsets: dict[str, int] = {}
        self._formats = {name: struct.Struct(order + form) for name, form in fields}
        size = 0
        for name, form in self._formats.items():
            self.offsets[name] = size
            size += form.size
        self.size = size

    def parse(self, data: memoryview, offset: int = 0) -> Values:
        """The fields at `offset`; a field of several words is a tuple.

        Raises:
            InputError: If `data` ends before the header does.
        """
        if offset + self.size > len(data):
            raise truncated(self.what, "header", offset, len(data) - offset, self.size)
        values: Values = {}
        for name, form in self._formats.items():
            found = form.unpack_from(data, offset + self.offsets[name])
            values[name] = found[0] if len(found) == 1 else found
        return values

    def build(self, values: Mapping[str, Any]) -> bytes:
        """The header.

        Raises:
            InputError: If a value does not fit into its field.
        """
        out = bytearray()
        for name, form in self._formats.items():
            value = values[name]
            items = value if isinstance(value, tuple | list) else (value,)
            too_long = isinstance(value, bytes) and len(value) != form.size
            try:
                packed = form.pack(*items)
            except struct.error:
                too_long = True
            if too_long:
                raise malformed(
                    self.what,
                    name,
                    self.offsets[name],
                    f"{value!r} does not fit",
                    fix="Give a value that fits into the field.",
                )
            out += packed
        return bytes(out)
