"""Work that runs beside the rest: hashing, unpacking and writing leave the interpreter free."""

from collections.abc import Callable, Sequence
from threading import Thread
from typing import Generic, TypeVar

from hardboot.formats.reading import Data, sha256

_T = TypeVar("_T")


class Task(Generic[_T]):
    """Work in a thread of its own."""

    def __init__(self, work: Callable[[], _T]) -> None:
        self._work = work
        self._error: BaseException | None = None
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        try:
            self._result = self._work()
        except BaseException as error:
            self._error = error

    def result(self) -> _T:
        """What `work` returned, once it did; what it raised is raised here."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        return self._result


def hashes(datas: Sequence[Data]) -> Task[list[str]]:
    """The SHA-256 of each, in hex."""
    return Task(lambda: [sha256(data) for data in datas])
