"""The tokens of a flattened device tree, one by one: nothing of it is copied but names.

Source: Devicetree Specification v0.4, section 5.4.
"""

import struct
from collections.abc import Iterator
from typing import TypeAlias

from hardboot.formats.reading import malformed
from hardboot.formats.trees.fdt_header import (
    BEGIN_NODE,
    END,
    END_NODE,
    MAX_SIZE,
    NOP,
    PROP,
    FdtHeader,
)
from hardboot.formats.trees.tree import WHAT, WORD

MAX_TOKENS = MAX_SIZE // WORD.size  # as many as the largest tree can have

_PROPERTY = struct.Struct(">III")
_NAME_PIECE = 64  # bytes


Token: TypeAlias = tuple[int, str, int, int]
"""BEGIN_NODE, END_NODE, PROP or END; the name of a node or property; the token's offset; bytes of a value."""


def value(offset: int, size: int) -> slice:
    """Return the bytes of the value of a property whose token is at `offset`."""
    return slice(offset + _PROPERTY.size, offset + _PROPERTY.size + size)


def walk(data: memoryview, head: FdtHeader) -> Iterator[Token]:
    """Yield the tokens of a tree up to the end token, which is the last one.

    Raises:
        InputError: If a token is unknown or does not lie inside the tree, there are too many, or a name
            is damaged.
    """
    at, stop = head.structure.start, head.structure.stop
    names = _PropertyNames(bytes(data[head.strings.start : head.strings.stop]), head.strings.start)
    read_word, read_property = WORD.unpack_from, _PROPERTY.unpack_from  # this is where the time goes
    for _ in range(MAX_TOKENS):
        if at + WORD.size > stop:
            raise malformed(WHAT, "structure", at, "it ends without an end token")
        (token,) = read_word(data, at)
        here = at
        if token == PROP:
            if at + _PROPERTY.size > stop:
                raise malformed(WHAT, "property", here, "it is truncated")
            _, size, name_offset = read_property(data, at)
            name = names.get(name_offset, here)
            at += _PROPERTY.size
            if at + size > stop:
                raise malformed(WHAT, f"property {name}", here, f"{size} bytes, the tree ends before")
            at += (size + 3) // 4 * 4
            yield PROP, name, here, size
        elif token == BEGIN_NODE:
            start = at + WORD.size
            end = _find_nul(data, start, stop)
            name = read_name(bytes(data[start:end]), "node name", start)
            at = start + (end - start) // 4 * 4 + 4
            yield BEGIN_NODE, name, here, 0
        elif token in (END_NODE, END):
            at += WORD.size
            yield token, "", here, 0
            if token == END:
                return
        elif token == NOP:
            at += WORD.size
        else:
            raise malformed(WHAT, "structure", here, f"unknown token {token:#x}")
    raise malformed(WHAT, "structure", at, f"more than {MAX_TOKENS} tokens")


def _find_nul(data: memoryview, start: int, stop: int) -> int:
    for at in range(start, stop, _NAME_PIECE):
        found = bytes(data[at : min(at + _NAME_PIECE, stop)]).find(b"\0")
        if found >= 0:
            return at + found
    raise malformed(WHAT, "node name", start, "it does not end inside the tree")


def read_name(raw: bytes, field_name: str, offset: int) -> str:
    """Return the name of a node or property.

    Raises:
        InputError: If it has a character that names may not have.
    """
    if not raw.isascii() or b"/" in raw:
        raise malformed(WHAT, field_name, offset, f"{raw[:40]!r} has a character that names may not have")
    return raw.decode("ascii")


class _PropertyNames:
    """The strings block; each string is decoded once."""

    def __init__(self, block: bytes, offset: int) -> None:
        self._block = block
        self._offset = offset
        self._known: dict[int, str] = {}

    def get(self, start: int, used_at: int) -> str:
        """Return the string at `start` of the block, for the property at `used_at`.

        Raises:
            InputError: If it is outside the block, or has other characters than names may have.
        """
        name = self._known.get(start)
        if name is None:
            end = self._block.find(b"\0", start)
            if end < 0:
                raise malformed(WHAT, "property name", used_at, f"{start:#x} is outside the strings block")
            name = read_name(self._block[start:end], "property name", self._offset + start)
            self._known[start] = name
        return name
