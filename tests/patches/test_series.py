"""The series for mainline kernels on the real Linux sources they are for."""

import hashlib
import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
from in_process import hardboot
from series_machine import CASES, cycle

from hardboot.base.files import data_dir
from hardboot.patches import catalog
from hardboot.patches.apply import apply_series
from hardboot.patches.compare import compare_series
from hardboot.patches.series import CONFIG_NAME, Series
from hardboot.patches.tree import Tree
from hardboot.virtual import kernel

NAMES = ("arm-6.1", "arm-6.12", "arm64-6.1", "arm64-6.12")
DEVICES = {"arm": "virt-arm", "arm64": "virt-arm64"}
every = pytest.mark.parametrize("series", [pytest.param(name, id=name) for name in NAMES], indirect=True)


@pytest.fixture
def series(request: pytest.FixtureRequest) -> Series:
    """Return the series a test is about; arm-6.1 if it does not say."""
    return catalog.load(getattr(request, "param", "arm-6.1"))


@pytest.fixture
def device(series: Series) -> str:
    """Return the virtual phone of this architecture."""
    return DEVICES[series.arch]


@pytest.fixture
def tree(series: Series, tmp_path: Path) -> Path:
    """Return the files of a pristine tree that the series or the version check reads, as links."""
    source = kernel.source(series.kernels.min)
    folder = tmp_path / "linux"
    (folder / "arch").mkdir(parents=True)
    touched = {patch.path for parts in series.read().values() for patch in parts}
    for name in sorted(touched | {"Makefile", "Kconfig"}):
        if (source / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(source / name, folder / name)
            except OSError:  # another file system
                shutil.copy2(source / name, folder / name)
    return folder


def texts(series: Series) -> dict[str, str]:
    return {name: (data_dir("patches") / series.name / name).read_text() for name in series.patches}


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def status(tree: Path, device: str) -> str:
    run = hardboot("--json", "--device", device, "patch", "status", tree)
    assert run.returncode == 0, run.stderr
    return str(json.loads(run.stdout)["overall"])


@every
def test_the_whole_way_on_the_command_line(tree: Path, series: Series, device: str) -> None:
    boot = kernel.source(series.kernels.min) / series.places["decompressor"][0]
    before, source_before = hashes(tree), hashes(boot.parent)
    assert status(tree, device) == "absent"
    run = hardboot("--json", "patch", "apply", tree, "--device", device)
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["overall"], report["series"], report["offsets"]) == ("applied", series.name, [])
    after = hashes(tree)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {*report["files"], report["config"]}
    assert status(tree, device) == "applied"
    again = hardboot("patch", "apply", tree, "--device", device)
    assert (again.returncode, hashes(tree)) == (0, after)
    assert "already applied" in again.stdout
    assert catalog.find(tree) == series
    assert hardboot("--device", device, "patch", "revert", tree).returncode == 0
    assert hashes(tree) == before
    assert hashes(boot.parent) == source_before


@every
def test_git_apply_makes_the_same_of_it(tree: Path, series: Series, tmp_path: Path) -> None:
    oracle = tmp_path / "oracle"
    shutil.copytree(tree, oracle)
    apply_series(tree, series, {"hardboot.page": 0x44000000, "hardboot.page_size": 0x1000})
    for name in series.patches:
        git_apply(series, name, oracle)
    (tree / CONFIG_NAME).unlink()
    assert hashes(tree) == hashes(oracle)


def git_apply(series: Series, name: str, tree: Path) -> None:
    path = data_dir("patches") / series.name / name
    subprocess.run(["git", "apply", path], cwd=tree, check=True, timeout=60)


@pytest.mark.parametrize("count", range(1, 4))
def test_a_part_of_the_series_is_told_and_completed(tree: Path, series: Series, count: int) -> None:
    before = hashes(tree)
    for name in series.patches[:count]:
        git_apply(series, name, tree)
    found = compare_series(Tree(tree), series)
    assert found.overall == "partial"
    assert [item.state for item in found.patches] == ["applied"] * count + ["absent"] * (4 - count)
    run = hardboot("patch", "apply", tree, "--device", "virt-arm")
    assert run.returncode == 0, run.stderr
    assert compare_series(Tree(tree), series).overall == "applied"
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before


def test_a_conflict_leaves_the_tree_as_it_was(tree: Path) -> None:
    path = tree / "arch/arm/boot/compressed/head.S"
    text = path.read_text().replace("mrs\tr9, cpsr\t)", "mrs\tr9, cpsr\t) @ ours", 1)
    path.unlink()  # it may be a link to the source
    path.write_text(text)
    before = hashes(tree)
    run = hardboot("patch", "apply", tree, "--device", "virt-arm")
    assert (run.returncode, run.stdout) == (4, "")
    assert "head.S, hunk 3" in run.stderr
    assert hashes(tree) == before
    assert status(tree, "virt-arm") == "absent"


