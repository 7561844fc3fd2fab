"""Text in fields of a fixed size, filled up with NULs."""

from __future__ import annotations

from hardboot.formats.reading import malformed


def read_text(raw: bytes) -> str:
    """Return a text field up to its NUL; bytes that are not UTF-8 are kept as surrogates."""
    return raw.partition(b"\0")[0].decode("utf-8", "surrogateescape")


def stored_text(text: str, what: str, field: str, offset: int, size: int) -> bytes:
    """Return `text` for a field of `size` bytes, filled up with NULs.

    Raises:
        InputError: If it is too long, or contains a character that cannot be stored.
    """
    try:
        raw = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError as error:
        problem = f"{error.reason}: {text!r}"
        raise malformed(what, field, offset, problem, fix="Remove that character.") from error
    if len(raw) > size:
        fix = "Make it shorter."
        raise malformed(what, field, offset, f"{len(raw)} bytes, the limit is {size}", fix=fix)
    if b"\0" in raw:
        raise malformed(what, field, offset, "it contains a NUL character", fix="Remove it.")
    return raw.ljust(size, b"\0")


def kept_text(old: bytes, text: str, what: str, field: str, offset: int) -> bytes:
    """Return a text field: `old` if that already reads as `text`, so that bytes after its NUL stay."""
    return old if read_text(old) == text else stored_text(text, what, field, offset, len(old))
