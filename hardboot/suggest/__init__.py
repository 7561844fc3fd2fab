"""Draft a profile for a phone from what it says of itself, each value with its source or reason."""

from dataclasses import dataclass, field
from typing import Any

from hardboot import profile
from hardboot.base.memory import Range
from hardboot.profile import Profile
from hardboot.suggest.drafting import draft
from hardboot.suggest.findings import COMMANDS, Findings, ask, read
from hardboot.suggest.ground import look

__all__ = ["COMMANDS", "Findings", "Suggestion", "ask", "read", "suggest"]

# Words for people, or a matter of where it was tried: no disagreement.
_NOT_COMPARED = ("name", "title", "codenames", "soc", "status", "notes", "presence", "cmdline", "dtb.carry")


@dataclass(frozen=True)
class Suggestion:
    """A draft of a profile.

    Attributes:
        text: The file.
        profile: What is in it.
        notes: What could not be read, had to be left out, or contradicts itself.
        differences: Where the profile that ships for this phone says something else.
    """

    text: str = field(repr=False)
    profile: Profile = field(repr=False)
    notes: tuple[str, ...]
    differences: tuple[str, ...]


def suggest(found: Findings) -> Suggestion:
    """Draft a profile out of `found`; what nobody knows stays unknown, with how to find it."""
    ground = look(found)
    shipped = profile.match(found.device)
    text, made, notes = draft(found, ground, shipped)
    differences = tuple(_differences(made, shipped)) if shipped else ()
    return Suggestion(text, made, (*ground.notes, *notes), differences)


def _differences(made: Profile, shipped: Profile) -> list[str]:
    """Facts of both that are not the same."""
    mine, theirs = profile.facts(made), profile.facts(shipped)
    found = []
    for fact, value in theirs.items():
        if (
            fact in mine
            and not fact.startswith(_NOT_COMPARED)
            and not _agrees(fact, mine[fact], value, shipped)
        ):
            entry = shipped.evidence_for(fact)
            source = f" ({entry.status}: {entry.source})" if entry else ""
            found.append(f"{fact}: {_text(mine[fact])} here, {_text(value)} in {shipped.name}.toml{source}")
    pages = {one.page for one in shipped.hardboot.models}
    page = made.hardboot.page
    if pages and page is not None and not any(_inside(page, one, shipped) for one in pages):
        known = ", ".join(f"{one:#x}" for one in sorted(pages))
        found.append(f"hardboot.page: {page:#x} here, one of {known} in {shipped.name}.toml")
    return found


def _agrees(fact: str, mine: Any, theirs: Any, shipped: Profile) -> bool:
    if fact == "hardboot.page":
        return _inside(mine, theirs, shipped)
    if fact == "hardboot.page_size":
        return bool(mine <= theirs)  # a page inside the one that was taken away
    if isinstance(mine, tuple):
        return set(mine) <= set(theirs)
    return bool(mine == theirs)


def _inside(page: int, other: int, shipped: Profile) -> bool:
    return page in range(other, other + shipped.hardboot.page_size)


def _text(value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:#x}"
    return f"{value.start:#x}-{value.end:#x}" if isinstance(value, Range) else str(value)
