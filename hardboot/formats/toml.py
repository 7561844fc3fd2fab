"""Write TOML 1.0 for people to edit: addresses in hex, one table after the other. Read it with tomllib."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

_HEX_NAMES = ("addr", "offset", "board_id")
_BARE = frozenset("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump(
    comments: Iterable[str],
    tables: Mapping[str, Mapping[str, Any]],
    arrays: Mapping[str, Iterable[Mapping[str, Any]]] | None = None,
    *,
    hexadecimal: tuple[str, ...] = _HEX_NAMES,
) -> str:
    """Return the document.

    Args:
        comments: Lines at its start.
        tables: By name; "" is the table in front of the first name. Values are int, bool, str, and lists and
            mappings of them. A str with surrogates is written as {hex = "..."}; `decode` reads it.
        arrays: Arrays of tables, by name.
        hexadecimal: Integers whose names end so are written in hex.
    """
    lines = [f"# {_printable(comment)}" for comment in comments]
    for name, table in tables.items():
        lines += [*(["", f"[{name}]"] if name else []), *_rows(table, hexadecimal)]
    for name, rows in (arrays or {}).items():
        for row in rows:
            lines += ["", f"[[{name}]]", *_rows(row, hexadecimal)]
    return "\n".join(lines) + "\n"


def _rows(table: Mapping[str, Any], hexadecimal: tuple[str, ...]) -> list[str]:
    return [f"{_key(name)} = {_value(name, value, hexadecimal)}" for name, value in table.items()]


def _key(name: str) -> str:
    return name if name and _BARE.issuperset(name) else f'"{_escaped(name)}"'


def _value(name: str, value: Any, hexadecimal: tuple[str, ...]) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return hex(value) if name.endswith(hexadecimal) else str(value)
    if isinstance(value, list) and value and isinstance(value[0], dict):
        return "[\n" + "".join(f"    {_value(name, item, hexadecimal)},\n" for item in value) + "]"
    if isinstance(value, list):
        return f"[{', '.join(_value(name, item, hexadecimal) for item in value)}]"
    if isinstance(value, dict):
        return f"{{ {', '.join(_rows(value, hexadecimal))} }}"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return f'{{ hex = "{value.encode("utf-8", "surrogateescape").hex()}" }}'
    return f'"{_escaped(value)}"'


def _escaped(text: str) -> str:
    return "".join(
        _ESCAPES.get(char) or (f"\\u{ord(char):04x}" if ord(char) < 0x20 or ord(char) == 0x7F else char)
        for char in text
    )


def _printable(text: str) -> str:
    return "".join(char if char.isprintable() else "?" for char in text)


def decode(value: Any) -> Any:
    """Return a value as `dump` got it: {hex = "..."} becomes a str, anything else stays.

    Raises:
        ValueError: If the value is not hex.
    """
    if isinstance(value, dict) and set(value) == {"hex"}:
        return bytes.fromhex(str(value["hex"])).decode("utf-8", "surrogateescape")
    return value
