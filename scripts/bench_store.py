"""Measure ROMs stored on a virtual phone, and write their section of docs/benchmarks.md.

Run it with `make bench-store` on an idle machine; it takes about half an hour. With `--mib N --rounds N` it
measures smaller images, or less often.
"""

import argparse
import itertools
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import benchmarks_page as page
from bench_own import TIMEOUT_S, hardboot
from measuring import Row, compared, table

sys.path.insert(0, str(Path(__file__).parents[1] / "tests/support"))

from adb_client import Adb, free_port

from hardboot.base import process
from hardboot.device.connection import open_transport
from hardboot.images import filesystem
from hardboot.virtual import machine, userland
from hardboot.virtual.target import ARM64

DEVICE = "virt-arm64"
FILLED = 0.7  # of a realistic image
PUSHED = "/data/local/tmp/pushed"
PROGRAM = "/data/hardboot/hardboot"
STARTED = "Starting rom through a hardware reset"
READ_MIB = 512  # at least
_STAMP = re.compile(r"\[ *(\d+\.\d+)\] (.*)")
_WRITING = re.compile(r"^Writing system\.img: ([0-9.]+) s$", re.MULTILINE)


@dataclass
class Bench:
    """A virtual phone with a host kernel, and Debian's adb client for it.

    Attributes:
        state: Folder of hardboot's state.
        work: Folder for images.
        adb: The client.
        factory: Images of the phone, which are the ROM that is stored.
    """

    state: Path
    work: Path
    adb: Adb
    factory: Path = field(init=False)

    def hardboot(self, *words: str | Path) -> str:
        """Run a hardboot command on the phone."""
        return hardboot(*words, state=self.state)

    @property
    def serial(self) -> str:
        """Where the phone answers."""
        serial: str = json.loads(self.hardboot("--json", "virtual", "status", "--device", DEVICE))["serial"]
        return serial

    def run(self, command: str) -> str:
        """Return what a command prints on the phone, as root."""
        transport = open_transport(self.serial)
        try:
            return transport.shell(command, timeout_s=TIMEOUT_S, template="su -c {}").text
        finally:
            transport.close()


@contextmanager
def bench() -> Iterator[Bench]:
    """Yield a new phone whose boot partition has a host kernel."""
    with tempfile.TemporaryDirectory(prefix="hb-") as name:
        state = Path(name)
        adb = Adb(process.find_tool("adb", "adb"), free_port(), state)
        found = Bench(state, state / "work", adb)
        found.work.mkdir()
        try:
            found.hardboot("virtual", "start", "--device", DEVICE)
            found.factory = _give_host_kernel(found)
            adb.start_server()
            adb.run("connect", found.serial)
            yield found
        finally:
            adb.run("kill-server")
            found.hardboot("virtual", "stop", "--device", DEVICE)


def _give_host_kernel(on: Bench) -> Path:
    tree, image, host = on.work / "linux", on.work / "image", on.work / "host.img"
    status = json.loads(on.hardboot("--json", "virtual", "status", "--device", DEVICE))
    factory = Path(status["factory_image"])
    on.hardboot("virtual", "source", tree)
    on.hardboot("patch", "apply", tree, "--device", DEVICE)
    on.hardboot("virtual", "kernel", tree, "--device", DEVICE, "-o", image)
    on.hardboot("host-image", factory / "boot.img", "--kernel", image, "-o", host)
    on.hardboot("flash-host-kernel", host, "--yes", "--reboot")
    return factory


def make_images(folder: Path, size: int) -> dict[str, Path]:
    """Make images of `size` bytes: a system with files that cannot be compressed, and one of noise alone."""
    root = folder / "root"
    userland.make_system(root, ARM64, "virt-arm64.prop")
    _write_noise(root / "noise", int(size * FILLED))
    found = {"file system": folder / "system.img", "noise": folder / "noise.img"}
    filesystem.make(found["file system"], size, root)
    _write_noise(found["noise"], size)
    return found


def _write_noise(target: Path, size: int) -> None:
    with target.open("wb") as stream:
        for start in range(0, size, 1 << 20):
            stream.write(os.urandom(min(1 << 20, size - start)))


def _seconds(work: Callable[[], object]) -> float:
    start = time.monotonic()
    work()
    return time.monotonic() - start


