"""Bootconfig: keys and values for kernel and init, at the end of a ramdisk or of vendor_boot.

Sources: Linux lib/bootconfig.c (syntax), init/main.c get_boot_config_from_initrd() and
Documentation/admin-guide/bootconfig.rst (where it lies in a ramdisk), include/linux/bootconfig.h (limits).
"""

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeAlias

from hardboot.base.errors import InputError
from hardboot.formats.reading import Data, malformed, view

MAGIC = b"#BOOTCONFIG\n"  # BOOTCONFIG_MAGIC
ALIGNMENT = 4  # bytes; of the end of the trailer, BOOTCONFIG_ALIGN
MAX_SIZE = 32767  # bytes of text; XBC_DATA_MAX
MAX_DEPTH = 16  # braces in each other; XBC_DEPTH_MAX

Entries: TypeAlias = Mapping[str, tuple[str, ...]]
"""Values by key ("androidboot.slot_suffix"); a key may have none."""
NO_ENTRIES: Entries = MappingProxyType({})

_WHAT = "bootconfig"
_TRAILER = 8 + len(MAGIC)  # bytes: size, checksum, magic
_KEY = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")
_SPACE = re.compile(r"(?:\s|#[^\n]*)*")  # a comment ends with its line
_INLINE = re.compile(r"[ \t\r\v\f]*")
_QUOTED = re.compile(r"\"[^\"]*\"|'[^']*'")
_BARE = re.compile(r"[^,;\n#}]*")
_OPERATORS = ("+=", ":=", "=")


def parse(text: str) -> dict[str, tuple[str, ...]]:
    """Return the values by key, in the order of the text.

    Raises:
        InputError: If the syntax is wrong, or a key is set twice; the kernel then takes nothing of it.
    """
    return _Parser(text.rstrip("\0")).parse()


def build(entries: Entries) -> str:
    """Return the text of `entries`, a line each, as /proc/bootconfig shows them.

    Raises:
        InputError: If a key or value cannot be written.
    """
    return "".join(f"{_checked_key(key)} = {_values(values)}\n" for key, values in entries.items())


def decode(data: Data) -> str:
    """Return the text of a bootconfig as it is stored, without the padding behind it."""
    return bytes(view(data)).rstrip(b"\0").decode("utf-8", "replace")


def words(entries: Entries) -> str:
    """Return `entries` as words of a kernel command line, where Android's init looks for them, too."""
    return " ".join(_word(key, ",".join(values)) for key, values in entries.items())


def _word(key: str, value: str) -> str:
    return f'{key}="{value}"' if any(char.isspace() for char in value) else f"{key}={value}"


def append(ramdisk: bytes, text: str) -> bytes:
    """Return `ramdisk` with `text` behind it: padding, size, checksum and magic let the kernel find it.

    Raises:
        InputError: If the text is larger than kernels read.
    """
    data = text.encode()
    if len(data) > MAX_SIZE:
        raise malformed(_WHAT, "size", 0, f"{len(data)} bytes, kernels read at most {MAX_SIZE}")
    data += bytes(-(len(ramdisk) + len(data) + _TRAILER) % ALIGNMENT)
    words = len(data).to_bytes(4, "little") + _checksum(data).to_bytes(4, "little")
    return ramdisk + data + words + MAGIC


def split(ramdisk: Data) -> tuple[memoryview, str]:
    """Return a ramdisk without the bootconfig behind it, and that; "" if it has none.

    Raises:
        InputError: If there is one, and it is damaged.
    """
    whole = view(ramdisk)
    for padding in range(ALIGNMENT):  # a bootloader may have aligned the ramdisk
        end = len(whole) - padding
        if end >= _TRAILER and whole[end - len(MAGIC) : end] == MAGIC:
            return _split_at(whole[:end])
    return whole, ""


def _split_at(whole: memoryview) -> tuple[memoryview, str]:
    at = len(whole) - _TRAILER
    size, checksum = (int.from_bytes(whole[at + i : at + i + 4], "little") for i in (0, 4))
    if size > at:
        raise malformed(_WHAT, "size", at, f"{size} bytes, {at} are in front of it")
    data = bytes(whole[at - size : at])
    if _checksum(data) != checksum:
        raise malformed(_WHAT, "checksum", at + 4, f"{checksum:#x}, of the text it is {_checksum(data):#x}")
    return whole[: at - size], decode(data)


