"""Write TOML 1.0 for people to edit: addresses in hex, one table after the other. Python reads it itself."""

from collections.abc import Iterable, Mapping
from typing import Any

_HEX_NAMES = ("addr", "offset", "board_id")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def dump(
    comments: Iterable[str],
    tables: Mapping[str, Mapping[str, Any]],
    arrays: Mapping[str, Iterable[Mapping[str, Any]]],
) -> str:
    """The document; values are int, bool, str and lists of int. A str with surrogates is {hex = "..."}."""
    lines = [f"# {_printable(comment)}" for comment in comments]
    for name, table in tables.items():
        lines += ["", f"[{name}]", *_rows(table)]
    for name, rows in arrays.items():
        for row in rows:
            lines += ["", f"[[{name}]]", *_rows(row)]
    return "\n".join(lines) + "\n"


def _rows(table: Mapping[str, Any]) -> list[str]:
    return [f"{name} = {_value(name, value)}" for name, value in table.items()]


def _value(name: str, value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return hex(value) if name.endswith(_HEX_NAMES) else str(value)
    if isinstance(value, list):
        return f"[{', '.join(_value(name, one) for one in value)}]"
    try:
        value.encode("utf-8")
    except UnicodeEncodeError:
        return f'{{ hex = "{value.encode("utf-8", "surrogateescape").hex()}" }}'
    return f'"{_escaped(value)}"'


def _escaped(text: str) -> str:
    return "".join(
        _ESCAPES.get(one) or (f"\\u{ord(one):04x}" if ord(one) < 0x20 or ord(one) == 0x7F else one)
        for one in text
    )


def _printable(text: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in text)


def loaded(value: Any) -> Any:
    """A value as `dump` got it: {hex = "..."} is a str again; anything else stays.

    Raises:
        ValueError: If the hex is none.
    """
    if isinstance(value, dict) and set(value) == {"hex"}:
        return bytes.fromhex(str(value["hex"])).decode("utf-8", "surrogateescape")
    return value
