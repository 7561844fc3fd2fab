"""Documents in JSON, decoded strictly into the type that is expected."""

from typing import TypeVar

import msgspec
from msgspec import DecodeError

__all__ = ["DecodeError", "decode"]

_T = TypeVar("_T")


def decode(data: bytes | str, kind: type[_T]) -> _T:
    """Return the document in `data`.

    Raises:
        DecodeError: If it is no JSON, not of this kind, no UTF-8, or nested too deep.
    """
    try:
        return msgspec.json.decode(data, type=kind)
    except (UnicodeError, RecursionError) as error:
        raise DecodeError(str(error)) from error
