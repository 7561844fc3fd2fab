"""The series arm-3.4 in MediaTek's trees: the watchdog resets, the loader sees the bootloader's own ATAGS.

The real tree is the kernel of a phone, which is not here: see docs/kernel-patches-test-record.md.
"""

import json
import subprocess
from pathlib import Path

import pytest
from in_process import hardboot
from series_machine import CASES, cycle
from series_trees import build, fragment, hashes

from hardboot.base import process
from hardboot.patches import catalog
from hardboot.patches.tree import Tree

C_SOURCES = Path(__file__).parent / "series_mediatek"
HOOK = "arch/arm/kernel/kexec_hardboot_mediatek.c"
SETUP = "arch/arm/kernel/setup.c"
MSM = "arch/arm/mach-msm/restart.c"


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    folder = build(tmp_path / "linux", "arm-3.4", has="mediatek/Makefile")
    (folder / "arch/arm/mach-msm").mkdir(parents=True)  # as in every 3.4
    return folder


def run_c(source: str, folder: Path, *flags: str, argument: str = "") -> str:
    """Return what a program of series_mediatek/ says; headers that only kernels have are empty."""
    for name in ("init", "io", "irqflags", "kernel"):
        (folder / "include/linux").mkdir(parents=True, exist_ok=True)
        (folder / f"include/linux/{name}.h").write_text("")
    gcc, program = process.find_tool("gcc", "gcc"), folder / "program"
    process.run([gcc, "-Wall", "-Werror", *flags, C_SOURCES / source, "-o", program], timeout_s=60)
    return subprocess.run(
        [program, argument], capture_output=True, text=True, timeout=60, check=True
    ).stdout.strip()


def test_the_whole_way_for_the_fairphone(tree: Path, tmp_path: Path) -> None:
    before, file = hashes(tree), tmp_path / "one.patch"
    run = hardboot("--json", "patch", "apply", tree, "--device", "fp1")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert {HOOK, SETUP, "arch/arm/kernel/Makefile"} <= set(report["files"])
    assert MSM not in report["files"]
    found = json.loads(hardboot("--json", "patch", "status", tree).stdout)
    assert (found["overall"], {place["state"] for place in found["places"]}) == ("applied", {"ours"})
    reset = next(place for place in found["places"] if place["name"] == "reset")
    assert reset["file"] == HOOK
    line = (tree / HOOK).read_text().splitlines()[reset["line"] - 1]
    assert "ioremap(CONFIG_KEXEC_HARDBOOT_RESET_ADDR" in line
    assert hardboot("patch", "export", tree, "--device", "fp1", "-o", file).returncode == 0
    assert f"+++ b/{HOOK}\n" in file.read_text()
    assert MSM not in file.read_text()
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before
    assert hardboot("patch", "check", "arm-3.4", "--tree", tree).returncode == 0


def test_its_options(tree: Path) -> None:
    assert fragment(tree, "fp1") == {
        "KEXEC": "y",
        "KEXEC_HARDBOOT": "y",
        "KEXEC_HARDBOOT_PAGE": "0x9dd00000",
        "KEXEC_HARDBOOT_PAGE_SIZE": "0x100000",
        "KEXEC_HARDBOOT_RESET_ADDR": "0x10000000",
        "KEXEC_HARDBOOT_RESET_WATCHDOG": "y",
        "KEXEC_HARDBOOT_MOVE_R2": "y",
        "IKCONFIG": "y",
        "IKCONFIG_PROC": "y",
        "ATAGS_PROC": "y",
    }


def test_a_phone_of_another_maker_is_refused(tree: Path) -> None:
    before = hashes(tree)
    run = hardboot("patch", "apply", tree, "--device", "mako")
    assert (run.returncode, hashes(tree)) == (4, before)
    assert "reset method watchdog; the profile mako has mmio" in " ".join(run.stderr.split())


def test_the_list_names_both_ways_to_reset() -> None:
    series = {one["name"]: one for one in json.loads(hardboot("--json", "patch", "list").stdout)}
    assert series["arm-3.4"]["reset"] == ["mmio", "watchdog"]
    assert series["arm-3.10"]["reset"] == ["mmio"]


@pytest.mark.parametrize(
    ("place", "file", "line"),
    [
        ("reset", HOOK, "\tlocal_irq_disable();\n"),
        ("prepare", SETUP, "\tif (IS_ENABLED(CONFIG_KEXEC_HARDBOOT))\n"),
    ],
)
def test_a_lost_line_is_told(tree: Path, place: str, file: str, line: str) -> None:
    assert hardboot("patch", "apply", tree, "--device", "fp1").returncode == 0
    text = (tree / file).read_text()
    assert line in text
    (tree / file).write_text(text.replace(line, ""))
    found = json.loads(hardboot("--json", "patch", "status", tree).stdout)
    states = {one["name"]: (one["state"], one["file"], one["detail"]) for one in found["places"]}
    assert found["overall"] == "damaged"
    assert states.pop(place) == ("damaged", file, f"1 line is missing: {line.strip()}")
    assert {state for state, _, _ in states.values()} == {"ours"}


@pytest.mark.parametrize(
    ("mode", "said"),
    [
        ("5d", "reset after 6 s, no power key"),  # as the driver runs it: dual mode, an interrupt first
        ("14", "reset after 6 s, no power key"),  # switched off
        ("0", "reset after 6 s, no power key"),
        ("-", "no hook"),  # images are refused then
    ],
)
def test_the_hook_leaves_a_watchdog_that_resets(tree: Path, tmp_path: Path, mode: str, said: str) -> None:
    options = fragment(tree, "fp1")
    defines = [f"-DCONFIG_{key}={'1' if value == 'y' else value}" for key, value in options.items()]
    defines += ["-DCONFIG_KEXEC_HARDBOOT_KERNEL_LOC=0", f'-DHOOK="{tree / HOOK}"']
    include = [f"-I{tmp_path / 'include'}", f"-I{tree / 'include'}"]
    assert run_c("hook.c", tmp_path, *defines, *include, argument=mode) == said


@pytest.mark.parametrize(("on", "said"), [("1", "kernel 496, loader 512"), ("0", "kernel 496, loader 496")])
def test_the_loader_sees_the_tags_of_the_bootloader(tree: Path, tmp_path: Path, on: str, said: str) -> None:
    assert hardboot("patch", "apply", tree, "--device", "fp1").returncode == 0
    _, line, rest = (tree / SETUP).read_text().partition("\tif (IS_ENABLED(CONFIG_KEXEC_HARDBOOT))\n")
    code, end, _ = rest.partition("\t\tparse_tags(tags);\n\t}\n")
    (tmp_path / "tags.h").write_text(line + code + end)
    flags = [f"-DCONFIG_KEXEC_HARDBOOT={on}", f'-DTAGS="{tmp_path / "tags.h"}"']
    assert run_c("tags.c", tmp_path, *flags) == said


@pytest.mark.parametrize("case", ["direct", "moved"])
def test_the_relocation_code_waits_for_the_watchdog(tree: Path, tmp_path: Path, case: str) -> None:
    assert hardboot("patch", "apply", tree, "--device", "fp1").returncode == 0
    values = {**CASES[case], "CONFIG_KEXEC_HARDBOOT_RESET_WATCHDOG": 1}
    assert cycle(tree, tmp_path, values, watchdog=True) == "ok"


def test_the_reset_belongs_to_the_variant(tree: Path) -> None:
    series = catalog.load("arm-3.4")
    assert (series.reset, series.for_tree(Tree(tree)).reset) == (("mmio",), ("watchdog",))
