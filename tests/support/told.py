"""The three lines of an error."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeVar

import pytest

from hardboot.base.errors import HardbootError

_Error = TypeVar("_Error", bound=HardbootError)


@contextmanager
def raises(kind: type[_Error], what: str, state: str, fix: str) -> Iterator["pytest.ExceptionInfo[_Error]"]:
    """Exactly this error, word by word, of exactly this class."""
    with pytest.raises(kind) as caught:
        yield caught
    error = caught.value
    assert (type(error), error.what, error.state, error.fix) == (kind, what, state, fix)
