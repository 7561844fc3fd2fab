"""Check a profile against all rules that its file format cannot express."""

from collections.abc import Iterable

from hardboot.profile import lint_boot, lint_evidence, lint_memory
from hardboot.profile.model import Profile
from hardboot.profile.problem import Problem

_RULES = (
    lint_memory.addresses,
    lint_memory.hardboot_page,
    lint_memory.ranges,
    lint_memory.mem_min,
    lint_boot.host_abi,
    lint_memory.buffer,
    lint_memory.kernel,
    lint_boot.reset,
    lint_boot.partitions,
    lint_boot.device_trees,
    lint_evidence.evidence,
    lint_evidence.conflicts,
)


def check(profile: Profile, others: Iterable[Profile] = ()) -> list[Problem]:
    """Return what is wrong with `profile`, alone and beside `others`; empty if nothing is."""
    found = [problem for rule in _RULES for problem in rule(profile)]
    if len(set(profile.codenames)) != len(profile.codenames):
        found.append(Problem("codenames", "a codename is listed twice"))
    for other in others:
        if other.name != profile.name:
            for name in sorted({profile.name, *profile.codenames} & {other.name, *other.codenames}):
                found.append(Problem("codenames", f"{name} already belongs to profile {other.name}"))
    return found