def push(on: Bench, image: Path) -> float:
    """Return the seconds of `adb push` and of the phone's `sync` after it."""

    def work() -> None:
        command = on.adb.command("-s", on.serial, "push", image, PUSHED)
        subprocess.run(command, check=True, stdout=subprocess.PIPE, env=on.adb.environment, timeout=TIMEOUT_S)
        on.run("sync")

    seconds = _seconds(work)
    on.run(f"rm {PUSHED}; sync")
    return seconds


def add(on: Bench, name: str, image: Path) -> tuple[float, float]:
    """Store a ROM; return the seconds of the whole command, and of writing the image."""
    words = ("rom", "add", name, on.factory, "--system", image, "--data", "16M")
    command = [sys.executable, "-m", "hardboot", "--device", DEVICE, *map(str, words)]
    environment = {**os.environ, "XDG_STATE_HOME": str(on.state), "ANDROID_ADB_SERVER_PORT": "1"}
    start = time.monotonic()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=TIMEOUT_S)
    seconds = time.monotonic() - start
    if done.returncode:
        raise SystemExit(f"bench: rom add failed:\n{done.stderr}")
    written = _WRITING.search(done.stderr)
    return seconds, float(written[1]) if written else 0.0


def measure_add(on: Bench, kind: str, image: Path, rounds: int) -> list[Row]:
    """Measure adding an image against pushing it; the last ROM stays."""
    pushes, adds, writes = [], [], []
    for number in range(rounds):
        if number:
            on.hardboot("rom", "remove", "rom", "--yes")
        pushes.append(push(on, image))
        seconds, written = add(on, "rom", image)
        adds.append(seconds)
        writes.append(written)
        print(
            f"{kind}: push {pushes[-1]:.1f} s, rom add {seconds:.1f} s, of which image {written:.1f} s",
            file=sys.stderr,
        )
    title = f"{image.stat().st_size >> 20} MiB of {kind}"
    theirs = statistics.median(pushes)
    return [
        compared(f"writing {title}; adb push and sync", statistics.median(writes), theirs, "1.1"),
        compared(
            "the whole `rom add`: boot images and start files, too", statistics.median(adds), theirs, "none"
        ),
    ]


def measure_hash(on: Bench, size: int) -> Row:
    """Measure how quickly the phone's sha256sum works by itself."""
    file = "/data/hardboot/roms/rom/system.img"
    seconds = _seconds(lambda: on.run(f"sha256sum {file}"))
    return Row(
        "the phone's sha256sum over the same, by itself", f"{seconds:.1f} s, {size / seconds / 1e6:.0f} MB/s"
    )


def measure_again(on: Bench, image: Path) -> list[Row]:
    """Measure adding an image that another ROM has."""
    whole, written = add(on, "second", image)
    if written:
        raise SystemExit("bench: an image that another ROM has was sent")
    on.hardboot("rom", "remove", "second", "--yes")
    return [
        Row("adding an image that another ROM has: bytes of it that are sent", "0", goal="0"),
        Row("that whole `rom add`: a copy on the phone, boot images, start files", f"{whole:.1f} s"),
    ]


