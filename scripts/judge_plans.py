"""Plan many random phones, ROMs and memory maps, and hold each answer against an independent judge.

The cases are those of tests/support/layout_cases.py, the judge is tests/support/layout_judge.py. One case in
twenty has a small map: if it is refused, every placement is tried. Of the large ones, one in a hundred is, in
whole MiB.
Ends with 1 if a plan breaks a rule, or more than 5 % of what was tried has a solution.
Run it with `make judge`.
"""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from judged import outcome
from layout_cases import random_case

CASES = 100_000
_SMALL = 20
_TRIED = 100
_CHUNK = 500


def some(first: int) -> tuple[Counter[str], list[str]]:
    """The outcomes of one chunk of cases, and what was wrong."""
    counts, wrong = Counter[str](), []
    for seed in range(first, min(first + _CHUNK, CASES)):
        small, tried = seed % _SMALL == 0, seed % _TRIED == 1
        rule, found = outcome(random_case(Random(seed), small=small), tried=tried)
        counts[rule] += 1
        if rule != "planned" and (small or tried):
            counts["(tried)"] += 1
            counts["(tried, has a solution)"] += bool(found)
        elif found:
            counts["(rule broken)"] += 1
        wrong += [f"case {seed}: {one}" for one in found]
    return counts, wrong


def main() -> None:
    """Judge them all, print the counts."""
    total = Counter[str]()
    with ProcessPoolExecutor(2) as pool:
        for at, (counts, wrong) in enumerate(pool.map(some, range(0, CASES, _CHUNK)), 1):
            total += counts
            for one in wrong:
                print(one, flush=True)
            print(f"{at * _CHUNK} of {CASES}", file=sys.stderr, flush=True)
    for name, count in total.most_common():
        print(f"{count:8} {name}")
    if total["(rule broken)"] or total["(tried, has a solution)"] * 20 > total["(tried)"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
