"""Mutation testing of one room with mutmut: change its code in small steps, and see which the tests notice.

usage: mutants.py ROOM [SAMPLE]

ROOM is a folder or file below hardboot/, like flows or formats/boot. The quick tests of that room, and those
that import it, are run; a test runs only for what it reaches. With SAMPLE so many mutants are tried, the same
ones each time: all of a room take from minutes to hours. Only what functions do is changed, and no function
with a decorator: mutmut can do no more. What was not noticed is written to build/mutants/ROOM/survivors.diff.
"""

import contextlib
import io
import os
import random
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

CHECKOUT = Path(__file__).resolve().parents[1]
NOT_QUICK = ("tests/e2e/", "tests/fuzz/")
SLOW = "virtual_adbd"  # the fixture: an adbd would be compiled for each mutant
_NOT_MEASURED = "not memory_does_not_grow"  # mutants take memory themselves
_NOTICED = ("killed", "timeout", "segfault", "suspicious", "caught by type check")


def tests_of(room: str) -> list[str]:
    """The test files of a room, and those that import it."""
    own = f"tests/{room.rpartition('/')[0] if room.endswith('.py') else room}/"
    module = re.escape(f"hardboot.{room.removesuffix('.py').replace('/', '.')}")
    # from hardboot.flows import x, import hardboot.flows.x, from hardboot import flows
    parent, _, name = module.rpartition(r"\.")
    uses = re.compile(rf"{module}\b|from {parent} import [^\n]*\b{name}\b")
    found = []
    for path in sorted((CHECKOUT / "tests").rglob("test_*.py")):
        where = path.relative_to(CHECKOUT).as_posix()
        text = path.read_text()
        if where.count("/") < 2 or where.startswith(NOT_QUICK) or SLOW in text:
            continue
        if where.startswith(own) or uses.search(text):
            found.append(where)
    return found


def prepare(room: str) -> Path:
    """Make a folder with this checkout in it, and with mutmut's settings for `room`."""
    folder = CHECKOUT / "build" / "mutants" / room
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    tracked = subprocess.run(
        ["git", "ls-files", "-z"], cwd=CHECKOUT, check=True, capture_output=True, text=True
    ).stdout.split("\0")
    entries = sorted({name.partition("/")[0] for name in tracked if name} - {"pyproject.toml"})
    for name in entries:
        (folder / name).symlink_to(CHECKOUT / name)
    target = f"hardboot/{room}" if room.endswith(".py") else f"hardboot/{room}/*"
    settings = {
        "source_paths": ["hardboot"],
        "only_mutate": [target],
        "also_copy": [name for name in entries if name != "hardboot"],
        "pytest_add_cli_args": ["-m", "not e2e and not soak", "-p", "no:cacheprovider", "-k", _NOT_MEASURED],
        "pytest_add_cli_args_test_selection": tests_of(room),
    }
    lines = [f"{key} = {value!r}" for key, value in settings.items()]
    text = (CHECKOUT / "pyproject.toml").read_text()
    (folder / "pyproject.toml").write_text("\n".join([text, "[tool.mutmut]", *lines, ""]))
    return folder


def run(sample: int | None) -> None:
    """Try the mutants of the room in this folder, and print what came of them."""
    from mutmut import __main__ as mutmut
    from mutmut.stats import status_by_exit_code

    with contextlib.redirect_stdout(io.StringIO()):
        mutmut.copy_src_dir()
        mutmut.copy_also_copy_files()
        mutmut.setup_source_paths()
        mutmut.create_mutants(2)
        known, _ = mutmut.collect_source_file_mutation_data(mutant_names=[])
    names = sorted(name for _, name, _ in known)
    chosen = names if sample is None else random.Random(0).sample(names, min(sample, len(names)))
    with _quiet():
        mutmut._run(chosen, None)
    tried, files = mutmut.collect_source_file_mutation_data(mutant_names=chosen)
    counts: dict[str, Counter[str]] = {path: Counter() for path in files}
    survivors = []
    for data, name, code in tried:
        status = status_by_exit_code[code]
        counts[str(data.path)][status] += 1
        if status not in _NOTICED:
            survivors.append(f"# {name}: {status}\n{mutmut.get_diff_for_mutant(name)}\n")
    Path("survivors.diff").write_text("\n".join(survivors))
    total: Counter[str] = Counter()
    print()
    for path, count in sorted(counts.items()):
        if count:
            print(_row(path, count))
            total += count
    print(_row("all", total))


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep mutmut's moving line to terminals; elsewhere it goes to progress.log."""
    if sys.stdout.isatty():
        yield
        return
    output = os.dup(1)
    with Path("progress.log").open("wb") as log:
        os.dup2(log.fileno(), 1)
    try:
        yield
    finally:
        os.dup2(output, 1)
        os.close(output)


def _row(name: str, count: Counter[str]) -> str:
    noticed = sum(count[status] for status in _NOTICED)
    details = ", ".join(f"{number} {status}" for status, number in sorted(count.items()))
    return f"  {name:<40} {100 * noticed / count.total():5.1f} % of {count.total():>5}: {details}"


def main() -> None:
    """Run for the room named on the command line."""
    room = sys.argv[1].strip("/")
    sample = int(sys.argv[2]) if sys.argv[2:] and sys.argv[2] else None
    if not (CHECKOUT / "hardboot" / room).exists():
        sys.exit(f"there is no room hardboot/{room}")
    folder = prepare(room)
    os.chdir(folder)
    sys.argv = ["mutmut"]
    run(sample)
    print(f"not noticed: {folder.relative_to(CHECKOUT)}/survivors.diff")


if __name__ == "__main__":
    main()
