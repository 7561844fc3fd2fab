"""What is damaged, drifted or missing is named, and nothing is written."""

from pathlib import Path

import pytest
from toy_series import CODE, MAKEFILE, PHONE, apply, git, refused

from hardboot.base.errors import InputError, RefusedError
from hardboot.patches import catalog
from hardboot.patches.apply import apply_series, revert_series
from hardboot.patches.compare import compare_series
from hardboot.patches.series import Series
from hardboot.patches.tree import Tree

# What is refused


def test_a_conflict_in_the_last_patch_leaves_the_tree_alone(tree: Path, series: Series) -> None:
    (tree / "other.c").write_text("a\nb\nsomething else\n")
    error = refused(lambda: apply(tree, series), tree)
    assert 'other.c, hunk 1, line 3: found "something else", expected "c"' in error.what
    status = compare_series(Tree(tree), series)
    assert (status.overall, [item.state for item in status.patches]) == ("conflict", ["absent", "conflict"])


def test_changed_context_is_a_conflict_where_git_with_less_context_would_go_on(
    tree: Path, series: Series, shipped: Path
) -> None:
    (tree / "arch/arm/code.c").write_text(CODE.replace("line 28\n", "line 28 changed\n"))
    error = refused(lambda: apply(tree, series), tree)
    assert 'code.c, hunk 2, line 28: found "line 28 changed", expected "line 28"' in error.what
    git(tree, "apply", "--check", "-C1", str(shipped / series.patches[0]))


def test_a_tree_with_the_first_patch_only_is_partial(tree: Path, series: Series, shipped: Path) -> None:
    git(tree, "apply", str(shipped / series.patches[0]))
    status = compare_series(Tree(tree), series)
    assert (status.overall, [item.state for item in status.patches]) == ("partial", ["applied", "absent"])
    for call in (lambda: apply(tree, series), lambda: revert_series(tree, series)):
        assert "0002-two.patch is not applied" in refused(call, tree).what


def test_a_lost_hunk_is_named(tree: Path, series: Series) -> None:
    apply(tree, series)
    code = tree / "arch/arm/code.c"
    code.write_text(code.read_text().replace("line 30 and a half\n", ""))
    status = compare_series(Tree(tree), series)
    assert (status.overall, [item.state for item in status.patches]) == ("partial", ["partial", "applied"])
    assert [str(problem) for problem in status.patches[0].problems] == [
        "arch/arm/code.c, hunk 2, line 28: not applied"
    ]
    error = refused(lambda: apply(tree, series), tree)
    assert "is only partly applied: arch/arm/code.c, hunk 2" in error.what


def test_a_lost_file_is_named(tree: Path, series: Series) -> None:
    apply(tree, series)
    (tree / "sub/folder/new.c").unlink()
    status = compare_series(Tree(tree), series)
    assert status.overall == "partial"
    assert "sub/folder/new.c: not applied" in [str(at) for item in status.patches for at in item.problems]


def test_a_hunk_that_only_removes_lines_is_not_taken_for_applied(
    tree: Path, series: Series, shipped: Path
) -> None:
    text = (
        "--- a/other.c\n+++ b/other.c\n@@ -2,5 +2,2 @@\n \n-one\n-two\n-\n copy\n@@ -7 +4,2 @@\n end\n+more\n"
    )
    (shipped / series.patches[1]).write_text(text)
    (tree / "other.c").write_text("top\n\none\ntwo\n\n\ncopy\nend\n")
    error = refused(lambda: apply(tree, series), tree)
    assert "toy-6.1 does not apply: other.c, hunk 1, line 6: found an empty line, expected" in error.what
    assert [item.state for item in compare_series(Tree(tree), series).patches] == ["absent", "conflict"]


def test_a_file_that_should_be_new_but_exists_is_a_conflict(tree: Path, series: Series) -> None:
    (tree / "sub/folder").mkdir(parents=True)
    (tree / "sub/folder/new.c").write_text("somebody else's\n")
    assert "sub/folder/new.c: the file already exists" in refused(lambda: apply(tree, series), tree).what


def test_a_missing_file_is_a_conflict(tree: Path, series: Series) -> None:
    (tree / "other.c").unlink()
    assert "other.c: no such file" in refused(lambda: apply(tree, series), tree).what


