"""Measure each restart method on a virtual phone, and write its section of docs/benchmarks.md.

Run it with `make bench-restart` on an idle machine; it takes about ten minutes.
"""

import json
import os
import platform
import tempfile
from pathlib import Path
from typing import Any

import barchart
import bench_own
import benchmarks_page as page
from bench_own import OwnShare, hardboot

ROUNDS = 10
BOOTS = 6
CHART = page.PAGE.parent / "restart-times.svg"
FIGURES = CHART.with_suffix(".json")
TITLES = {"reboot": "full reboot", "hardboot": "hardboot", "soft": "soft kexec"}
PHASES = ("quiesce", "reset", "kexec", "kernel", "userland")
GOALS = {"hardboot": "1.10"}


def measure(state: Path) -> tuple[dict[str, Any], list[OwnShare]]:
    """Give a new virtual phone a host kernel, run `hardboot bench` on it, and boot its own image from RAM."""
    tree, zimage, image = state / "linux", state / "zImage", state / "host.img"
    hardboot("virtual", "start", state=state)
    try:
        status = json.loads(hardboot("--json", "virtual", "status", state=state))
        factory = Path(status["factory_image"])
        hardboot("virtual", "source", tree, state=state)
        hardboot("patch", "apply", tree, "--device", "virt-arm", state=state)
        hardboot("virtual", "kernel", tree, "-o", zimage, state=state)
        hardboot("host-image", factory, "--kernel", zimage, "-o", image, state=state)
        hardboot("flash-host-kernel", image, "--yes", "--reboot", state=state)
        document: dict[str, Any] = json.loads(
            hardboot("--json", "bench", "-n", str(ROUNDS), "--yes", state=state)
        )
        return document, [bench_own.measure(factory, status["serial"], state) for _ in range(BOOTS)]
    finally:
        hardboot("virtual", "stop", state=state)


def median_run(document: dict[str, Any], way: str) -> dict[str, Any]:
    """Return the median run of a method: its phases add up, those of several runs do not."""
    runs = sorted((run for run in document["runs"] if run["way"] == way), key=lambda run: run["seconds"])
    middle: dict[str, Any] = runs[(len(runs) - 1) // 2]
    return middle


def chart(document: dict[str, Any]) -> str:
    """Return the chart of the median runs, as SVG."""
    bars = [
        (
            TITLES[way],
            f"{median:.2f} s, ratio {document['ratio'][way]:.2f}",
            list(median_run(document, way)["phases"].items()),
        )
        for way, median in document["median"].items()
    ]
    return barchart.svg("Virtual phone: from the command to a root shell", bars, "s")


def rows(document: dict[str, Any]) -> list[str]:
    """Return the table: median, least, most and ratio of each method, and the phases of its median run."""
    lines = [
        f"| method | median | least | most | ratio | goal | {' | '.join(PHASES)} |",
        f"|---|---|---|---|---|---|{'---|' * len(PHASES)}",
    ]
    for way, median in document["median"].items():
        middle = median_run(document, way)["phases"]
        phases = [f"{middle[name]:.2f}" if name in middle else "" for name in PHASES]
        seconds = [run["seconds"] for run in document["runs"] if run["way"] == way]
        times = [f"{value:.2f} s" for value in (median, min(seconds), max(seconds))]
        ratio = f"{document['ratio'][way]:.2f}"
        cells = [TITLES[way], *times, ratio, GOALS.get(way, ""), *phases]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def section(document: dict[str, Any], shares: list[OwnShare], conditions: str) -> str:
    """Return the section of docs/benchmarks.md.

    Args:
        document: What `hardboot --json bench` printed.
        shares: Of the boots of one image.
        conditions: Rounds and machine, one sentence.
    """
    return "\n".join(
        [
            "## Restart methods",
            "",
            "Written by `make bench-restart`: `hardboot bench` on the virtual phone, from the command to",
            "a root shell over ADB. All three methods end in the same kernel and ramdisk, the phone's own",
            "boot image: a full reboot through the bootloader into the boot partition, hardboot after a",
            "reset, soft kexec without one. The image for the last two was loaded before. The phases, in",
            "seconds, are those of the median run: until the old kernel has ended; until the new kernel's",
            "clock runs, after a reset, the bootloader and decompression, or with soft kexec after",
            "decompression alone; until init starts; until the shell answers. Soft kexec skips reset and",
            "bootloader; in QEMU it is slower all the same, because the new kernel decompresses itself over",
            "memory whose code QEMU has translated.",
            "",
            conditions,
            "",
            *rows(document),
            "",
            f"![Restart methods]({CHART.name})",
            "",
            f"All runs, as `hardboot --json bench` prints them: [{FIGURES.name}]({FIGURES.name}).",
            "",
            f"hardboot's own share of a boot is all but the reset and what follows; {BOOTS} boots of that",
            "image, of which the phone keeps kernel and ramdisk. *program* is the start of Python,",
            "connecting, and all that belongs to no phase; *notice* is the time from the start of the",
            "guest's adbd to the end of the command. The goal is 0.50 s for all but *program*.",
            "",
            *bench_own.table(shares),
        ]
    )


def write(document: dict[str, Any], shares: list[OwnShare], conditions: str) -> None:
    """Write section, figures and chart."""
    page.write("restart", section(document, shares, conditions))
    FIGURES.write_text(json.dumps(document, indent=2) + "\n")
    CHART.write_text(chart(document))


def main() -> None:
    """Measure, print the section and write it."""
    with tempfile.TemporaryDirectory(prefix="hb-") as name:
        document, shares = measure(Path(name))
    conditions = (
        f"{ROUNDS} rounds on {platform.system()} {platform.machine()} with {os.cpu_count()} CPUs, "
        f"load {os.getloadavg()[0]:.1f}."
    )
    print(section(document, shares, conditions))
    write(document, shares, conditions)


if __name__ == "__main__":
    main()
