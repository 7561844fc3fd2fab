"""A tree compared with patches: which are applied, what applies, and where the others conflict."""

from pathlib import Path

import pytest

from hardboot.base.errors import RefusedError
from hardboot.patches import unified
from hardboot.patches.compare import Comparison, Offset, PatchProblem, PatchStatus, compare, compare_series
from hardboot.patches.series import Series
from hardboot.patches.tree import Tree

ONE = "--- a/a.c\n+++ b/a.c\n@@ -1,3 +1,3 @@\n a\n-b\n+B\n c\n@@ -7,3 +7,3 @@\n g\n-h\n+H\n i\n"
TWO = (
    "--- a/a.c\n+++ b/a.c\n@@ -1,4 +1,5 @@\n a\n B\n+more\n c\n d\n"
    "--- /dev/null\n+++ b/n.c\n@@ -0,0 +1 @@\n+n\n"
)
BASE = "a\nb\nc\nd\ne\nf\ng\nh\ni\n"
DONE = "a\nB\nmore\nc\nd\ne\nf\ng\nH\ni\n"


def compared(folder: Path, files: dict[str, str], *texts: str) -> Comparison:
    for name, content in files.items():
        (folder / name).write_text(content)
    patches = {f"p{number}": unified.parse(text.encode(), "p") for number, text in enumerate(texts, 1)}
    return compare(Tree(folder), patches)


def test_a_problem_is_told_with_hunk_and_line_if_there_are_any() -> None:
    assert str(PatchProblem("a.c", 2, 7, "why")) == "a.c, hunk 2, line 7: why"
    assert str(PatchProblem("a.c", 0, 0, "why")) == "a.c: why"


def test_absent_patches_come_with_what_they_make(tmp_path: Path) -> None:
    found = compared(tmp_path, {"a.c": BASE}, ONE, TWO)
    assert found == Comparison(
        "absent",
        (PatchStatus("p1", "absent"), PatchStatus("p2", "absent")),
        {"a.c": DONE.encode(), "n.c": b"n\n"},
        {},
        (),
    )


def test_applied_patches_come_with_what_was_before(tmp_path: Path) -> None:
    found = compared(tmp_path, {"a.c": DONE, "n.c": "n\n"}, ONE, TWO)
    assert found == Comparison(
        "applied",
        (PatchStatus("p1", "applied"), PatchStatus("p2", "applied")),
        {"a.c": BASE.encode(), "n.c": None},
        {},
        (),
    )


def test_offsets_are_told_by_patch_file_and_hunk(tmp_path: Path) -> None:
    found = compared(
        tmp_path, {"a.c": "0\n" * 3 + BASE.replace("d\n", "")}, ONE.replace("-1,3 +1", "-2,3 +2")
    )
    assert found.overall == "absent"
    assert found.offsets == (Offset("p1", "a.c", 1, 2), Offset("p1", "a.c", 2, 2))


def test_the_first_patch_alone_is_partial(tmp_path: Path) -> None:
    found = compared(tmp_path, {"a.c": DONE.replace("more\n", "")}, ONE, TWO)
    assert (found.overall, found.patches) == (
        "partial",
        (PatchStatus("p1", "applied"), PatchStatus("p2", "absent")),
    )


def test_a_lost_hunk_is_named(tmp_path: Path) -> None:
    found = compared(tmp_path, {"a.c": DONE.replace("H", "h"), "n.c": "n\n"}, ONE, TWO)
    assert found.overall == "partial"
    assert found.patches == (
        PatchStatus("p1", "partial", (PatchProblem("a.c", 2, 7, "not applied"),)),
        PatchStatus("p2", "applied"),
    )


def test_a_lost_file_is_named(tmp_path: Path) -> None:
    found = compared(tmp_path, {"a.c": DONE}, ONE, TWO)
    assert found.overall == "partial"
    assert found.patches[1] == PatchStatus("p2", "partial", (PatchProblem("n.c", 0, 0, "not applied"),))


def test_a_wrong_line_is_a_conflict_even_if_the_rest_applies(tmp_path: Path) -> None:
    found = compared(tmp_path, {"a.c": BASE.replace("h", "x")}, ONE, TWO)
    why = PatchProblem("a.c", 2, 8, 'found "x", expected "h"')
    assert found.patches[0] == PatchStatus("p1", "conflict", (why,))
    assert found.overall == "conflict"
    assert found.contents == {}


