"""The hardboot page of a draft: the one the running kernel reserves, else the best proposal."""

from hardboot import profile
from hardboot.base.memory import Range
from hardboot.suggest import proposals
from hardboot.suggest.draft import Draft, span
from hardboot.suggest.findings import Findings
from hardboot.suggest.memory_facts import MemoryFacts
from hardboot.suggest.proposals import Proposal


def add_page(draft: Draft, found: Findings, memory: MemoryFacts) -> list[str]:
    """Add the hardboot page; return where sources disagree, for people."""
    reserved = proposals.reserved_pages(memory, found.texts.get("page"))
    notes = [
        f"sources disagree about the hardboot page: {other.reason}; but {reserved[0].reason}"
        for other in reserved[1:]
        if other.addr != reserved[0].addr
    ]
    size = draft.tables["hardboot"]["page_size"]
    for choice in [*reserved[:1], *proposals.pages(memory, size)]:
        if _fits(draft, choice, memory):
            draft.tables["hardboot"]["page_size"] = choice.size
            draft.state("hardboot.page", choice.addr, choice.status, choice.reason)
            return notes
        if choice.status == "verified":
            notes.append(f"{choice.reason}: that page breaks a profile rule, so another one is proposed")
    draft.unknown("hardboot.page")
    return notes


def _fits(draft: Draft, choice: Proposal, memory: MemoryFacts) -> bool:
    """Return whether the draft with this page breaks no rule about it.

    A page that the kernel reserves may have been removed from System RAM: then it becomes a bank of its own.
    """
    page = Range.sized(choice.addr, choice.size, "page")
    trial = draft.copy()
    if choice.status == "verified" and memory.banks and not any(bank.contains(page) for bank in memory.banks):
        bank = span(Range(page.start, page.end, "hardboot-page"))
        trial.tables[""]["ram"] = [*draft.tables[""]["ram"], bank]
        source = "removed from System RAM for the hardboot page, by the same source"
        trial.add_evidence("ram.hardboot-page", "inferred", source)
    trial.tables["hardboot"]["page_size"] = choice.size
    trial.state("hardboot.page", choice.addr, choice.status, choice.reason)
    problems = profile.check(profile.parse(trial.text([]).encode(), "draft"))
    if any(problem.fact in ("hardboot.page", "ram.hardboot-page") for problem in problems):
        return False
    draft.tables, draft.evidence = trial.tables, trial.evidence
    return True
