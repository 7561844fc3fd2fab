"""The series arm-6.1 on the real Linux source it is for."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from hardboot import patches
from hardboot.files import data_dir

SERIES = "arm-6.1"
FOLDER = data_dir("patches") / SERIES


@pytest.fixture
def tree(linux_source: Path, tmp_path: Path) -> Path:
    """The files of a pristine tree that the series or the version check looks at, as links where possible."""
    folder = tmp_path / "linux"
    (folder / "arch").mkdir(parents=True)
    touched = {patch.path for parts in patches.load(SERIES).read().values() for patch in parts}
    for name in sorted(touched | {"Makefile", "Kconfig"}):
        if (linux_source / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            try:
                os.link(linux_source / name, folder / name)
            except OSError:  # another file system
                shutil.copy2(linux_source / name, folder / name)
    return folder


def hashes(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def hardboot(*words: str | Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "hardboot", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def status(tree: Path) -> str:
    run = hardboot("--json", "patch", "status", tree)
    assert run.returncode == 0, run.stderr
    return str(json.loads(run.stdout)["overall"])


def test_the_whole_way_on_the_command_line(tree: Path, linux_source: Path) -> None:
    before, source_before = hashes(tree), hashes(linux_source / "arch/arm/boot/compressed")
    assert status(tree) == "absent"
    run = hardboot("--json", "patch", "apply", tree, "--device", "virt-arm")
    assert run.returncode == 0, run.stderr
    report = json.loads(run.stdout)
    assert (report["overall"], report["series"], report["offsets"]) == ("applied", SERIES, [])
    after = hashes(tree)
    changed = {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)}
    assert changed == {*report["files"], report["config"]}
    assert status(tree) == "applied"
    again = hardboot("patch", "apply", tree, "--device", "virt-arm")
    assert (again.returncode, hashes(tree)) == (0, after)
    assert "already applied" in again.stdout
    assert hardboot("patch", "revert", tree).returncode == 0
    assert hashes(tree) == before
    assert hashes(linux_source / "arch/arm/boot/compressed") == source_before


def test_git_apply_makes_the_same_of_it(tree: Path, tmp_path: Path) -> None:
    oracle = tmp_path / "oracle"
    shutil.copytree(tree, oracle)
    series = patches.load(SERIES)
    patches.apply(tree, series, {"hardboot.page": 0x44000000, "hardboot.page_size": 0x1000})
    for name in series.patches:
        subprocess.run(["git", "apply", str(FOLDER / name)], cwd=oracle, check=True, timeout=60)
    (tree / patches.CONFIG_NAME).unlink()
    assert hashes(tree) == hashes(oracle)


@pytest.mark.parametrize("count", range(1, 4))
def test_a_part_of_the_series_is_told_and_refused(tree: Path, count: int) -> None:
    series = patches.load(SERIES)
    for name in series.patches[:count]:
        subprocess.run(["git", "apply", str(FOLDER / name)], cwd=tree, check=True, timeout=60)
    before = hashes(tree)
    found = patches.survey(tree, series)
    assert found.overall == "partial"
    assert [item.state for item in found.patches] == ["applied"] * count + ["absent"] * (4 - count)
    run = hardboot("patch", "apply", tree, "--device", "virt-arm")
    assert (run.returncode, run.stdout) == (4, "")
    assert series.patches[count] in run.stderr
    assert hashes(tree) == before


def test_a_conflict_leaves_the_tree_as_it_was(tree: Path) -> None:
    path = tree / "arch/arm/boot/compressed/head.S"
    text = path.read_text().replace("mrs\tr9, cpsr\t)", "mrs\tr9, cpsr\t) @ ours", 1)
    path.unlink()  # it may be a link to the source
    path.write_text(text)
    before = hashes(tree)
    run = hardboot("patch", "apply", tree, "--device", "virt-arm")
    assert (run.returncode, run.stdout) == (4, "")
    assert "head.S, hunk 2" in run.stderr
    assert hashes(tree) == before
    assert status(tree) == "absent"


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


def test_a_profile_that_describes_another_host_kernel_is_refused(tree: Path) -> None:
    before = hashes(tree)
    run = hardboot("patch", "apply", tree, "--device", "shamu")
    assert run.returncode == 4
    assert "host_abi" in run.stderr
    assert hashes(tree) == before


def test_no_patch_holds_an_address_of_a_device() -> None:
    known = {0x4A5DB007, 0x84000009, 0x47504248, 0xFFFFFFFF}  # magic, PSCI, HBPG, the end of 32 bits
    for name in patches.load(SERIES).patches:
        text = (FOLDER / name).read_text()
        added = [line for line in text.splitlines() if line.startswith("+") and not line.startswith("+++")]
        found = {int(word, 16) for line in added for word in re.findall(r"\b0x[0-9a-fA-F]{5,}\b", line)}
        assert {value for value in found if value > 0xFFFF} <= known, name


def test_every_patch_says_its_licence_and_why() -> None:
    for name in patches.load(SERIES).patches:
        header, _, rest = (FOLDER / name).read_text().partition("\n\n")
        assert "SPDX-License-Identifier: GPL-2.0-only" in header.splitlines()
        assert re.search(r"^Subject: \[PATCH \d/4\] ", header, re.MULTILINE)
        assert len(rest.partition("\n---\n")[0].split()) > 40
        for path in re.findall(
            r"^new file mode 100644\n.*\n--- /dev/null\n\+\+\+ b/(\S+\.[ch])$", rest, re.MULTILINE
        ):
            section = rest.partition(f"+++ b/{path}\n")[2]
            assert "SPDX-License-Identifier: GPL-2.0-only" in section.splitlines()[1], path