def measure_start(on: Bench, rounds: int) -> list[Row]:
    """Measure the program that starts a ROM on the phone, up to the reset; the ROM runs then."""
    runs = []
    for number in range(rounds):
        if number:
            on.hardboot("reboot")
        status = machine_status(on)
        seen = status.console.stat().st_size
        on.run(f"{PROGRAM} boot rom </dev/null >/dev/kmsg 2>&1 &")
        runs.append(_start_phases(status.console, seen))
        print(f"start: {runs[-1]}", file=sys.stderr)
        transport = open_transport(on.serial)
        transport.wait(timeout_s=TIMEOUT_S)
        transport.close()
    middle = sorted(runs, key=lambda run: sum(run.values()))[len(runs) // 2]
    shown = ", ".join(f"{name} {seconds:.2f} s" for name, seconds in middle.items())
    return [
        Row("start on the phone, up to the reset", f"{sum(middle.values()):.2f} s", goal="0.30 s"),
        Row(f"of which {shown}", ""),
    ]


def machine_status(on: Bench) -> machine.Status:
    """Return what is known of the phone's machine."""
    os.environ["XDG_STATE_HOME"] = str(on.state)
    return machine.status(DEVICE)


def _start_phases(console: Path, seen: int) -> dict[str, float]:
    """Return the seconds from each line of the program to the next, by the kernel's clock."""
    deadline = time.monotonic() + TIMEOUT_S
    while True:
        said = console.read_bytes()[seen:].decode(errors="replace")
        if STARTED in said:
            break
        if time.monotonic() > deadline:
            raise SystemExit(f"bench: the ROM was not started:\n{said}")
        time.sleep(0.1)
    lines = [match.groups() for match in map(_STAMP.match, said.splitlines()) if match]
    begin = next(index for index, (_, text) in enumerate(lines) if text == "Checking rom")
    end = next(index for index, (_, text) in enumerate(lines) if text == STARTED)
    steps = [
        (float(stamp), text)
        for stamp, text in lines[begin : end + 1]
        if not text.startswith(("kexec", "EXT4"))
    ]
    return {text.lower(): after - at for (at, text), (after, _) in itertools.pairwise(steps)}


def place_of_system(on: Bench) -> tuple[int, int, int]:
    """Return the longest run of the ROM's system image: where it begins in it and on the partition, bytes."""
    shown = json.loads(on.hardboot("--json", "rom", "show", "rom"))
    (system,) = [one for one in shown["images"] if one["name"] == "system"]
    logical, physical, length = max(system["runs"], key=lambda run: run[2])
    return logical, physical, length


def measure_reads(on: Bench, place: tuple[int, int, int], rounds: int) -> list[Row]:
    """Measure reads of the ROM's disk against those of the same blocks on the raw partition, in the guest."""
    logical, physical, length = place
    rows = []
    for title, flags in (("direct", ",direct"), ("buffered", "")):
        rates = [
            (
                _read_rate(on, "/dev/block/dm-0", logical, length, flags),
                _read_rate(on, "/dev/block/by-name/userdata", physical, length, flags),
            )
            for _ in range(rounds)
        ]
        ours, theirs = (statistics.median(column) for column in zip(*rates, strict=True))
        what = f"{title} read of dm-linear; of the raw partition"
        ratio = statistics.median(one / other for one, other in rates)
        shown = (f"{ours:.0f} MB/s", f"{theirs:.0f} MB/s", f"{ratio:.2f}")
        rows.append(Row(what, *shown, "at least 0.95"))
    return rows


def _read_rate(on: Bench, device: str, offset: int, length: int, flags: str) -> float:
    """Return how quickly dd on the phone reads, in MB/s."""
    count = length >> 20
    times = max(1, READ_MIB // count)
    flush = "echo 3 > /proc/sys/vm/drop_caches"
    dd = f"dd if={device} of=/dev/null bs=1048576 count={count} skip={offset} iflag=skip_bytes{flags}"
    loop = f"i=0; while [ $i -lt {times} ]; do {flush}; {dd} 2>/dev/null || exit; i=$((i+1)); done"
    begin, _, end, _ = on.run(f"cat /proc/uptime; {loop}; cat /proc/uptime").split()
    return times * count * (1 << 20) / (float(end) - float(begin)) / 1e6


def measure(mib: int, rounds: int) -> list[Row]:
    """Measure everything on a new phone."""
    with bench() as on:
        images = make_images(on.work, mib << 20)
        rows = measure_add(on, "noise", images["noise"], rounds)
        on.hardboot("rom", "remove", "rom", "--yes")
        rows += measure_add(on, "a file system, 70 % full", images["file system"], rounds)
        rows += [measure_hash(on, mib << 20), *measure_again(on, images["file system"])]
        place = place_of_system(on)
        rows += measure_start(on, rounds)
        return [*rows, *measure_reads(on, place, 2 * rounds + 1)]


def main() -> None:
    """Measure, print the section and write it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--mib", type=int, default=1024)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    rows = measure(options.mib, options.rounds)
    lines = [
        "## Stored ROMs",
        "",
        "Written by `make bench-store`, on virt-arm64. hardboot and Debian's adb push the same file in",
        "turn; both end with the data on the disk, which `adb push` needs the",
        "phone's `sync` for. hardboot then also knows what the raw partition holds: the phone reads it back",
        "and hashes it while it writes, which an emulated CPU does slowly.",
        "The start on the phone is that of its own program, by the kernel's clock. Reads are made by dd, in",
        f"the running ROM. Medians of {options.rounds} runs, reads of {2 * options.rounds + 1}.",
        "",
        *table(rows),
    ]
    text = "\n".join(lines)
    print(text)
    page.write("store", text)


if __name__ == "__main__":
    main()
