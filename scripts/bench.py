"""Measure hardboot against its peers in one run, and write its part of docs/benchmarks.md: `make bench`.

Peers take turns with hardboot, so that a busy machine slows both. The median of the runs counts.
"""

import os
import platform
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import benchmarks_page as page
import libfdt

from hardboot import devicetree, layout, profile
from hardboot.base.files import data_dir
from hardboot.base.memory import Range
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import devicetrees
from hardboot.formats.kernels import zimage
from hardboot.formats.trees import fdt, stored_trees
from hardboot.formats.trees.fdt import Fdt, Node
from hardboot.formats.trees.qcdt import QCDT, QcdtEntry2
from hardboot.formats.trees.tree_table import TreeTable
from hardboot.layout import Guest, LiveMemory
from hardboot.patches import catalog
from hardboot.patches.apply import apply_series, revert_series
from hardboot.virtual import kernel, packages

RUNS = 11
TIMEOUT_S = 120
MIB = 1 << 20
Command = list[str | Path]
HARDBOOT: Command = [Path(sys.executable).with_name("hardboot")]
# As installed: Python keeps what it compiled.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# Debian's programs run on Debian's own Python, not through the launcher of another one.
os.environ["PATH"] = f"/usr/bin:/bin:{os.environ['PATH']}"


def seconds(command: Command, before: Callable[[], object]) -> float:
    """How long a command takes, from start to end; with a pipe, as Python sleeps 50 ms at a time without."""
    before()
    start = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=TIMEOUT_S)
    return time.perf_counter() - start


MEASURED = """
import re, sys
from hardboot.__main__ import run
if run(sys.argv[1:]):
    sys.exit(1)
found = re.search(r"VmHWM:\\s+(\\d+) kB", open("/proc/self/status").read())
print(found[1], file=sys.stderr)
"""

# Nothing but the two hashes of the image, side by side: no program that computes both is quicker in Python.
HASHES = """
import mmap, sys, _thread
from hashlib import sha1, sha256
with open(sys.argv[1], "rb") as stream:
    data = memoryview(mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ))[4096:]
running = _thread.allocate_lock()
running.acquire()
_thread.start_new_thread(lambda: (sha256(data).digest(), running.release()), ())
sha1(data).digest()
running.acquire()
"""


def peak_mb(*words: str | Path) -> float:
    """The most memory a hardboot command held, file pages included."""
    command: Command = [sys.executable, "-c", MEASURED, *words]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=TIMEOUT_S)
    return int(done.stderr.splitlines()[-1]) * 1024 / 1e6


def race(*commands: Command, before: Callable[[], object] = lambda: None) -> list[float]:
    """The medians of commands that take turns."""
    rounds = [[seconds(command, before) for command in commands] for _ in range(RUNS)]
    return [statistics.median(times) for times in zip(*rounds, strict=True)]


def best(work: Callable[[], object]) -> float:
    """The median time of a function, in seconds."""
    found = []
    for _ in range(RUNS):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return statistics.median(found)


def make_image(folder: Path, name: str, image: bytes, size: int) -> Path:
    """A v2 image of `size` bytes: that kernel, a ramdisk and a dtb of noise."""
    (folder / "kernel").write_bytes(image)
    (folder / "ramdisk").write_bytes(os.urandom(size - len(image) - 132 * 1024))
    (folder / "dtb").write_bytes(os.urandom(120 * 1024))
    target = folder / f"{name}.img"
    command: Command = ["mkbootimg", "--header_version", "2", "--pagesize", "4096", "-o", target]
    for part in ("kernel", "ramdisk", "dtb"):
        command += [f"--{part}", folder / part]
    subprocess.run(command, check=True, timeout=TIMEOUT_S)
    return target


def table(trees: list[bytes], count: int) -> bytes:
    """A QCDT of `count` entries over `trees`."""
    placed = stored_trees.place(trees, 12 + count * QcdtEntry2.SIZE + 4, 2048)
    of_entries = [placed[index % len(placed)] for index in range(count)]
    entries = tuple(
        QcdtEntry2(0xF8, 8, 0, soc_rev=index, offset=tree.offset, size=tree.size)
        for index, tree in enumerate(of_entries)
    )
    return QCDT.build(TreeTable(2, entries, placed, page_size=2048, size=0))


def choose(data: bytes) -> devicetrees.TreeEntry:
    """The entry for one board: same ids, the highest revision of the chip that is not above its own."""
    found = devicetrees.find(data)
    if found is None:
        raise SystemExit("bench: no trees found")
    fitting = [
        entry
        for entry in found.entries
        if entry.ids["platform_id"] == 0xF8 and int(str(entry.ids["soc_rev"])) <= 150
    ]
    chosen = max(fitting, key=lambda entry: int(str(entry.ids["soc_rev"])))
    chosen.content()
    return chosen


