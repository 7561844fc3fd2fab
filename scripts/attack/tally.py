"""Counts of how the attacks of one kind ended."""

from collections import Counter
from dataclasses import dataclass, field

from commands import Ended


@dataclass
class Tally:
    """What came of the attacks of one kind."""

    ends: Counter[str] = field(default_factory=Counter)
    bad: list[str] = field(default_factory=list)

    def add(self, what: str, done: Ended, problem: str | None) -> None:
        """Count one attack, and print it."""
        self.ends[f"{what}: {done.shown}"] += 1
        print(f"{self.ends.total():4}  {what}: {done.shown}", flush=True)
        if problem:
            print(f"      BAD: {problem}", flush=True)
            self.bad.append(f"{what}: {problem}")

    def show(self, kind: str) -> None:
        """Print the counts."""
        print(f"{kind}: {self.ends.total()} attacks, {len(self.bad)} bad")
        for end, number in self.ends.most_common():
            print(f"  {number:4}  {end}")
        for line in self.bad:
            print(f"  BAD   {line}")
