"""A command that is cut off, with what it left behind: only the flow knows what had been sent by then."""

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from hardboot.base.errors import DeviceError, DeviceStateError, RequestError

LOOK = "If a phone is involved, look at it before you go on: hardboot status"


class Interrupt(KeyboardInterrupt):
    """A Ctrl-C at a known point of a flow.

    Args:
        state: What is changed and what is not, or not known.
        fix: What to do next.
    """

    def __init__(self, state: str, fix: str) -> None:
        super().__init__()
        self.state = state
        self.fix = fix


@contextmanager
def if_cut_off(state: str, fix: str | None = None, *, unknown: bool = False) -> Iterator[None]:
    """Let a Ctrl-C or a failed request within the block tell `state`, unless a block inside it has done so.

    Args:
        state: What is changed and what is not, or not known.
        fix: What to do next; None is LOOK after a Ctrl-C, and else what the failed request says.
        unknown: What was sent may have had its effect, or not: trying again is not safe then.

    Raises:
        Interrupt: In place of the KeyboardInterrupt, with its notes.
        DeviceError: In place of the RequestError.
        DeviceStateError: The same, if `unknown`.
    """
    try:
        yield
    except Interrupt:
        raise
    except KeyboardInterrupt as interrupt:
        told = Interrupt(state, fix or LOOK)
        for note in getattr(interrupt, "__notes__", ()):
            told.add_note(note)
        raise told from interrupt
    except RequestError as error:
        kind = DeviceStateError if unknown else DeviceError
        raise kind(error.what, state=state, fix=fix or error.fix) from error


@contextmanager
def without_interrupts() -> Iterator[None]:
    """Ignore Ctrl-C within the block: what a command says at its end must not be lost."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