def test_a_conflict_beside_what_is_applied_is_partial(tmp_path: Path) -> None:
    found = compared(tmp_path, {"a.c": DONE.replace("more\n", "").replace("c", "x")}, ONE, TWO)
    problems = found.patches[0].problems
    assert (found.overall, found.patches[0].state) == ("partial", "partial")
    assert problems == (PatchProblem("a.c", 1, 2, 'found "B", expected "b"'),)


def test_what_is_missing_comes_before_what_is_wrong(tmp_path: Path) -> None:
    three = ONE + "@@ -10,3 +10,3 @@\n j\n-k\n+K\n l\n"
    found = compared(tmp_path, {"a.c": BASE.replace("b", "x") + "j\nK\nl\n"}, three)
    assert found.patches[0].problems == (
        PatchProblem("a.c", 2, 7, "not applied"),
        PatchProblem("a.c", 1, 2, 'found "x", expected "b"'),
    )


@pytest.mark.parametrize(
    ("files", "problem"),
    [
        ({}, PatchProblem("a.c", 0, 0, "no such file")),
        ({"a.c": BASE, "n.c": "x\n"}, PatchProblem("n.c", 0, 0, "the file already exists")),
    ],
)
def test_files_that_should_or_should_not_be_there_are_conflicts(
    tmp_path: Path, files: dict[str, str], problem: PatchProblem
) -> None:
    text = ONE + "--- /dev/null\n+++ b/n.c\n@@ -0,0 +1 @@\n+n\n"
    found = compared(tmp_path, files, text)
    assert (found.overall, found.patches) == ("conflict", (PatchStatus("p1", "conflict", (problem,)),))


def test_a_hunk_that_only_removes_lines_leaves_nothing_to_know_it_by(tmp_path: Path) -> None:
    text = "--- a/a.c\n+++ b/a.c\n@@ -1,3 +1,2 @@\n a\n-b\n c\n@@ -7,3 +6,3 @@\n g\n-h\n+H\n i\n"
    found = compared(tmp_path, {"a.c": BASE.replace("b\n", "").replace("h", "x")}, text)
    assert found.patches[0].state == "conflict"
    assert found.patches[0].problems == (PatchProblem("a.c", 2, 7, 'found "x", expected "h"'),)


def test_a_file_that_is_patched_twice_is_patched_in_order(tmp_path: Path) -> None:
    again = "--- a/a.c\n+++ b/a.c\n@@ -1,3 +1,3 @@\n a\n-B\n+BB\n c\n"
    found = compared(tmp_path, {"a.c": BASE}, ONE + again)
    assert found.contents == {"a.c": BASE.replace("b", "BB").replace("h", "H").encode()}
    back = compared(tmp_path, {"a.c": BASE.replace("b", "BB").replace("h", "H")}, ONE + again)
    assert (back.overall, back.contents) == ("applied", {"a.c": BASE.encode()})


def test_modes_come_with_their_files(tmp_path: Path) -> None:
    head = "diff --git a/a.c b/a.c\nold mode 100644\nnew mode 100755\n"
    found = compared(tmp_path, {"a.c": BASE}, head + ONE)
    assert found.executable == {"a.c": True}
    found = compared(tmp_path, {"a.c": BASE.replace("b", "B").replace("h", "H")}, head + ONE)
    assert (found.overall, found.executable) == ("applied", {"a.c": False})


def test_a_series_is_compared_with_kernels_that_it_covers_only(tree: Path, series: Series) -> None:
    assert compare_series(Tree(tree), series).overall == "absent"
    (tree / "Makefile").write_text("VERSION = 6\nPATCHLEVEL = 2\nSUBLEVEL = 3\n")
    with pytest.raises(RefusedError) as caught:
        compare_series(Tree(tree), series)
    assert caught.value.what == f"{tree} is Linux 6.2.3, but toy-6.1 covers 6.1"
    assert caught.value.state == "The tree is unchanged."
    assert caught.value.fix == "Use a kernel that the series covers; `hardboot patch list` shows all."
