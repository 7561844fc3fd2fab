"""A case planned, and the plan checked by the independent judge."""

from layout_cases import PAGE, Case
from layout_inputs import guest, live, params_size, phone
from layout_judge import faults
from layout_search import solution

from hardboot import layout
from hardboot.layout import BrokenRuleError


def outcome(case: Case, *, tried: bool = False) -> tuple[str, list[str]]:
    """Return `planned` or the rule that refused, and what the judge finds wrong with that.

    If a small map is refused, every place is tried; for a large one with `tried`, every MiB.
    """
    where, who, memory = phone(case), guest(case), live(case)
    size = params_size(case, who, where)
    try:
        plan = layout.plan(where, who, memory)
    except BrokenRuleError as error:
        found = None
        if case.small or tried:
            found = solution(case, size, step=PAGE if case.small else 1 << 20)
        return error.rule, [f"refused by {error.what}, but there is {found}"] if found else []
    places = {one.name: (one.addr, one.memsz) for one in plan.segments}
    assert plan == layout.plan(where, who, memory), "the same input gives the same plan"
    assert plan.complete
    assert plan.entry == places["Image" if where.arch == "arm64" else "zImage"][0]
    assert plan.dtb_addr == places["atags" if case.atags else "dtb"][0]
    assert (plan.initrd.size if plan.initrd else 0) == case.ramdisk
    return "planned", list(faults(case, places, size))
