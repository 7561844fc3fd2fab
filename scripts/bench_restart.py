"""Measure the ways to restart the virtual phone, and write their part of docs/benchmarks.md.

Run it with `make bench-restart`, on a machine that does nothing else; it takes about ten minutes.
"""

import json
import os
import platform
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import page

ROUNDS = 10
CHART = page.PAGE.parent / "restart-times.svg"
FIGURES = CHART.with_suffix(".json")
TITLES = {"reboot": "full reboot", "hardboot": "hardboot", "soft": "soft kexec"}
PHASES = ("quiesce", "reset", "kernel", "userland")
GOALS = {"hardboot": "1.10"}
TIMEOUT_S = 3600


def hardboot(*words: str | Path, state: Path) -> str:
    """What a hardboot command prints; its steps are shown."""
    command = [sys.executable, "-m", "hardboot", *map(str, words)]
    environment = {**os.environ, "XDG_STATE_HOME": str(state), "ANDROID_ADB_SERVER_PORT": "1"}
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, env=environment, timeout=TIMEOUT_S)
    return done.stdout.decode()


def measure(state: Path) -> dict[str, Any]:
    """A new virtual phone with a host kernel, restarted again and again."""
    tree, zimage, image = state / "linux", state / "zImage", state / "host.img"
    hardboot("virtual", "start", state=state)
    try:
        factory = json.loads(hardboot("--json", "virtual", "status", state=state))["factory_image"]
        hardboot("virtual", "source", tree, state=state)
        hardboot("patch", "apply", tree, "--device", "virt-arm", state=state)
        hardboot("virtual", "kernel", tree, "-o", zimage, state=state)
        hardboot("host-image", factory, "--kernel", zimage, "-o", image, state=state)
        hardboot("flash-host-kernel", image, "--yes", "--reboot", state=state)
        words = ("--json", "bench", "-n", str(ROUNDS), "--yes", "--svg", CHART)
        found: dict[str, Any] = json.loads(hardboot(*words, state=state))
        return found
    finally:
        hardboot("virtual", "stop", state=state)


def rows(found: dict[str, Any]) -> list[str]:
    """The table: each way with its median, spread, ratio, and the phases of the run in the middle."""
    lines = [
        f"| way | median | least | most | ratio | goal | {' | '.join(PHASES)} |",
        f"|---|---|---|---|---|---|{'---|' * len(PHASES)}",
    ]
    for way, median in found["median"].items():
        runs = sorted((run for run in found["runs"] if run["way"] == way), key=lambda run: run["seconds"])
        middle = runs[(len(runs) - 1) // 2]["phases"]
        phases = [f"{middle[name]:.2f}" if name in middle else "" for name in PHASES]
        least, most = (f"{run['seconds']:.2f} s" for run in (runs[0], runs[-1]))
        ratio = f"{found['ratio'][way]:.2f}"
        cells = [TITLES[way], f"{median:.2f} s", least, most, ratio, GOALS.get(way, ""), *phases]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Measure, print, and write the section."""
    with tempfile.TemporaryDirectory(prefix="hb-") as name:
        found = measure(Path(name))
    text = "\n".join(
        [
            "## Ways to restart",
            "",
            "Written by `make bench-restart`: `hardboot bench` on the virtual phone, from the command to",
            "a root shell over ADB. All three ways end in the same kernel and ramdisk, the phone's own",
            "boot image: a full reboot through the bootloader into the boot partition, hardboot after a",
            "reset, soft kexec without one. What hardboot starts was loaded beforehand. Phases in",
            "seconds, of the run in the middle: until the old kernel is left, until the new one's clock",
            "runs (bootloader and unpacking), until init starts, until the shell. Soft kexec skips the",
            "bootloader; in QEMU it pays for that, as the new kernel unpacks itself over translated code.",
            "",
            f"{ROUNDS} rounds on {platform.system()} {platform.machine()} with {os.cpu_count()} CPUs, "
            f"load {os.getloadavg()[0]:.1f}.",
            "",
            *rows(found),
            "",
            f"![Ways to restart]({CHART.name})",
            "",
            f"Every run, as `hardboot --json bench` prints it: [{FIGURES.name}]({FIGURES.name}).",
        ]
    )
    print(text)
    page.write("restart", text)
    FIGURES.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
