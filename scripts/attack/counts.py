"""Counts of how attacks ended, by what was attacked and how."""

from collections import Counter
from dataclasses import dataclass, field

from commands import Ended

CUT, KILL = "cut", "kill"
_COLUMNS = ("attacks", "done", "unchanged", "left", "home", "bad")


@dataclass(frozen=True)
class End:
    """How one attack ended.

    Attributes:
        target: What was attacked.
        kind: CUT or KILL.
        how: At which moment and by what.
        done: How the attacked command ended.
        left: Whether there was something left to be done.
        problem: What was wrong; None if nothing was.
    """

    target: str
    kind: str
    how: str
    done: Ended
    left: bool
    problem: str | None


@dataclass
class Counts:
    """The ends of the attacks on the ways.

    Attributes:
        rows: Counts by target and kind.
        bad: What was wrong.
    """

    rows: dict[tuple[str, str], Counter[str]] = field(default_factory=dict)
    bad: list[str] = field(default_factory=list)

    def add(self, end: End) -> None:
        """Count an attack, and print it."""
        row = self.rows.setdefault((end.target, end.kind), Counter())
        row["attacks"] += 1
        row["done" if not end.done.code else "left" if end.left else "unchanged"] += 1
        row["bad" if end.problem else "home"] += 1
        number = sum(one["attacks"] for one in self.rows.values())
        print(f"{number:4}  {end.target}, {end.how}: {end.done.shown}", flush=True)
        if end.problem:
            print(f"      BAD: {end.problem}", flush=True)
            self.bad.append(f"{end.target}, {end.how}: {end.problem}")

    def show(self) -> None:
        """Print the table.

        "done": the command ended well; "unchanged": nothing was to be undone; "left": something was, and the
        next command had to end it; "home": it did.
        """
        print(f"{'':<30}{'':<6}" + "".join(f"  {name}" for name in _COLUMNS))
        for (target, kind), row in sorted(self.rows.items()):
            cells = "".join(f"{row[name]:>{len(name) + 2}}" for name in _COLUMNS)
            print(f"{target:<30}{kind:<6}{cells}")
        total = sum(self.rows.values(), Counter())
        cells = "".join(f"{total[name]:>{len(name) + 2}}" for name in _COLUMNS)
        print(f"{'all':<36}{cells}")
        for line in self.bad:
            print(f"BAD  {line}")
