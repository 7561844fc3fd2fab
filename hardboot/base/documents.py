"""Documents in JSON, decoded strictly into the type that is expected."""

from typing import Annotated, TypeVar

import msgspec
from msgspec import DecodeError, Meta

__all__ = ["TIME_END", "DecodeError", "Time", "decode"]

TIME_END = 1 << 37
Time = Annotated[float, Meta(ge=0, lt=TIME_END)]  # seconds since 1970 (UTC), of a year with four digits

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
