"""The next steps, for every situation that a phone can be in."""

import shlex
from itertools import product

from command_lines import problems

from hardboot.doctor.next_steps import Running, Situation, next_steps

RUNNING: tuple[Running, ...] = ("system", "rom", "recovery", "panic kernel")


def test_every_step_is_a_command_line_that_exists() -> None:
    lines = set()
    for profile, root, locked, running, host, flags in product(
        (None, "virt-arm"),
        (True, False),
        (True, False, None),
        RUNNING,
        (True, False, None),
        product((0, 1), repeat=4),
    ):
        untested, soft, loaded, backup = flags
        steps = next_steps(
            Situation(
                profile=profile,
                untested=bool(untested),
                root=root,
                locked=locked,
                running=running,
                host=host,
                soft=bool(soft),
                loaded="rom.img" if loaded else None,
                backup=bool(backup),
                serial="HB",
            )
        )
        assert steps
        lines |= {step.command for step in steps}
    ours = [line for line in lines if line.startswith("hardboot ")]
    assert len(ours) > 10
    wrong = {line: problems(shlex.split(line)[1:]) for line in ours}
    assert {line: found for line, found in wrong.items() if found} == {}
