"""Apply and revert: all or nothing, as git does it."""

import os
from functools import partial
from pathlib import Path

from toy_series import CODE, NEW, PHONE, TWO, apply, git, make_tree, refused, snapshot

from hardboot.patches.apply import Report, apply_patches, apply_series, revert_patches, revert_series
from hardboot.patches.compare import Offset, compare_series
from hardboot.patches.series import CONFIG_NAME, Series
from hardboot.patches.tree import Tree
from hardboot.patches.unified import parse

# The whole way


def test_apply_changes_what_the_series_says_and_revert_takes_it_out(tree: Path, series: Series) -> None:
    before = snapshot(tree)
    assert compare_series(Tree(tree), series).overall == "absent"
    report = apply(tree, series)
    assert report.files == ("arch/arm/code.c", "other.c", "sub/folder/new.c")
    assert (report.overall, report.offsets) == ("applied", ())
    assert (tree / "arch/arm/code.c").read_text() == TWO
    assert (tree / "other.c").read_bytes() == b"a\nb\nc"
    assert (tree / "sub/folder/new.c").read_text() == NEW + "second line\n"
    assert [item.state for item in compare_series(Tree(tree), series).patches] == ["applied", "applied"]
    assert revert_series(tree, series).files == report.files
    assert snapshot(tree) == before


def test_the_result_is_what_git_apply_makes_of_a_tree_that_has_drifted(
    tree: Path, series: Series, shipped: Path, tmp_path: Path
) -> None:
    drifted = "// added above\n" * 7 + CODE.replace("line 20\n", "")
    for folder in (tree, make_tree(tmp_path / "oracle")):
        (folder / "arch/arm/code.c").write_text(drifted)
    report = apply(tree, series)
    for name in series.patches:
        git(tmp_path / "oracle", "apply", str(shipped / name))
    (tree / CONFIG_NAME).unlink()
    assert snapshot(tree) == snapshot(tmp_path / "oracle")
    assert [(at.patch[:4], at.file, at.hunk, at.offset) for at in report.offsets] == [
        ("0001", "arch/arm/code.c", 1, 7),
        ("0001", "arch/arm/code.c", 2, 6),
        ("0002", "arch/arm/code.c", 1, 7),
    ]
    assert compare_series(Tree(tree), series).overall == "applied"
    revert_series(tree, series)
    assert (tree / "arch/arm/code.c").read_text() == drifted


def test_a_hard_link_elsewhere_keeps_the_old_content(tree: Path, series: Series) -> None:
    elsewhere = tree.parent / "elsewhere.c"
    os.link(tree / "arch/arm/code.c", elsewhere)
    apply(tree, series)
    assert elsewhere.read_text() == CODE


def test_a_dry_run_writes_nothing_and_tells_what_it_would(tree: Path, series: Series) -> None:
    before = snapshot(tree)
    report = apply(tree, series, dry_run=True)
    assert (report.overall, len(report.files)) == ("absent", 3)
    assert snapshot(tree) == before


def test_a_tree_that_has_the_series_is_left_alone(tree: Path, series: Series) -> None:
    apply(tree, series)
    before = snapshot(tree)
    report = apply(tree, series)
    assert (report.overall, report.files) == ("applied", ())
    assert snapshot(tree) == before


def test_reverting_a_tree_without_the_series_changes_nothing(tree: Path, series: Series) -> None:
    before = snapshot(tree)
    assert revert_series(tree, series).files == ()
    assert snapshot(tree) == before


# The configuration


def test_the_fragment_holds_the_values_of_the_phone(tree: Path, series: Series) -> None:
    apply(tree, series)
    assert (tree / "hardboot.config").read_text().splitlines()[1:] == [
        "CONFIG_KEXEC=y",
        "# CONFIG_DEBUG is not set",
        "CONFIG_KEXEC_HARDBOOT_PAGE=0x44000000",
        "CONFIG_KEXEC_HARDBOOT_PAGE_SIZE=0x1000",
    ]


def test_another_phone_gets_its_own_fragment_in_a_patched_tree(tree: Path, series: Series) -> None:
    apply(tree, series)
    apply_series(tree, series, {**PHONE, "hardboot.page": 0x88C00000})
    assert "PAGE=0x88c00000\n" in (tree / "hardboot.config").read_text()


def test_reports_name_series_version_and_files(tree: Path, series: Series) -> None:
    files = ("arch/arm/code.c", "other.c", "sub/folder/new.c")
    assert apply(tree, series, dry_run=True) == Report("absent", "toy-6.1", (6, 1, 7), files)
    assert apply(tree, series) == Report("applied", "toy-6.1", (6, 1, 7), files)
    assert apply(tree, series) == Report("applied", "toy-6.1", (6, 1, 7), ())
    assert revert_series(tree, series) == Report("absent", "toy-6.1", (6, 1, 7), files)
    assert not (tree / "hardboot.config").exists()
    assert revert_series(tree, series) == Report("absent", "toy-6.1", (6, 1, 7), ())


def test_any_patches_are_applied_and_reverted_without_a_fragment(tree: Path) -> None:
    patches = {"p": parse(b"--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n", "p")}
    moved = {"p": parse(b"--- a/other.c\n+++ b/other.c\n@@ -3,3 +3,3 @@\n a\n-b\n+B\n c\n", "p")}
    before = snapshot(tree)
    version = (6, 1, 7)
    offset = (Offset("p", "other.c", 1, -2),)
    assert apply_patches(tree, "x", moved, dry_run=True) == Report(
        "absent", "x", version, ("other.c",), offset
    )
    assert snapshot(tree) == before
    assert apply_patches(tree, "x", patches) == Report("applied", "x", version, ("other.c",))
    assert (tree / "other.c").read_text() == "a\nB\nc\n"
    assert apply_patches(tree, "x", patches) == Report("applied", "x", version, ())
    assert apply_patches(tree, "x", patches, dry_run=True) == Report("applied", "x", version, ())
    assert revert_patches(tree, "x", patches) == Report("absent", "x", version, ("other.c",))
    assert snapshot(tree) == before


def test_any_patches_that_conflict_are_refused_with_their_name(tree: Path) -> None:
    patches = {"p": parse(b"--- a/other.c\n+++ b/other.c\n@@ -1,3 +1,3 @@\n a\n-x\n+y\n c\n", "p")}
    at = 'other.c, hunk 1, line 2: found "b", expected'
    other = "Use a source tree that it was made for, without changes to these lines."
    fresh = "Start from a fresh source tree; `hardboot patch status TREE` lists every place."
    for change, what, fix in (
        (apply_patches, f'x.patch does not apply: {at} "x"', other),
        (revert_patches, f'x.patch cannot be reverted: {at} "y"', fresh),
    ):
        error = refused(partial(change, tree, "x.patch", patches), tree)
        assert error.what == what
        assert error.state == "The tree is unchanged."
        assert error.fix == fix


def test_a_fragment_that_is_not_ours_is_neither_overwritten_nor_removed(tree: Path, series: Series) -> None:
    (tree / "hardboot.config").write_text("CONFIG_MINE=y\n")
    error = refused(lambda: apply(tree, series), tree)
    assert error.what == f"{tree / 'hardboot.config'} exists and was not written by hardboot"
    assert (error.state, error.fix.split(":")[0]) == ("The tree is unchanged.", "Rename it")
    revert_series(tree, series)
    assert (tree / "hardboot.config").read_text() == "CONFIG_MINE=y\n"
