"""Work that runs beside the rest: hashing leaves the interpreter free."""

from collections.abc import Callable, Sequence
from threading import Thread
from typing import Generic, TypeVar

from hardboot.formats.reading import Data, sha256

_T = TypeVar("_T")


class Task(Generic[_T]):
    """Work in a thread of its own."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._results: list[_T] = []
        self._thread = Thread(target=lambda: self._results.append(work()), daemon=True)
        self._thread.start()

    def result(self) -> _T:
        """What `work` returned."""
        self._thread.join()
        return self._results[0]


def hashes(datas: Sequence[Data]) -> Task[list[str]]:
    """The SHA-256 of each, in hex."""
    return Task(lambda: [sha256(data) for data in datas])
