"""Measure device trees, plans and kernel patches against their peers."""

import os
import statistics
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import libfdt
from measuring import HARDBOOT, RUNS, TIMEOUT_S, Row, best, compared

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

MIB = 1 << 20


def table(trees: list[bytes], count: int) -> bytes:
    """Build a QCDT of `count` entries over `trees`."""
    placed = stored_trees.place(trees, 12 + count * QcdtEntry2.SIZE + 4, 2048)
    of_entries = [placed[index % len(placed)] for index in range(count)]
    entries = tuple(
        QcdtEntry2(0xF8, 8, 0, soc_rev=index, offset=tree.offset, size=tree.size)
        for index, tree in enumerate(of_entries)
    )
    return QCDT.build(TreeTable(2, entries, placed, page_size=2048, size=0))


def choose(data: bytes) -> devicetrees.TreeEntry:
    """Choose the entry for one board: same ids, and the highest revision of the chip up to its own."""
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
    """Read every node and property of a tree with libfdt."""
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
    """Return the folder of Debian's kernel for 32-bit ARM, with its device trees."""
    name = packages.find_dependency("linux-image-armmp", "linux-image-", architecture=packages.ARMHF)
    return packages.package_dir(name, architecture=packages.ARMHF)


def measure_trees() -> list[Row]:
    """Measure device trees."""
    paths = sorted(debian().rglob("*.dtb"), key=lambda path: path.stat().st_size)
    trees = [path.read_bytes() for path in paths[-13:]]
    data = table(trees, 200)
    chosen = best(lambda: choose(data)) * 1000
    largest = trees[-1]
    ours, theirs = best(lambda: fdt.parse(largest)), best(lambda: walk(largest))
    size = struct.unpack_from(">I", largest, 4)[0]
    return [
        Row("choose 1 of 200 QCDT entries", f"{chosen:.1f} ms", goal="50 ms"),
        compared(f"parse a tree of {size // 1024} KiB; a walk with pylibfdt", ours, theirs, "2.0", digits=1),
    ]


def measure_plans() -> list[Row]:
    """Measure the planner: a Nexus 6 with 3 GiB and Debian's kernel; one of 200 trees to choose."""
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
        choice = devicetree.choose_tree(found.candidates, phone, running)
        initrd = Range.sized(0x21000000, 8 * MIB)
        return devicetree.adapt(choice.tree, cmdline="quiet", initrd=initrd, live=running, profile=phone)

    adapted = best(choose_and_adapt)
    return [
        Row("plan a boot with a given device tree", f"{planned * 1000:.2f} ms", goal="1 ms"),
        Row(
            f"choose 1 of 200 device trees, adapt its {len(choose_and_adapt()) // 1024} KiB",
            f"{adapted * 1000:.1f} ms",
            goal="50 ms",
        ),
    ]


def measure_patches() -> list[Row]:
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
    ours, theirs, whole, status = (
        statistics.median(times[name]) for name in ("work", "git", "command", "status")
    )
    return [
        compared("patch apply to a full kernel tree; git apply", ours, theirs, "1.5"),
        compared("the same with the start of Python", whole, theirs, "none"),
        Row("patch status of a full kernel tree", f"{status * 1000:.0f} ms", goal="1000 ms"),
    ]