@pytest.mark.parametrize("line", ["PATCHLEVEL = 6", "PATCHLEVEL = 0", "VERSION = 5"])
def test_a_tree_of_another_version_is_refused(tree: Path, line: str) -> None:
    makefile = tree / "Makefile"
    key = line.partition(" ")[0]
    text = re.sub(rf"^{key} = \d+$", line, makefile.read_text(), flags=re.MULTILINE)
    makefile.unlink()  # it may be a link to the source
    makefile.write_text(text)
    before = hashes(tree)
    run = hardboot("patch", "apply", tree, "--device", "virt-arm")
    assert (run.returncode, run.stdout) == (4, "")
    assert "covered" in run.stderr or "no series covers" in run.stderr
    assert hashes(tree) == before


@pytest.mark.parametrize(
    ("series", "other"), [("arm-6.12", "grouper"), ("arm64-6.12", "angler")], indirect=["series"]
)
def test_a_profile_that_describes_another_host_kernel_is_refused(tree: Path, other: str) -> None:
    before = hashes(tree)
    run = hardboot("patch", "apply", tree, "--device", other)
    assert run.returncode == 4
    assert "host_abi" in run.stderr
    assert hashes(tree) == before


@pytest.mark.parametrize("series", ["arm-6.1", "arm-6.12"], indirect=True)
def test_the_profile_fills_in_reset_and_places(tree: Path) -> None:
    assert hardboot("patch", "apply", tree, "--device", "shamu").returncode == 0
    options = (tree / CONFIG_NAME).read_text().splitlines()
    assert set(options) >= {
        "CONFIG_KEXEC_HARDBOOT_PAGE=0x3e9df000",
        "CONFIG_KEXEC_HARDBOOT_RESET_MMIO=y",
        "CONFIG_KEXEC_HARDBOOT_RESET_ADDR=0xfc4ab000",
        "CONFIG_KEXEC_HARDBOOT_RESET_VALUE=0x0",
        "CONFIG_KEXEC_HARDBOOT_MOVE_R2=y",
        "CONFIG_KEXEC_HARDBOOT_KERNEL_LOC=0x3208000",
    }
    assert not [line for line in options if "PSCI" in line or "SET_BITS" in line]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("series", ["arm-6.1", "arm-6.12"], indirect=True)
def test_a_register_resets_a_machine_that_then_moves_what_it_shall(
    tree: Path, series: Series, tmp_path: Path, case: str
) -> None:
    apply_series(tree, series, {"hardboot.page": 0x1000, "hardboot.page_size": 0x1000})
    data = {"KEXEC_HB_RECORD": 24, "CONFIG_KEXEC_HARDBOOT_RESET_MMIO": 1}
    assert cycle(tree, tmp_path, {**data, **CASES[case]}) == "ok"


@every
def test_no_patch_holds_an_address_of_a_device(series: Series) -> None:
    known = {0x4A5DB007, 0x84000009, 0x47504248, 0xFFFFFFFF}  # magic, PSCI, HBPG, the end of 32 bits
    for name, text in texts(series).items():
        added = [line for line in text.splitlines() if line.startswith("+") and not line.startswith("+++")]
        found = {int(word, 16) for line in added for word in re.findall(r"\b0x[0-9a-fA-F]{5,}\b", line)}
        assert {value for value in found if value > 0xFFFF} <= known, name


@every
def test_the_flag_is_free_in_these_kernels(tree: Path, series: Series) -> None:
    """No other flag of kexec_load(2) has the bit: 0x4 is KEXEC_UPDATE_ELFCOREHDR since Linux 6.6."""
    text = (tree / "include/uapi/linux/kexec.h").read_text()
    flags = re.findall(r"^#define (KEXEC_[A-Z_]+)\s+(0x[0-9a-f]{8})$", text, re.MULTILINE)
    assert len(flags) >= 3
    assert not [name for name, value in flags if int(value, 16) & series.flag and "FILE" not in name]
    apply_series(tree, series, {"hardboot.page": 0x44000000, "hardboot.page_size": 0x1000})
    text = (tree / "include/uapi/linux/kexec.h").read_text()
    assert re.search(rf"^#define KEXEC_HARDBOOT\s+{series.flag:#010x}$", text, re.MULTILINE)


@every
def test_every_patch_says_its_licence_and_why(series: Series) -> None:
    for text in texts(series).values():
        header, _, rest = text.partition("\n\n")
        assert "SPDX-License-Identifier: GPL-2.0-only" in header.splitlines()
        assert re.search(r"^Subject: \[PATCH \d/4\] ", header, re.MULTILINE)
        assert len(rest.partition("\n---\n")[0].split()) > 40
        for path in re.findall(
            r"^new file mode 100644\n.*\n--- /dev/null\n\+\+\+ b/(\S+\.[ch])$", rest, re.MULTILINE
        ):
            section = rest.partition(f"+++ b/{path}\n")[2]
            assert "SPDX-License-Identifier: GPL-2.0-only" in section.splitlines()[1], path
