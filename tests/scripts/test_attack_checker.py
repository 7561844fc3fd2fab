"""The judge of attacked commands: it knows a lie, a success that is none, and what is not explained."""

import checker
import pytest
from checker import Case
from commands import Ended
from ways import TARGETS, Target

HOME = {"misc": b"\0\0", "boot": b"own.", "recovery": b"rec."}
NEW = {**HOME, "boot": b"new."}
MIX = {**HOME, "boot": b"new?"}
ROM = {**HOME, "recovery": b"rom."}
MARK = b"attack=12"
OWN_LINE, ROM_LINE = b"Kernel command line: a\n", b"Kernel command line: a attack=12 b\n"


def target(name: str) -> Target:
    return next(one for one in TARGETS if one.name == name)


def case(name: str, begin: dict[str, bytes] = HOME) -> Case:
    wanted = b"new" if "host-kernel" in name else b""
    return Case(target(name), HOME, begin, wanted, MARK)


def failed(state: str, code: int = 6) -> Ended:
    return Ended(code, ["hardboot: the phone is gone", f"  state: {state}", "  to do: hardboot home"])


DONE = Ended(0, [])


@pytest.mark.parametrize(
    ("one", "done", "now", "console", "problem"),
    [
        (case("flash-host-kernel"), DONE, NEW, b"", None),
        (case("flash-host-kernel"), DONE, MIX, b"", "wrong success"),
        (case("flash-host-kernel"), DONE, HOME, b"", "wrong success"),
        (case("recovery"), DONE, HOME, ROM_LINE, None),
        (case("recovery"), DONE, HOME, OWN_LINE, "wrong success"),
        (case("home after recovery", ROM), DONE, HOME, ROM_LINE + OWN_LINE, None),
        (case("home after recovery", ROM), DONE, ROM, ROM_LINE + OWN_LINE, "wrong success"),
        (case("home after recovery", ROM), DONE, HOME, ROM_LINE, "wrong success"),
        (case("flash"), failed("Nothing was written."), HOME, b"", None),
        (case("flash"), failed("Nothing was written."), NEW, b"", "untrue: Nothing was written."),
        (case("flash"), failed("Nothing was sent.", 5), {**HOME, "misc": b"\1\0"}, b"", None),
        (case("home after flash", NEW), failed("Nothing was put back yet."), NEW, b"", None),
        (case("home after flash", NEW), failed("Nothing was put back yet."), HOME, b"", "untrue: Nothing"),
        (case("recovery"), failed("Nothing was put back yet."), ROM, b"", None),
        (case("recovery"), failed("Nothing was put back yet."), HOME, b"", "untrue: Nothing"),
        (case("recovery"), failed("The ROM is in the recovery partition."), HOME, b"", "untrue: The ROM"),
        (case("flash"), failed("boot holds what it held before."), MIX, b"", "untrue: boot"),
        (case("flash-host-kernel"), failed("It holds neither."), MIX, b"", None),
        (case("flash-host-kernel"), failed("It holds neither."), NEW, b"", "untrue: It"),
        (case("flash"), failed("The last step may be incomplete;", 130), HOME, b"", None),
        (case("flash"), failed("The last step may be incomplete;", 130), NEW, b"", "not explained"),
        (case("slot"), Ended(130, ["  state: The restart had been sent."]), ROM, b"", "not explained"),
        (case("slot"), Ended(-9, []), ROM, b"", None),
        (case("flash"), failed("it is not known which.", 1), MIX, b"", "a bug"),
    ],
)
def test_the_end_of_an_attacked_command_is_judged_by_what_the_partitions_hold(
    one: Case, done: Ended, now: dict[str, bytes], console: bytes, problem: str | None
) -> None:
    found = checker.judge(one, done, now, console)
    assert found == problem or (found and problem and found.startswith(problem))


@pytest.mark.parametrize(
    ("text", "now", "problem"),
    [
        ("boot holds what it held before", HOME, None),
        ("boot holds what it held before. To settle it: hardboot home", NEW, "untrue: boot"),
        ("boot holds neither the old nor the new. To settle it: hardboot home", MIX, None),
        ("boot holds neither the old nor the new. To settle it: hardboot home", HOME, "untrue: boot"),
        ("kernel 6.1", MIX, "not explained: boot"),
        ("kernel 6.1", NEW, None),
    ],
)
def test_what_is_left_must_be_told_by_status_and_be_so(
    text: str, now: dict[str, bytes], problem: str | None
) -> None:
    found = checker.judge_status(case("flash-host-kernel"), Ended(0, [text]), now)
    assert found == problem or (found and problem and found.startswith(problem))


@pytest.mark.parametrize(
    ("lines", "code", "now", "is_rom", "problem"),
    [
        (["It runs its own system.", "Nothing to do."], 0, HOME, False, None),
        (["It runs its own system.", "Nothing to do."], 0, ROM, False, "lost: recovery"),
        (["It runs its own system.", "Nothing to do."], 0, HOME, True, "lost: the ROM runs"),
        (["It runs a ROM.", "Nothing to do."], 0, HOME, False, "untrue: not its own"),
        (["hardboot: no phone"], 5, HOME, False, "lost: home ended with 5"),
    ],
)
def test_a_phone_is_home_if_all_its_partitions_are_and_its_own_kernel_runs(
    lines: list[str], code: int, now: dict[str, bytes], is_rom: bool, problem: str | None
) -> None:
    found = checker.judge_home(case("recovery"), Ended(code, lines), now, is_rom=is_rom)
    assert found == problem or (found and problem and found.startswith(problem))


def test_the_newest_kernel_on_the_console_counts() -> None:
    assert checker.runs_rom(OWN_LINE + ROM_LINE + b"attack", MARK)
    assert not checker.runs_rom(ROM_LINE + OWN_LINE + MARK, MARK)
    assert not checker.runs_rom(MARK, MARK)
