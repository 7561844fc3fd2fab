"""`make fuzz SECONDS=n`: all targets under atheris, one after the other, sharing the time.

    python tests/fuzz [--seconds N] [TARGET...]

A finding is written to crash-… in the current folder; make it a test.
"""

import argparse
import re
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "support"))
RSS_LIMIT_MB = 300
INPUT_LIMIT = 64 << 10  # bytes
SLOWEST_S = 25  # for one input
LONGEST_START_S = 600  # on a busy machine; what is fuzzed is instrumented first


def main() -> int:
    """Run the targets; 1 if one of them failed."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seconds", type=int, default=60, help="for all targets together")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("targets", nargs="*")
    options = parser.parse_args()
    if options.one:
        return fuzz(options.one, options.targets)
    from fuzz_targets import TARGETS

    chosen = options.targets or list(TARGETS)
    failed = []
    for name in chosen:
        print(f"{name}: ", end="", flush=True)
        summary, good = start(name, TARGETS[name][1], max(1, options.seconds // len(chosen)))
        print(summary, flush=True)
        if not good:
            failed.append(name)
    if failed:
        print(f"failed: {', '.join(failed)}")
    return bool(failed)


def start(name: str, seeds: tuple[bytes, ...], seconds: int) -> tuple[str, bool]:
    """One target in a process of its own: what it did, and whether it ended well."""
    with tempfile.TemporaryDirectory(prefix="hardboot-fuzz-") as corpus:
        for index, seed in enumerate(seeds):
            Path(corpus, f"seed{index}").write_bytes(seed)
        command = [
            *(sys.executable, str(HERE), "--one", name, "--", corpus),
            *(f"-max_total_time={seconds}", f"-rss_limit_mb={RSS_LIMIT_MB}", f"-max_len={INPUT_LIMIT}"),
            *(f"-timeout={SLOWEST_S}", "-print_final_stats=1", "-verbosity=0"),
        ]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + LONGEST_START_S)
        except subprocess.TimeoutExpired:
            return f"FAILED: it did not end {LONGEST_START_S} s after its time", False
    numbers = dict(re.findall(r"stat::(\w+):\s+(\d+)", done.stderr))
    runs, peak = numbers.get("number_of_executed_units", "?"), numbers.get("peak_rss_mb", "?")
    summary = f"{runs} runs, peak {peak} MiB"
    if done.returncode:
        summary += f", FAILED\n{done.stdout[-3000:]}{done.stderr[-3000:]}"
    return summary, not done.returncode


def fuzz(name: str, arguments: list[str]) -> int:
    """Hand one target to atheris, which does not return."""
    import atheris

    with atheris.instrument_imports(include=["hardboot"]):
        from fuzz_targets import TARGETS, run

    target = TARGETS[name][0]
    atheris.Setup([sys.argv[0], *arguments], lambda data: run(target, data))
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
