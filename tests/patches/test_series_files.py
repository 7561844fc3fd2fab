"""Series as files: exported as one patch for others, and tried on a tree by their authors."""

import subprocess
from pathlib import Path

import kernel_trees as trees
import pytest
from msgspec import structs
from toy_series import git, snapshot

from hardboot.base import files
from hardboot.base.errors import RefusedError
from hardboot.patches import catalog, check
from hardboot.patches.apply import apply_patches, apply_series, revert_series
from hardboot.patches.check import find_problems
from hardboot.patches.export import combine
from hardboot.patches.series import ProfileValues, Series, When
from hardboot.patches.status import status
from hardboot.patches.unified import parse

PHONE: ProfileValues = {"hardboot.page": 0x3E9DF000}


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Series:
    folder = trees.series(tmp_path / "patches")
    monkeypatch.setattr(files, "data_dir", lambda name: tmp_path / name)
    return catalog.load(folder.name)


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return trees.write(tmp_path / "linux", trees.BASE)


@pytest.mark.parametrize("tool", ["git apply", "patch -p1 -F0 -s", "hardboot"])
def test_an_exported_series_makes_the_same_tree_with_every_tool(
    tree: Path, series: Series, tmp_path: Path, tool: str
) -> None:
    data = combine(series, PHONE, "Toy Phone")
    other = trees.write(tmp_path / "other", trees.BASE)
    apply_series(tree, series, PHONE)
    if tool == "hardboot":
        apply_patches(other, "file", {"file": parse(data, "file")})
    elif tool == "git apply":
        git(other, "apply", "-", stdin=data)
    else:
        subprocess.run(tool.split(), cwd=other, input=data, check=True, timeout=60)
    assert snapshot(other) == snapshot(tree)
    assert status(other).overall == "applied"


def test_every_series_that_ships_can_be_exported_and_read_again() -> None:
    for one in catalog.load_all():
        names = {name for part in (one.config, *one.config.when) for name in part.profile.values()}
        data = combine(one, dict.fromkeys(names, 0x1000), "any phone")
        paths = {patch.path for patch in parse(data, one.name)}
        assert paths == {patch.path for part in one.read().values() for patch in part} | {"hardboot.config"}


def test_a_tree_in_git_and_below_anothers_repository_is_patched_alike(
    tree: Path, series: Series, tmp_path: Path
) -> None:
    git(tmp_path, "init", "-q")  # the tree lies in somebody's home, which is a repository
    apply_series(tree, series, PHONE)
    applied = snapshot(tree)
    revert_series(tree, series)
    git(tree, "init", "-q")
    git(tree, "add", "-A")
    git(tree, "commit", "-qm", "base")
    apply_series(tree, series, PHONE)
    assert {name: value for name, value in snapshot(tree).items() if not name.startswith(".git")} == applied
    revert_series(tree, series)
    assert git(tree, "status", "--porcelain") == b""


def test_an_export_says_what_it_is_and_holds_patches_and_options_in_order(series: Series) -> None:
    data = combine(series, PHONE, "Toy Phone").decode()
    head, _, rest = data.partition("\n\n--- a/")
    assert head == (
        "hardboot support (toy-3.10) for Toy Phone; GPL-2.0-only\n\n"
        "In the kernel source: patch -p1 -F0, then add the options in hardboot.config."
    )
    patch = (files.data_dir("patches") / series.name / series.patches[0]).read_text()
    body, _, fragment = f"--- a/{rest}".partition("diff --git a/hardboot.config")
    assert body == patch
    assert fragment == (
        " b/hardboot.config\nnew file mode 100644\n--- /dev/null\n+++ b/hardboot.config\n@@ -0,0 +1,3 @@\n"
        "+# Written by `hardboot patch apply`; `hardboot patch revert` removes it.\n"
        "+CONFIG_KEXEC_HARDBOOT=y\n+CONFIG_KEXEC_HARDBOOT_PAGE=0x3e9df000\n"
    )


def test_a_series_that_fits_has_no_problems_and_the_tree_is_not_touched(tree: Path, series: Series) -> None:
    before = snapshot(tree)
    assert find_problems(series, tree) == []
    assert snapshot(tree) == before


def test_problems_of_a_series_are_told(tree: Path, series: Series) -> None:
    path = tree / "kernel/kexec.c"
    text = path.read_text()
    path.write_text("\n" + text)
    assert find_problems(series, tree) == ["0001-all.patch: kernel/kexec.c, hunk 1 applies +1 lines off"]
    path.write_text(text.replace("return -1", "return -2"))
    assert find_problems(series, tree) == [
        'kernel/kexec.c, hunk 1, line 6: found "return -2;", expected "return -1;"'
    ]
    path.write_text(text)
    apply_series(tree, series, PHONE)
    assert find_problems(series, tree) == ["the tree already has the series (applied)"]


def test_a_tree_of_another_flavour_is_a_problem(tree: Path, series: Series) -> None:
    flavour = structs.replace(series, requires=("arch/arm/mach-x", "arch/arm/mach-msm", "none"))
    assert find_problems(flavour, tree) == [
        "the tree has no arch/arm/mach-x, which the series requires",
        "the tree has no none, which the series requires",
    ]
    (tree / "arch/arm/mach-msm/one/two").mkdir(parents=True)
    flavour = structs.replace(series, requires=("arch/arm/mach-msm", "arch/arm/mach-msm/one/two"))
    assert find_problems(flavour, tree) == []


def test_a_series_that_is_not_restored_is_a_problem(
    tree: Path, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(check, "revert_series", lambda *_: None)
    assert find_problems(series, tree) == ["revert does not restore the files"]

    def refused(*_: object) -> None:
        raise RefusedError("it went wrong", state="Nothing.", fix="None.")

    monkeypatch.setattr(check, "apply_series", refused)
    assert find_problems(series, tree) == ["it went wrong"]


def test_options_get_a_value_whatever_the_phone(tree: Path, series: Series) -> None:
    when = When(field="reset.method", values=("mmio",), profile={"KEXEC_X": "reset.address"})
    config = structs.replace(series.config, when=(when,))
    assert find_problems(structs.replace(series, config=config), tree) == []


def test_a_place_that_is_not_recognised_is_a_problem(tree: Path, series: Series) -> None:
    folder = files.data_dir("patches") / series.name
    patch = folder / series.patches[0]
    patch.write_text(patch.read_text().replace("+\tour_load_0(one);", "+ +"))
    assert find_problems(catalog.load(series.name), tree) == [
        "load is damaged after apply: leftover line of a diff: '+'"
    ]