def walk(data: bytes) -> int:
    """Every node and property of a tree, read with libfdt."""
    tree = libfdt.FdtRo(data)
    count, node, depth = 0, 0, 0
    while depth >= 0:
        tree.get_name(node)
        offset = tree.first_property_offset(node, libfdt.QUIET_NOTFOUND)
        while offset >= 0:
            found = tree.get_property_by_offset(offset)
            count += len(found.name) + len(bytes(found))
            offset = tree.next_property_offset(offset, libfdt.QUIET_NOTFOUND)
        node, depth = tree.next_node(node, depth, (libfdt.BADOFFSET, libfdt.NOTFOUND))
        if node < 0:
            break
    return count


def debian() -> Path:
    """Debian's kernel for 32-bit ARM, with its device trees."""
    name = packages.find_dependency("linux-image-armmp", "linux-image-", architecture=packages.ARMHF)
    return packages.package_dir(name, architecture=packages.ARMHF)


def measure(folder: Path) -> list[tuple[str, str, str, str, str]]:
    """The rows of the page: what, hardboot, peer, ratio or value, goal."""
    rows = []

    def compare(what: str, ours: float, theirs: float, goal: str) -> None:
        rows.append((what, f"{ours * 1000:.0f} ms", f"{theirs * 1000:.0f} ms", f"{ours / theirs:.2f}", goal))

    noise = make_image(folder, "noise", os.urandom(8 * MIB), 64 * MIB)
    real = make_image(folder, "real", next(debian().glob("boot/vmlinuz-*")).read_bytes(), 64 * MIB)
    small = make_image(folder, "small", os.urandom(MIB), 8 * MIB)
    out, again = folder / "out", folder / "again.img"

    def clean() -> None:
        subprocess.run(["rm", "-rf", out, again], check=True, timeout=TIMEOUT_S)

    unpack: Command = ["unpack_bootimg", "--out", out, "--boot_img"]
    alone: Command = [sys.executable, "-c", HASHES, noise]
    info, hashes, theirs = race([*HARDBOOT, "info", noise], alone, [*unpack, noise], before=clean)
    compare("info, 64 MiB v2 image", info, theirs, "0.6")
    compare("the two hashes of info alone", hashes, theirs, "none: what info cannot beat")
    goal = "none: the peer does not look inside"
    info, theirs = race([*HARDBOOT, "info", real], [*unpack, real], before=clean)
    compare("info, with a real kernel in it", info, theirs, goal)
    ours, theirs = race([*HARDBOOT, "unpack", noise, out], [*unpack, noise], before=clean)
    compare("unpack", ours, theirs, "1.0")
    clean()
    subprocess.run([*HARDBOOT, "unpack", noise, out], check=True, stdout=subprocess.DEVNULL)
    (out / "dtb").write_bytes(os.urandom(120 * 1024))
    pack: Command = ["mkbootimg", "--header_version", "2", "--pagesize", "4096", "-o", again]
    for part in ("kernel", "ramdisk", "dtb"):
        pack += [f"--{part}", out / part]
    ours, theirs = race([*HARDBOOT, "pack", out, again], pack)
    compare("pack, one part changed", ours, theirs, "1.0")
    sparse = folder / "sparse.img"
    subprocess.run(["img2simg", real, sparse], check=True, timeout=TIMEOUT_S)
    images = (
        ("8 MiB", small),
        ("64 MiB", noise),
        ("64 MiB, real kernel", real),
        ("the same, sparse", sparse),
    )
    for what, image in images:
        peak = peak_mb("info", image)
        rows.append((f"info, peak memory, {what}", f"{peak:.1f} MB", "", "", "45 MB"))
    return rows + measure_trees() + measure_plans() + measure_patches()


def measure_trees() -> list[tuple[str, str, str, str, str]]:
    """The rows on device trees."""
    paths = sorted(debian().rglob("*.dtb"), key=lambda path: path.stat().st_size)
    trees = [path.read_bytes() for path in paths[-13:]]
    data = table(trees, 200)
    chosen = best(lambda: choose(data)) * 1000
    largest = trees[-1]
    ours, theirs = best(lambda: fdt.parse(largest)), best(lambda: walk(largest))
    size = struct.unpack_from(">I", largest, 4)[0]
    return [
        ("choose 1 of 200 QCDT entries", f"{chosen:.1f} ms", "", "", "50 ms"),
        (
            f"parse a tree of {size // 1024} KiB; a walk with pylibfdt",
            *(f"{ours * 1000:.1f} ms", f"{theirs * 1000:.1f} ms", f"{ours / theirs:.2f}", "2.0"),
        ),
    ]


