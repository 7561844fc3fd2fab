"""Our own series is recognised by the lines and the files that it adds."""

from pathlib import Path

import kernel_trees as trees
import pytest

from hardboot.base import files
from hardboot.patches import catalog
from hardboot.patches.candidates import Candidates, PlaceFinding
from hardboot.patches.own_series import OwnSeries
from hardboot.patches.series import Series
from hardboot.patches.tree import Tree

FIRST = """\
--- a/kernel/a.c
+++ b/kernel/a.c
@@ -1,2 +1,12 @@
 int base;
-int removed;
+alpha_one();
+alpha_two();
+\talpha_three();
+alpha_four();
+alpha_five();
+alpha_six();
+alpha_seven();
+alpha_eight();
+alpha_nine();
+#ifdef CONFIG_X
+return alpha_ten;
--- a/kernel/b.c
+++ b/kernel/b.c
@@ -1 +1,3 @@
 int base;
+beta_one();
+beta_two();
"""
NEW = "--- /dev/null\n+++ b/kernel/new.c\n@@ -0,0 +1,2 @@\n+new_one();\n+new_two();\n"
NAMES = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
ALPHAS = [f"alpha_{name}();" for name in NAMES]


@pytest.fixture
def series(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Series:
    """Return a series that adds nine lines that tell to a.c, two to b.c."""
    folder = trees.series(tmp_path / "patches")
    text = trees.SERIES
    for place, edits in trees.OURS.items():
        text = text.replace(f'{place} = ["{edits[-1][0]}"]', f'{place} = ["kernel/a.c"]')
    text = text.replace('load = ["kernel/a.c"]', 'load = ["kernel/b.c", "kernel/a.c"]')
    (folder / "series.toml").write_text(text)
    (folder / "0001-all.patch").write_text(FIRST)
    monkeypatch.setattr(files, "data_dir", lambda name: tmp_path / name)
    return catalog.load(folder.name)


def own(folder: Path, series: Series, **content: list[str]) -> OwnSeries:
    """Return the series, in a tree with these lines in kernel/a.c and so on."""
    texts = {f"kernel/{name}.c": "".join(f"{line}\n" for line in lines) for name, lines in content.items()}
    root = trees.write(folder / "linux", {"Kconfig": "", **texts})
    return OwnSeries(Candidates(Tree(root), "arm"), series)


def with_new_file(series: Series) -> Series:
    path = files.data_dir("patches") / series.name / "0001-all.patch"
    path.write_text(FIRST + NEW)
    return series


@pytest.mark.parametrize(
    ("lines", "present"),
    [(0, False), (2, False), (3, True), (9, True)],
)
def test_a_fifth_of_our_lines_is_enough(tmp_path: Path, series: Series, lines: int, present: bool) -> None:
    assert own(tmp_path, series, a=ALPHAS[:lines]).present is present


def test_a_file_that_only_we_make_is_enough(tmp_path: Path, series: Series) -> None:
    assert own(tmp_path / "one", with_new_file(series), new=[]).present
    assert not own(tmp_path / "two", series, a=[]).present


def test_lines_that_everybody_writes_do_not_tell(tmp_path: Path, series: Series) -> None:
    lines = ["#ifdef CONFIG_X", "return alpha_ten;", "int removed;", "int base;", "}", "else", "{"]
    assert not own(tmp_path, series, a=lines, b=lines).present


def test_indentation_and_lines_around_ours_do_not_matter(tmp_path: Path, series: Series) -> None:
    lines = ["int other;", *(f"\t\t{line}" for line in ALPHAS), "int base;"]
    assert own(tmp_path, series, a=lines).find("flag") == PlaceFinding("kernel/a.c", 2)


def test_a_place_is_found_at_its_line_else_at_the_first_of_ours(tmp_path: Path, series: Series) -> None:
    path = files.data_dir("patches") / series.name / "0001-all.patch"
    path.write_text(FIRST.replace("alpha_nine();", "image->hardboot = 1;"))
    lines = ["int base;", *ALPHAS[:8], "\timage->hardboot = 1;"]
    found = own(tmp_path, series, a=lines)
    assert found.find("prepare") == PlaceFinding("kernel/a.c", 10)
    assert found.find("kconfig") == PlaceFinding("kernel/a.c", 2)


@pytest.mark.parametrize(
    ("count", "finding"),
    [
        (9, PlaceFinding("kernel/a.c", 1)),
        (8, PlaceFinding("kernel/a.c", 1, "1 line is missing: alpha_nine();")),
        (7, PlaceFinding("kernel/a.c", 1, "2 lines are missing, the first: alpha_eight();")),
        (3, PlaceFinding("kernel/a.c", 1, "6 lines are missing, the first: alpha_four();")),
        (2, PlaceFinding("kernel/a.c", 0)),
        (0, PlaceFinding("kernel/a.c", 0)),
    ],
)
def test_missing_lines_are_damage_and_most_of_them_absence(
    tmp_path: Path, series: Series, count: int, finding: PlaceFinding
) -> None:
    assert own(tmp_path, series, a=ALPHAS[:count]).find("flag") == finding


def test_a_place_in_two_files_shows_the_first_damage(tmp_path: Path, series: Series) -> None:
    betas = ["beta_one();", "beta_two();"]
    assert own(tmp_path / "1", series, a=ALPHAS, b=betas).find("load") == PlaceFinding("kernel/b.c", 1)
    gone = own(tmp_path / "2", series, a=ALPHAS, b=[]).find("load")
    assert gone == PlaceFinding("kernel/b.c", 0, "kernel/b.c has nothing of the series")
    lost = own(tmp_path / "3", series, a=ALPHAS[:8], b=betas).find("load")
    assert lost == PlaceFinding("kernel/a.c", 1, "1 line is missing: alpha_nine();")
    assert own(tmp_path / "4", series).find("load") == PlaceFinding("kernel/b.c", 0)


def test_leftovers_come_before_missing_lines(tmp_path: Path, series: Series) -> None:
    found = own(tmp_path, series, a=["+", *ALPHAS[:8]]).find("flag")
    assert found == PlaceFinding("kernel/a.c", 1, "leftover line of a diff: '+'")


def test_a_long_line_is_cut_in_the_message(tmp_path: Path, series: Series) -> None:
    path = files.data_dir("patches") / series.name / "0001-all.patch"
    path.write_text(FIRST.replace("alpha_nine();", "n" * 60))
    found = own(tmp_path, series, a=ALPHAS[:8]).find("flag")
    assert found.damage == f"1 line is missing: {'n' * 50}"


def test_a_later_patch_may_take_back_lines_of_an_earlier_one(tmp_path: Path, series: Series) -> None:
    folder = files.data_dir("patches") / series.name
    (folder / "0002-more.patch").write_text(
        "--- a/kernel/a.c\n+++ b/kernel/a.c\n@@ -8,3 +8,3 @@\n alpha_seven();\n-alpha_eight();\n"
        "+alpha_other();\n alpha_nine();\n"
    )
    text = (folder / "series.toml").read_text()
    (folder / "series.toml").write_text(
        text.replace('["0001-all.patch"]', '["0001-all.patch", "0002-more.patch"]')
    )
    lines = [line.replace("eight", "other") for line in ALPHAS]
    assert own(tmp_path, catalog.load(folder.name), a=lines).find("flag") == PlaceFinding("kernel/a.c", 1)
