"""Which series is for a tree, and what a series may say."""

import json
import shutil
from functools import partial
from pathlib import Path

import pytest
from in_process import hardboot
from toy_series import MAKEFILE, PHONE, SERIES, apply, refused, snapshot

from hardboot.base.errors import HardbootError, InputError, RefusedError
from hardboot.patches import catalog
from hardboot.patches.apply import apply_series, revert_series
from hardboot.patches.compare import compare_series
from hardboot.patches.series import ProfileValues, Series
from hardboot.patches.tree import Tree

VARIANT = '[[variant]]\nhas = "other.c"\ninstead = {{ "{}.patch" = "{}.patch" }}\n[config.set]'


# series.toml


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('arch = "arm"', 'arch = "arm"\ncolour = "red"', "colour"),
        ('arch = "arm"', 'arch = "vax"', "vax"),
        ('reset = ["arch/arm/code.c"]', "", r"\[places\] lacks reset"),
        ('"hardboot.page"', '"hardboot.pages"', "hardboot.pages"),
        ("abi_version = 1", 'abi_version = "1"', "abi_version"),
        ('name = "toy-6.1"', 'name = "other"', "but the folder is"),
        ('min = "6.1"', 'min = "6"', "MAJOR.MINOR"),
        ('below = "6.2"', 'below = "6.1"', "no version is at least"),
        ('"0002-two.patch"', '"0003-none.patch"', "there is no patch"),
        ('"0002-two.patch"', '"../toy-6.1/0002-two.patch"', "there is no patch"),
        ('"0002-two.patch"', '"0001-one.patch"', "names a patch twice"),
        ('["0001-one.patch", "0002-two.patch"]', "[]", "is empty"),
        ("[config.set]", VARIANT.format("0003-none", "0001-one"), "'0003-none.patch', which is not in"),
        ("[config.set]", VARIANT.format("0001-one", "0003-none"), "there is no patch '0003-none.patch'"),
        ("abi_version", "= abi_version", "series.toml"),
    ],
)
def test_a_series_that_breaks_a_rule_is_refused(shipped: Path, old: str, new: str, message: str) -> None:
    assert SERIES.count(old) >= 1
    (shipped / "series.toml").write_text(SERIES.replace(old, new, 1))
    with pytest.raises(InputError, match=message):
        catalog.load(shipped.name)


def test_find_takes_the_series_for_architecture_and_version(tree: Path, series: Series) -> None:
    assert catalog.find(tree, "arm") == catalog.find(tree) == series
    with pytest.raises(RefusedError, match=r"no series covers .* \(Linux 6\.1\.7, arm64\)"):
        catalog.find(tree, "arm64")


def twin(shipped: Path, name: str, *changes: tuple[str, str]) -> Series:
    """Return the same series once more, under another name and with changes in its series.toml."""
    folder = shipped.parent / name
    shutil.copytree(shipped, folder)
    text = SERIES.replace("toy-6.1", name)
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    (folder / "series.toml").write_text(text)
    return catalog.load(name)


def test_the_architecture_chooses_and_without_one_what_is_there(
    tree: Path, series: Series, shipped: Path
) -> None:
    other = twin(shipped, "twin-6.1", ('"arm"', '"arm64"'), ('"0001-one.patch", ', ""))
    text = "--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,4 @@\n a\n b\n c\n+d\n"
    text += "--- /dev/null\n+++ b/arch/arm/code.c\n@@ -0,0 +1 @@\n+d\n"
    text += "--- /dev/null\n+++ b/sub/folder/new.c\n@@ -0,0 +1 @@\n+d\n"
    (shipped.parent / other.name / other.patches[0]).write_text(text)
    assert [catalog.find(tree, arch).name for arch in ("arm", "arm64")] == ["toy-6.1", "twin-6.1"]
    apply(tree, series)
    assert catalog.find(tree) == series