def measure_plans() -> list[tuple[str, str, str, str, str]]:
    """The rows on the planner: a Nexus 6 with 3 GiB and Debian's kernel; one of 200 trees to choose."""
    phone = profile.load("shamu")
    live = LiveMemory((Range(0, 0xDA00000), Range(0xFB00000, 0xC0000000)))
    debians = zimage.parse(next(debian().glob("boot/vmlinuz-*")).read_bytes())
    small = Fdt(Node("", {}, [Node("soc", {"compatible": b"qcom,apq8084\0"})]))
    guest = Guest(debians, bytes(8 * MIB), small, "console=ttyHSL0,115200,n8")
    planned = best(lambda: [layout.plan(phone, guest, live) for _ in range(100)]) / 100

    paths = sorted(debian().rglob("*.dtb"), key=lambda path: path.stat().st_size)
    data = table([path.read_bytes() for path in paths[-13:]], 200)
    ids = {"qcom,msm-id": struct.pack(">2I", 0xF8, 150), "qcom,board-id": struct.pack(">2I", 8, 0)}
    running = Fdt(Node("", ids, [Node("memory", {"reg": struct.pack(">2I", 0, 0xC0000000)})]))

    def choose_and_adapt() -> bytes:
        found = devicetree.find_trees_in_parts([Part("dt", 0, data)])
        if found is None:
            raise SystemExit("bench: no trees found")
        choice = devicetree.choose(found.candidates, phone, running)
        initrd = Range.sized(0x21000000, 8 * MIB)
        return devicetree.adapt(choice.tree, cmdline="quiet", initrd=initrd, live=running, profile=phone)

    adapted = best(choose_and_adapt)
    return [
        ("plan a boot, device tree at hand", f"{planned * 1000:.2f} ms", "", "", "1 ms"),
        (
            f"choose 1 of 200 device trees, adapt its {len(choose_and_adapt()) // 1024} KiB",
            *(f"{adapted * 1000:.1f} ms", "", "", "50 ms"),
        ),
    ]


def measure_patches() -> list[tuple[str, str, str, str, str]]:
    """Measure series on a full source tree, whose files are links to those in the cache."""
    series = catalog.load("arm-6.1")
    phone = {"hardboot.page": 0x44000000, "hardboot.page_size": 0x1000}
    parts = [(data_dir("patches") / series.name / name).read_bytes() for name in series.patches]
    times: dict[str, list[float]] = {"work": [], "git": [], "command": [], "status": []}
    with tempfile.TemporaryDirectory(prefix="bench.", dir=kernel.source().parent) as folder:
        tree = Path(folder) / "linux"
        subprocess.run(["cp", "-al", kernel.source(), tree], check=True, timeout=TIMEOUT_S)

        def run(name: str, work: Callable[[], object]) -> None:
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)

        def command(*words: str) -> None:
            done = [*HARDBOOT, "patch", *words]
            subprocess.run(done, check=True, capture_output=True, timeout=TIMEOUT_S)

        def git(*options: str, data: bytes) -> None:
            done = ["git", "apply", *options, "-"]
            above = {**os.environ, "GIT_CEILING_DIRECTORIES": folder}
            subprocess.run(done, cwd=tree, input=data, env=above, check=True, timeout=TIMEOUT_S)

        for _ in range(RUNS):
            run("git", lambda: git(data=b"".join(parts)))
            for part in reversed(parts):
                git("-R", data=part)
            run("work", lambda: apply_series(tree, series, phone))
            run("status", lambda: command("status", str(tree)))
            revert_series(tree, series)
            run("command", lambda: command("apply", str(tree), "--device", "virt-arm"))
            revert_series(tree, series)
    ours, theirs, whole, told = (
        statistics.median(times[name]) for name in ("work", "git", "command", "status")
    )
    return [
        (
            "patch apply to a full kernel tree; git apply",
            *(f"{ours * 1000:.0f} ms", f"{theirs * 1000:.0f} ms", f"{ours / theirs:.2f}", "1.5"),
        ),
        (
            "the same with the start of Python",
            *(f"{whole * 1000:.0f} ms", f"{theirs * 1000:.0f} ms", f"{whole / theirs:.2f}", "none"),
        ),
        ("patch status of a full kernel tree", f"{told * 1000:.0f} ms", "", "", "1000 ms"),
    ]


def main() -> None:
    """Measure, print, and write the page."""
    with tempfile.TemporaryDirectory(prefix="hardboot-bench-") as name:
        rows = measure(Path(name))
    lines = [
        "## Images and trees",
        "",
        "Written by `make bench`: hardboot and peers (Debian's unpack_bootimg, mkbootimg, git; pylibfdt)",
        f"take turns, {RUNS} runs each, medians. `info` hashes all parts with SHA-256 and the id with SHA-1,",
        "which the peers do not do; a goal is the ratio or the value not to be exceeded.",
        "",
        f"Measured on {platform.system()} {platform.machine()} with {os.cpu_count()} CPUs, "
        f"Python {platform.python_version()}, load {os.getloadavg()[0]:.1f}.",
        "",
        "| what | hardboot | peer | ratio | goal |",
        "|---|---|---|---|---|",
        *(f"| {' | '.join(row)} |" for row in rows),
    ]
    text = "\n".join(lines)
    print(text)
    page.write("images", text)


if __name__ == "__main__":
    main()
