"""A line of the report: what was looked at, and how it is."""

from dataclasses import dataclass
from typing import Literal

State = Literal["ok", "not", "unknown"]


@dataclass(frozen=True)
class Line:
    """What is known of one thing.

    Attributes:
        name: Of the thing.
        state: `ok`, `not` as it should be, or `unknown`.
        value: How it is, in words.
        how: How to find it out, or to put it right; empty if there is nothing to do.
    """

    name: str
    state: State
    value: str
    how: str = ""


def ok(name: str, value: str, how: str = "") -> Line:
    """Return a line of a thing that is as it should be."""
    return Line(name, "ok", value, how)


def missing(name: str, value: str, how: str = "") -> Line:
    """Return a line of a thing that is not as it should be."""
    return Line(name, "not", value, how)


def unknown(name: str, value: str, how: str) -> Line:
    """Return a line of a thing that nothing tells; `how` finds it out."""
    return Line(name, "unknown", value, how)
