"""What a check of a profile finds."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Problem:
    """A rule that a profile breaks: the fact in question, and what is wrong with it."""

    fact: str
    what: str
