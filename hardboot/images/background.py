"""Work that runs beside the rest: hashing, unpacking and writing leave the interpreter free."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from hardboot.formats.reading import Data, sha256

_T = TypeVar("_T")


def begin(work: Callable[[], _T]) -> Callable[[], _T]:
    """Start `work` in a thread of its own.

    Returns:
        A function that waits for it and returns what it returned, or raises what it raised.
    """
    executor = ThreadPoolExecutor(max_workers=1)
    future = executor.submit(work)
    executor.shutdown(wait=False)
    return future.result


def hashes(datas: Sequence[Data]) -> Callable[[], list[str]]:
    """Begin the SHA-256 of each, in hex."""
    return begin(lambda: [sha256(data) for data in datas])
