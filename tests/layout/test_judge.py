"""Random phones, ROMs and memory maps: no plan breaks a rule, and what is refused has no solution.

`make judge` runs the same with many more cases.
"""

from collections import Counter
from dataclasses import replace
from random import Random

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from layout_cases import PAGE, Case, Zimage, random_case
from layout_inputs import guest, live, params_size, phone
from layout_judge import Places, faults
from layout_outcome import outcome
from layout_search import solution

from hardboot import layout
from hardboot.base.errors import RefusedError


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_no_plan_of_a_random_case_breaks_a_rule(rng: Random) -> None:
    case = random_case(rng, small=False)
    rule, wrong = outcome(case)
    event(rule)
    assert wrong == [], case


def test_no_plan_of_many_cases_breaks_a_rule() -> None:
    seen = Counter[str]()
    for seed in range(600):
        rule, wrong = outcome(random_case(Random(seed), small=False))
        seen[rule] += 1
        assert wrong == [], seed
    assert seen["planned"] > 250, seen
    assert len(seen) > 10, seen


def test_refused_small_maps_have_no_solution() -> None:
    refused, wrong = 0, []
    for seed in range(80):
        rule, found = outcome(random_case(Random(seed), small=True))
        refused += rule != "planned"
        wrong += found
    assert refused > 30
    assert len(wrong) * 20 <= refused, wrong


def test_refused_large_maps_have_no_solution_in_whole_mib() -> None:
    refused, wrong = 0, []
    for seed in range(15):
        rule, found = outcome(random_case(Random(seed), small=False), tried=True)
        refused += rule != "planned"
        wrong += found
    assert refused > 3
    assert wrong == []


def edges(case: Case) -> list[int]:
    """Return addresses where something begins or ends."""
    ranges = [*case.banks, case.page, *case.reserved, *case.lost, *([case.buffer] if case.buffer else [])]
    found = [edge for one in ranges for edge in one]
    found += [one for one in (case.kernel_loc, case.dtb_loc, case.params, case.mem_min) if one is not None]
    return [*found, case.base, case.base + 0x2F800000, case.base + 0x8000000, case.base + 0x208000]


def test_rules_and_judge_agree_on_any_placement() -> None:
    agreed = Counter[bool]()
    for seed in range(150):
        rng = Random(seed)
        case = random_case(rng, small=rng.random() < 0.5)
        where, who, memory = phone(case), guest(case), live(case)
        size = params_size(case, who, where)
        constraints = layout.gather_constraints(where, who, memory)
        work = constraints.kernel.unpacked
        near = edges(case) + ([work.start, work.end] if work else [])
        try:
            good = layout.plan(where, who, memory)
            places = {one.name: (one.addr, one.memsz) for one in good.segments}
        except RefusedError:
            continue
        for _ in range(30):
            name = rng.choice(sorted(places))
            edge = rng.choice(near) + rng.choice((0, 0, -places[name][1])) + rng.randint(-2, 2) * PAGE
            moved = places | {name: (max(edge, 0) // PAGE * PAGE, places[name][1])}
            if case.atags and name != "initrd":
                kernel = max(moved[name][0], 0x7000) + (0x7000 if name == "atags" else 0)
                moved |= {
                    "zImage": (kernel, moved["zImage"][1]),
                    "atags": (kernel - 0x7000, moved["atags"][1]),
                }
            segments = [layout.Segment(name, place, b"", memsz) for name, (place, memsz) in moved.items()]
            broken, wrong = layout.violations(constraints, segments), list(faults(case, moved, size))
            assert bool(broken) == bool(wrong), (seed, moved, broken, wrong)
            agreed[bool(broken)] += 1
    assert min(agreed[True], agreed[False]) > 200, agreed


# --- the judge itself must see what is wrong

GOOD: Places = {
    "zImage": (0x45000000, 0x533000),
    "initrd": (0x46000000, 0xB00000),
    "dtb": (0x46F00000, 0x1000),
}


def a_case() -> Case:
    return Case(
        abi="direct",
        banks=((0x40000000, 0x80000000),),
        page=(0x44000000, 0x44001000),
        reserved=((0x44100000, 0x44200000),),
        lost=((0x43000000, 0x44000000),),
        mem_min=0x42000000,
        base=0x40000000,
        kernel=Zimage(0x532200, "auto", 0x13A10B4, 0x5E4D4, 0x208000, 0x10000),
        ramdisk=0xB00000,
        tree=0,
        small=False,
    )


def test_the_judge_accepts_the_layout_that_booted() -> None:
    assert list(faults(a_case(), GOOD, 200)) == []


@pytest.mark.parametrize(
    ("name", "place", "fault"),
    [
        ("initrd", 0x74000000, "initrd: not in lowmem"),
        ("initrd", 0x43000000, "is lost in the bootloader"),
        ("dtb", 0x41F00000, "is lost in the bootloader"),
        ("zImage", 0x50000000, "another address for the start of RAM"),
        ("dtb", 0x44000000, "over page or reserved"),
        ("dtb", 0x44100000, "over page or reserved"),
        ("dtb", 0x46001000, "over another"),
        ("dtb", 0x46F00800, "no whole pages"),
        ("initrd", 0x7FF00000, "not in one bank"),
        ("dtb", 0x41600000, "under the unpacked kernel"),
        ("dtb", 0x45540000, "or the heap"),
    ],
)
def test_the_judge_sees_a_wrong_place(name: str, place: int, fault: str) -> None:
    places = GOOD | {name: (place, GOOD[name][1])}
    assert any(fault in one for one in faults(a_case(), places, 200))


@pytest.mark.parametrize(
    ("case", "fault"),
    [
        (replace(a_case(), abi="copy-dtb", dtb_loc=0x46000000), "dtb is copied over initrd"),
        (replace(a_case(), abi="copy-dtb", dtb_loc=0x44000000), "copied over page"),
        (replace(a_case(), abi="copy-dtb", dtb_loc=0x3F000000), "copied to no RAM"),
        (
            replace(a_case(), abi="copy-dtb", dtb_loc=0x42000000, kernel_loc=0x41C00000),
            "zImage is copied over dtb",
        ),
        (replace(a_case(), abi="copy-dtb", dtb_loc=0x42000000, kernel_loc=0x48000000), "the start of RAM"),
        (replace(a_case(), abi="buffer", buffer=(0x60000000, 0x61000000)), "the buffer is too small"),
        (replace(a_case(), abi="buffer", buffer=(0x43F00000, 0x47000000)), "is lost in the bootloader"),
        (replace(a_case(), abi="buffer", buffer=(0x46800000, 0x4A000000)), "initrd: over the buffer"),
    ],
)
def test_the_judge_sees_what_the_host_kernel_breaks(case: Case, fault: str) -> None:
    assert any(fault in one for one in faults(case, GOOD, 200))


def test_brute_force_finds_a_solution_where_there_is_one() -> None:
    found = [seed for seed in range(30) if outcome(random_case(Random(seed), small=True))[0] == "planned"]
    assert len(found) > 5
    for seed in found[:5]:
        case = random_case(Random(seed), small=True)
        assert solution(case, params_size(case, guest(case), phone(case)))
