"""A drafted profile, and where it differs from the one that ships for the phone."""

from dataclasses import dataclass, field

from hardboot import profile
from hardboot.base.memory import Range
from hardboot.profile import Profile
from hardboot.suggest.drafting import write_draft
from hardboot.suggest.findings import Findings
from hardboot.suggest.memory_facts import gather_memory_facts

# Texts for people, and facts about how the phone was tested: not compared.
_NOT_COMPARED = ("name", "title", "codenames", "soc", "status", "notes", "presence", "cmdline", "dtb.carry")


@dataclass(frozen=True)
class Suggestion:
    """A draft of a profile.

    Attributes:
        text: The file.
        profile: Its content.
        notes: What could not be read, was left out, or contradicts itself.
        differences: Where the profile that ships for this phone states something else.
    """

    text: str = field(repr=False)
    profile: Profile = field(repr=False)
    notes: tuple[str, ...]
    differences: tuple[str, ...]


def suggest(found: Findings) -> Suggestion:
    """Draft a profile from `found`; unknown facts stay unknown, with how to find them."""
    memory = gather_memory_facts(found)
    shipped = profile.match(found.device)
    text, made, notes = write_draft(found, memory, shipped)
    differences = tuple(_differences(made, shipped)) if shipped else ()
    return Suggestion(text, made, (*memory.notes, *notes), differences)


def _differences(made: Profile, shipped: Profile) -> list[str]:
    """Return the facts that both state differently."""
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


def _agrees(fact: str, mine: object, theirs: object, shipped: Profile) -> bool:
    if isinstance(mine, int) and isinstance(theirs, int):
        if fact == "hardboot.page":
            return _inside(mine, theirs, shipped)
        if fact == "hardboot.page_size":
            return mine <= theirs  # a page inside the reserved range
    if isinstance(mine, tuple) and isinstance(theirs, tuple):
        return set(mine) <= set(theirs)
    return mine == theirs


def _inside(page: int, other: int, shipped: Profile) -> bool:
    return page in range(other, other + shipped.hardboot.page_size)


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:#x}"
    return f"{value.start:#x}-{value.end:#x}" if isinstance(value, Range) else str(value)
