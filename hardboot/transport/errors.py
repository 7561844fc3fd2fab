"""How a connection to a phone fails, in words that help its user."""

import time

CABLE = "Check the cable or network and that the phone is on, then try again."
NOT_ADB = "Check that HOST:PORT is the phone's ADB port (adb tcpip 5555) and nothing else's."


class LinkError(Exception):
    """The connection failed; it cannot be used any more.

    Attributes:
        what: What happened, to follow the phone's name.
        fix: What to do next.
    """

    def __init__(self, what: str, fix: str = CABLE) -> None:
        super().__init__(what)
        self.what = what
        self.fix = fix


class NoAnswerError(LinkError):
    """Nothing came, or nothing was accepted, in time."""

    def __init__(self, what: str = "does not answer", fix: str = CABLE) -> None:
        super().__init__(what, fix)


class GoneError(LinkError):
    """The phone is not there, or not any more."""


class FramingError(LinkError):
    """What came is not an ADB packet. On USB it may be left over from an earlier connection."""


def remaining(deadline: float) -> float:
    """Return the seconds until `deadline`, a time of time.monotonic().

    Raises:
        NoAnswerError: If it has passed.
    """
    seconds = deadline - time.monotonic()
    if seconds <= 0:
        raise NoAnswerError
    return seconds


def broken(error: OSError) -> LinkError:
    """Return the error for a connection that broke."""
    return LinkError(f"lost the connection: {error.strerror or error}")


def unauthorized() -> LinkError:
    """Return the error for a phone that does not know this computer's key."""
    return LinkError(
        "does not trust this computer yet",
        'Unlock the phone, confirm its dialog ("Allow USB debugging?", tick "Always allow"), then try again.',
    )
