"""The three lines of an error."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from hardboot.base.errors import HardbootError


@contextmanager
def raises(kind: type[HardbootError], what: str, state: str, fix: str) -> Iterator[None]:
    """Exactly this error, word by word, of exactly this class."""
    with pytest.raises(kind) as caught:
        yield
    error = caught.value
    assert (type(error), error.what, error.state, error.fix) == (kind, what, state, fix)