def test_of_two_series_that_share_a_patch_the_whole_one_is_there(
    tree: Path, series: Series, shipped: Path
) -> None:
    other = twin(shipped, "twin-6.1", ('"arm"', '"arm64"'))
    text = "--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,4 @@\n a\n b\n c\n+d\n"
    (shipped.parent / other.name / other.patches[1]).write_text(text)
    assert catalog.find(tree) == series
    apply(tree, other)
    assert compare_series(Tree(tree), series).overall == "partial"
    assert catalog.find(tree) == other
    for call in (apply, revert_series):
        error = refused(partial(call, tree, series), tree)
        assert error.what == f"{tree} has twin-6.1, which shares patches with toy-6.1"
        assert error.fix.endswith("hardboot patch revert TREE")


def test_of_two_series_that_share_a_patch_the_one_with_more_of_it_is_there(
    tree: Path, series: Series, shipped: Path
) -> None:
    (shipped / "0003-more.patch").touch()
    more = ('"0002-two.patch"]', '"0002-two.patch", "0003-more.patch"]')
    other = twin(shipped, "twin-6.1", ('"arm"', '"arm64"'), more)
    folder = shipped.parent / other.name
    added = "--- /dev/null\n+++ b/sub/folder/new.c\n@@ -0,0 +1 @@\n+new\n"
    (folder / other.patches[0]).write_text(added)
    (shipped / series.patches[0]).write_text(added)
    for patch, line in zip(other.patches[1:], (2, 30), strict=True):
        place = f"@@ -{line},2 +{line},3 @@\n line {line}\n+d\n line {line + 1}\n"
        (folder / patch).write_text(f"--- a/arch/arm/code.c\n+++ b/arch/arm/code.c\n{place}")
    code = (tree / "arch/arm/code.c").read_text()
    apply(tree, catalog.load(other.name))
    (tree / "arch/arm/code.c").write_text(code.replace("line 2\n", "line 2\nd\n"))
    overall = [compare_series(Tree(tree), catalog.load(name)).overall for name in catalog.names()]
    assert overall == ["partial", "partial"]
    assert catalog.find(tree).name == other.name


def test_a_series_whose_files_a_tree_lacks_is_not_taken_for_one_that_is_there(
    tree: Path, series: Series, shipped: Path
) -> None:
    lacking = twin(shipped, "arm-6.1")
    text = "--- a/arch/arm/gone.c\n+++ b/arch/arm/gone.c\n@@ -1 +1,2 @@\n a\n+d\n"
    (shipped.parent / lacking.name / lacking.patches[1]).write_text(text)
    shutil.rmtree(shipped)
    there = twin(shipped.parent / lacking.name, "arm64-6.1", ('"arm"', '"arm64"'))
    text = "--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,4 @@\n a\n b\n c\n+d\n"
    (shipped.parent / there.name / there.patches[1]).write_text(text)
    assert catalog.find(tree).name == there.name
    assert revert_series(tree, catalog.find(tree)).files == ()
    assert catalog.find(tree, "arm").name == lacking.name


def test_a_file_that_a_tree_lacks_is_named(tree: Path, series: Series, shipped: Path) -> None:
    (tree / "arch/arm/mach-msm").mkdir()
    wanted = ('arch = "arm"\n', 'arch = "arm"\nrequires = ["arch/arm/mach-msm"]\n')
    (shipped / "series.toml").write_text(SERIES.replace(*wanted))
    (tree / "other.c").unlink()
    error = refused(lambda: catalog.find(tree, "arm"), tree)
    assert error.fix == "toy-6.1 is for this version, but the tree lacks other.c: check that it is complete."


def test_a_flavour_is_told_by_what_its_trees_have(tree: Path, series: Series, shipped: Path) -> None:
    msm = twin(shipped, "toy-6.1-msm", ('arch = "arm"\n', 'arch = "arm"\nrequires = ["arch/arm/mach-msm"]\n'))
    assert catalog.find(tree, "arm") == series
    (tree / "arch/arm/mach-msm").mkdir()
    assert catalog.find(tree, "arm") == msm


