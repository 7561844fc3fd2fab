"""Plan for many random phones, ROMs and memory maps, and check every answer with an independent judge.

Cases: tests/support/layout_cases.py. Judge: tests/support/layout_judge.py. One case in twenty has a small
memory map: if it is refused, every placement is tried (layout_search.py). So is one in a hundred of the large
ones, at whole MiB.

Exits with 1 if a plan breaks a rule, or if more than 5 % of what was refused and tried has a solution.
Run it with `make judge`.
"""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from random import Random

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from layout_cases import random_case
from layout_outcome import outcome

CASES = 100_000
_SMALL = 20
_TRIED = 100
_CHUNK = 500


def judge_chunk(first: int) -> tuple[Counter[str], list[str]]:
    """Judge the cases of one chunk; return the outcomes and what was wrong."""
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
    """Judge all cases and print the counts."""
    total = Counter[str]()
    with ProcessPoolExecutor(2) as pool:
        for at, (counts, wrong) in enumerate(pool.map(judge_chunk, range(0, CASES, _CHUNK)), 1):
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