def test_lines_that_stand_in_two_places_are_not_guessed(tree: Path, series: Series) -> None:
    (tree / "arch/arm/code.c").write_text("// first\n" + CODE + "// second\n" + CODE)
    error = refused(lambda: apply(tree, series), tree)
    assert "it matches at more than one place (lines 3, 44)" in error.what


@pytest.mark.parametrize("line", ["VERSION = 5", "PATCHLEVEL = 2", "PATCHLEVEL = 10"])
def test_a_version_that_is_not_covered_is_refused(tree: Path, series: Series, line: str) -> None:
    key = line.partition(" ")[0]
    kept = [old for old in MAKEFILE.splitlines() if not old.startswith(key)]
    (tree / "Makefile").write_text("\n".join([*kept, line, ""]))
    error = refused(lambda: apply(tree, series), tree)
    assert "but toy-6.1 covers 6.1" in error.what
    with pytest.raises(RefusedError, match="no series covers"):
        catalog.find(tree, "arm")


@pytest.mark.parametrize("missing", ["Makefile", "Kconfig", "arch"])
def test_a_folder_that_is_no_kernel_tree_is_refused(tree: Path, series: Series, missing: str) -> None:
    (tree / missing).rename(tree.parent / missing)
    with pytest.raises(InputError, match="not the top of a Linux kernel tree"):
        apply(tree, series)


def test_a_makefile_without_a_version_is_no_kernel(tree: Path) -> None:
    (tree / "Makefile").write_text("all:\n")
    with pytest.raises(InputError, match="not the top of a Linux kernel tree"):
        catalog.find(tree)


def test_lines_of_a_conflict_are_those_of_the_tree_after_an_offset(tree: Path, series: Series) -> None:
    code = "added\n" * 7 + CODE.replace("line 29\n", "line 29 changed\n")
    (tree / "arch/arm/code.c").write_text(code)
    number = code.splitlines().index("line 29 changed") + 1
    assert (
        f'hunk 2, line {number}: found "line 29 changed"' in refused(lambda: apply(tree, series), tree).what
    )


def test_revert_names_the_file_that_was_edited(tree: Path, series: Series) -> None:
    apply(tree, series)
    (tree / "other.c").write_text("a\nb\nedited")
    error = refused(lambda: revert_series(tree, series), tree)
    assert 'toy-6.1 cannot be reverted: other.c, hunk 1, line 3: found "edited", expected "c"' in error.what


def test_another_phones_options_are_not_replaced_in_a_patched_tree(tree: Path, series: Series) -> None:
    one = {**PHONE, "name": "phone-1"}
    other = {**PHONE, "name": "phone-2", "hardboot.page": 0x48000000}
    apply_series(tree, series, one)
    apply_series(tree, series, {**other, "hardboot.page": PHONE["hardboot.page"]})  # the same options
    apply_series(tree, series, one)
    error = refused(lambda: apply_series(tree, series, other), tree)
    assert error.what == f"{tree} is set up for phone-1, and phone-2 needs other kernel options"
    assert "hardboot patch revert" in error.fix
    revert_series(tree, series)
    apply_series(tree, series, other)
    apply_series(tree, series, {**other, "hardboot.page": 0x4C000000})  # its own profile was corrected
    assert b"0x4c000000" in (tree / "hardboot.config").read_bytes()


def test_a_tree_without_the_files_that_a_series_changes_is_of_another_maker(
    tree: Path, shipped: Path
) -> None:
    text = (shipped / "series.toml").read_text()
    (shipped / "series.toml").write_text(
        text.replace('arch = "arm"', 'arch = "arm"\nrequires = ["arch/arm"]')
    )
    assert catalog.find(tree).name == "toy-6.1"
    (tree / "other.c").unlink()
    with pytest.raises(RefusedError, match="no series covers"):
        catalog.find(tree)


def test_a_series_is_not_added_to_what_is_left_of_another_authors(tree: Path, series: Series) -> None:
    (tree / "arch/arm/Kconfig").write_text("config KEXEC_HARDBOOT\n\tbool\n")
    error = refused(lambda: apply(tree, series), tree)
    assert error.what == f"{tree} has hardboot support by another author: arch/arm/Kconfig, line 1"
    assert error.fix.startswith("Revert the other author's patch first")
    (tree / "arch/arm/Kconfig").unlink()
    assert apply(tree, series).overall == "applied"
