"""hardboot patch status: what people and scripts get."""

import json
from pathlib import Path

from in_process import hardboot
from status_trees import MEMORY, change, foreign


def test_the_document_has_these_keys_and_no_others(tmp_path: Path) -> None:
    run = hardboot("--json", "patch", "status", foreign(tmp_path))
    assert run.returncode == 0, run.stderr
    document = json.loads(run.stdout)
    assert list(document) == ["overall", "author", "places"]
    assert {tuple(one) for one in document["places"]} == {("name", "state", "file", "line", "detail")}
    assert (document["overall"], document["author"]) == ("applied", "foreign")


def test_people_get_one_line_a_place_and_the_reason(tmp_path: Path) -> None:
    tree = foreign(tmp_path)
    change(tree, MEMORY, "0x3e9df000", "0x0")
    lines = hardboot("patch", "status", tree).stdout.splitlines()
    assert lines[0] == "damaged, by another author"
    assert f"  relocation    damaged  {MEMORY}:2" in lines
    assert lines[lines.index(f"  relocation    damaged  {MEMORY}:2") + 1].strip() == "the page address is 0"


def test_a_folder_that_is_no_kernel_tree_is_refused(tmp_path: Path) -> None:
    run = hardboot("patch", "status", tmp_path)
    assert run.returncode == 3
    assert "not the top of a Linux kernel tree" in run.stderr
