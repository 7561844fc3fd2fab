"""Work that runs beside the rest: hashing, unpacking and writing leave the interpreter free."""

from __future__ import annotations

from _thread import allocate_lock, start_new_thread  # `threading` takes 4 ms to load

from hardboot.formats.reading import sha256

TYPE_CHECKING = False  # of `typing`, which takes 11 ms to load
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import TypeVar

    from hardboot.formats.reading import Data

    _T = TypeVar("_T")


def begin(work: Callable[[], _T]) -> Callable[[], _T]:
    """Start `work` in a thread of its own.

    Returns:
        A function that waits for it and returns what it returned, or raises what it raised.
    """
    running = allocate_lock()
    running.acquire()
    returned: list[_T] = []
    raised: list[BaseException] = []

    def run() -> None:
        try:
            returned.append(work())
        except BaseException as error:
            raised.append(error)
        finally:
            running.release()

    def result() -> _T:
        with running:
            if raised:
                raise raised[0]
            return returned[0]

    start_new_thread(run, ())
    return result


def hashes(datas: Sequence[Data]) -> Callable[[], list[str]]:
    """Begin the SHA-256 of each, in hex."""
    return begin(lambda: [sha256(data) for data in datas])