def _checksum(data: bytes) -> int:
    return sum(data) & 0xFFFFFFFF


def _checked_key(key: str) -> str:
    if not _KEY.fullmatch(key):
        raise _unwritable(f"the key {key[:80]!r} has other characters than letters, digits, - and _")
    return key


def _values(values: tuple[str, ...]) -> str:
    return ", ".join(map(_quoted, values)) or '""'


def _quoted(value: str) -> str:
    quote = "'" if '"' in value else '"'
    if quote in value or not _printable(value):
        raise _unwritable(f"the value {value[:80]!r} cannot be quoted")
    return f"{quote}{value}{quote}"


def _printable(value: str) -> bool:
    return all(char.isprintable() or char.isspace() for char in value)


def _unwritable(problem: str) -> InputError:
    return InputError(
        f"{_WHAT}: {problem}", state="Nothing was changed.", fix="Change it in the image or on the phone."
    )


class _Parser:
    """The text, and what is read of it so far."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._entries: dict[str, tuple[str, ...]] = {}
        self._open: list[str] = []  # prefixes of the keys, of each open brace

    def parse(self) -> dict[str, tuple[str, ...]]:
        if len(self._text) > MAX_SIZE:
            raise self._wrong(f"more than {MAX_SIZE} characters, which kernels do not read")
        while True:
            self._skip(_SPACE)
            if self._at == len(self._text):
                break
            if self._take("}"):
                if not self._open:
                    raise self._wrong("a brace is closed that was not opened")
                self._open.pop()
            elif not self._take(";"):
                self._statement()
        if self._open:
            raise self._wrong("a brace is not closed")
        return self._entries

    def _statement(self) -> None:
        word = _KEY.match(self._text, self._at)
        if word is None:
            raise self._wrong("a key is missing, or has a character that keys may not have")
        self._at = word.end()
        key = ".".join([*self._open[-1:], word[0]])
        self._skip(_INLINE)
        operator = next((one for one in _OPERATORS if self._take(one)), None)
        if operator:
            self._assign(key, operator)
        elif self._take("{"):
            if len(self._open) == MAX_DEPTH:
                raise self._wrong(f"more than {MAX_DEPTH} braces in each other")
            self._open.append(key)
        elif self._at == len(self._text) or self._text[self._at] in ";\n}#":
            self._entries.setdefault(key, ())
        else:
            raise self._wrong(f"no operator follows the key {key[:80]}")

    def _assign(self, key: str, operator: str) -> None:
        values = [self._value()]
        while self._take(","):
            values.append(self._value())
        if self._at < len(self._text) and self._text[self._at] not in ";\n}#":
            raise self._wrong(f"something follows the value of {key[:80]}")
        old = self._entries.get(key, ())
        if operator == "=" and old:
            raise self._wrong(f"{key[:80]} is set twice")
        self._entries[key] = (*(old if operator == "+=" else ()), *values)

    def _value(self) -> str:
        self._skip(_SPACE)  # Linux looks for a value in the next lines, too
        quoted = _QUOTED.match(self._text, self._at)
        found = quoted or _BARE.match(self._text, self._at)
        assert found  # the second one fits an empty text
        if not _printable(found[0]):
            raise self._wrong(f"the value {found[0][:80]!r} cannot be printed")
        if not quoted and found[0][:1] in ("'", '"'):
            raise self._wrong("a quote is not closed")
        self._at = found.end()
        self._skip(_INLINE)
        return found[0][1:-1] if quoted else found[0].strip()

    def _skip(self, pattern: re.Pattern[str]) -> None:
        found = pattern.match(self._text, self._at)
        assert found  # it fits an empty text
        self._at = found.end()

    def _take(self, token: str) -> bool:
        taken = self._text.startswith(token, self._at)
        self._at += len(token) if taken else 0
        return taken

    def _wrong(self, problem: str) -> InputError:
        line = self._text.count("\n", 0, self._at) + 1
        return malformed(_WHAT, f"line {line}", self._at, problem)
