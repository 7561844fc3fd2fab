"""The status of a tree with our series, whole or changed afterwards."""

from pathlib import Path

import kernel_trees as trees
import pytest
from status_trees import MACHINE, PLACES, change, foreign, ours, place, states

from hardboot.base.errors import RefusedError
from hardboot.patches import catalog
from hardboot.patches.apply import apply_series
from hardboot.patches.compare import compare_series
from hardboot.patches.status import status
from hardboot.patches.tree import Tree


def test_our_series_is_told_from_anothers(tmp_path: Path) -> None:
    tree = trees.write(tmp_path / "linux", trees.BASE)
    apply_series(tree, catalog.find(tree), {"hardboot.page": 0x3E9DF000})
    found = status(tree)
    assert (found.overall, found.author) == ("applied", "hardboot")
    assert states(found) == dict.fromkeys(PLACES, "ours")
    assert place(found, "config").file == "hardboot.config"
    assert trees.edited(trees.BASE, trees.OURS)[MACHINE] == (tree / MACHINE).read_text()


def test_lines_that_were_added_around_ours_are_no_damage(tmp_path: Path) -> None:
    tree = ours(tmp_path)
    change(tree, MACHINE, "\tgo();", "\t/* more */\n\tgo();")
    assert compare_series(Tree(tree), catalog.find(tree)).overall != "applied"
    assert status(tree).overall == "applied"


def test_a_lost_line_of_ours_is_damage_and_is_shown(tmp_path: Path) -> None:
    tree = ours(tmp_path)
    change(tree, MACHINE, "\tour_prepare_0(two);\n", "")
    found = status(tree)
    assert (found.overall, found.author) == ("damaged", "hardboot")
    assert "1 line is missing: our_prepare_0(two);" in place(found, "prepare").detail


@pytest.mark.parametrize("name", ["decompressor", "reservation", "reset"])
def test_a_file_without_ours_is_absent_and_the_tree_partial(tmp_path: Path, name: str) -> None:
    tree = ours(tmp_path)
    file = trees.OURS[name][-1][0]
    (tree / file).write_text(trees.BASE[file])
    found = status(tree)
    assert (found.overall, found.author, states(found)[name]) == ("partial", "hardboot", "absent")


def test_leftovers_in_our_files_are_damage(tmp_path: Path) -> None:
    tree = ours(tmp_path)
    change(tree, MACHINE, "\tgo();", " +\n\tgo();")
    assert states(status(tree))["prepare"] == "damaged"


@pytest.mark.parametrize(
    ("value", "detail"),
    [
        ("0x0", "the page address is 0"),
        ("", "CONFIG_KEXEC_HARDBOOT_PAGE has no address"),
        ('""', 'CONFIG_KEXEC_HARDBOOT_PAGE has no address: ""'),
        ("TODO", "CONFIG_KEXEC_HARDBOOT_PAGE has no address: TODO"),
        ("0x44000000\nCONFIG_KEXEC_HARDBOOT_PAGE=", "CONFIG_KEXEC_HARDBOOT_PAGE has no address"),
        ("\nCONFIG_KEXEC_HARDBOOT_PAGE=0x44000000", ""),
    ],
)
def test_a_fragment_without_a_page_is_damage(value: str, detail: str, tmp_path: Path) -> None:
    tree = ours(tmp_path)
    (tree / "hardboot.config").write_text(f"CONFIG_KEXEC_HARDBOOT=y\nCONFIG_KEXEC_HARDBOOT_PAGE={value}\n")
    found = status(tree)
    assert (found.overall, place(found, "config").detail) == ("damaged" if detail else "applied", detail)


def test_a_refused_series_names_the_other_author(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    with pytest.raises(RefusedError) as caught:
        apply_series(tree, catalog.find(tree), {"hardboot.page": 0x3E9DF000})
    assert "Revert the other author's patch first" in caught.value.fix