def test_options_of_some_phones_are_set_for_those(tree: Path, series: Series) -> None:
    phone: ProfileValues = {**PHONE, "reset.method": "mmio", "reset.address": 0xFC4AB000}
    apply_series(tree, series, phone)
    fragment = (tree / "hardboot.config").read_text().splitlines()
    assert fragment[-2:] == [
        "CONFIG_KEXEC_HARDBOOT_RESET_MMIO=y",
        "CONFIG_KEXEC_HARDBOOT_RESET_ADDR=0xfc4ab000",
    ]


def test_a_value_that_the_profile_lacks_is_refused(tree: Path, series: Series) -> None:
    phone: ProfileValues = {**PHONE, "reset.method": "mmio", "reset.address": None}
    error = refused(lambda: apply_series(tree, series, phone), tree)
    assert "needs reset.address for CONFIG_KEXEC_HARDBOOT_RESET_ADDR" in error.what


def test_a_place_in_a_file_that_no_patch_changes_is_refused(
    tree: Path, series: Series, shipped: Path
) -> None:
    (shipped / "series.toml").write_text(
        SERIES.replace('kconfig = ["arch/arm/code.c"]', 'kconfig = ["none.c"]')
    )
    with pytest.raises(InputError, match=r"no patch changes none\.c, a file of \[places\] kconfig"):
        compare_series(Tree(tree), catalog.load(shipped.name))


# Modes


def test_modes_of_new_and_changed_files_are_kept(tree: Path, series: Series, shipped: Path) -> None:
    text = (
        "diff --git a/run b/run\nnew file mode 100755\n--- /dev/null\n+++ b/run\n@@ -0,0 +1 @@\n+#!/bin/sh\n"
    )
    text += "diff --git a/other.c b/other.c\nold mode 100644\nnew mode 100755\n"
    text += "--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,3 @@\n-a\n+A\n b\n c\n"
    (shipped / series.patches[1]).write_text(text)
    before = snapshot(tree)
    apply(tree, series)
    assert (tree / "run").stat().st_mode & 0o111
    assert (tree / "other.c").stat().st_mode & 0o777 == 0o755
    revert_series(tree, series)
    assert snapshot(tree) == before


def test_the_list_names_every_series_that_ships() -> None:
    run = hardboot("--json", "patch", "list")
    assert run.returncode == 0
    known = {item["name"]: item for item in json.loads(run.stdout)}
    assert {"tree": "Debian linux-source-6.1", "kernel": "6.1.176", "result": "booted"}.items() <= known[
        "arm-6.1"
    ]["tried"][0].items()
    lines = hardboot("patch", "list").stdout.splitlines()
    assert "  compiled  3.4.5     MediaTek MT6589" in lines
    assert max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (("apply", "--device", "virt-arm"), 4, "(Linux 7.1.7, arm)"),
        (("revert",), 4, "(Linux 7.1.7)"),
        (("apply",), 2, "give --device NAME"),
        (("apply", "--device", "nokia3310"), 3, "nokia3310"),
    ],
)
def test_a_wrong_call_ends_with_its_exit_code(
    tree: Path, words: tuple[str, ...], code: int, message: str
) -> None:
    (tree / "Makefile").write_text(MAKEFILE.replace("VERSION = 6", "VERSION = 7"))
    before = snapshot(tree)
    run = hardboot("patch", words[0], tree, *words[1:])
    assert (run.returncode, run.stdout) == (code, "")
    assert message in run.stderr
    assert snapshot(tree) == before


def test_every_error_says_what_to_do(tree: Path, series: Series) -> None:
    (tree / "other.c").write_text("x\n")
    with pytest.raises(HardbootError) as caught:
        apply(tree, series)
    assert caught.value.state == "The tree is unchanged."
    assert "hardboot patch check toy-6.1" in caught.value.fix
