"""No path leaves the tree, and whatever goes wrong while writing is taken back."""

import errno
import os
import resource
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_series import CODE, ONE, apply, refused, snapshot

from hardboot.base.errors import InputError, RefusedError
from hardboot.patches.apply import revert_series
from hardboot.patches.series import ProfileValues, Series


@pytest.mark.parametrize(
    "path", ["../victim", "arch/../../victim", "/etc/passwd", "./other.c", "a//b", "a\\b"]
)
def test_a_path_out_of_the_tree_is_refused(
    tree: Path, toy: Callable[[str], Callable[[], object]], path: str
) -> None:
    victim = tree.parent / "victim"
    victim.write_text("victim\n")
    assert "is not a plain path inside the tree" in refused(toy(path), tree).what
    assert victim.read_text() == "victim\n"


def test_a_linked_folder_that_leaves_the_tree_is_refused(
    tree: Path, toy: Callable[[str], Callable[[], object]]
) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    (outside / "victim").write_text("victim\n")
    (tree / "way").symlink_to(outside)
    assert "leaves the tree" in refused(toy("way/victim"), tree).what
    assert (outside / "victim").read_text() == "victim\n"


def test_a_linked_folder_inside_the_tree_is_followed(
    tree: Path, toy: Callable[[str], Callable[[], object]]
) -> None:
    (tree / "arch" / "victim").write_text("victim\n")
    (tree / "way").symlink_to("arch")
    toy("way/victim")()
    assert (tree / "arch" / "victim").read_text() == "victim\nchanged\n"


def test_a_linked_file_is_refused(tree: Path, toy: Callable[[str], Callable[[], object]]) -> None:
    (tree.parent / "victim").write_text("victim\n")
    (tree / "link").symlink_to(tree.parent / "victim")
    assert "is not a regular file" in refused(toy("link"), tree).what


def test_a_fifo_is_refused_and_not_read(tree: Path, toy: Callable[[str], Callable[[], object]]) -> None:
    os.mkfifo(tree / "fifo")
    assert "is not a regular file" in refused(toy("fifo"), tree).what


# Writes that fail


def test_a_limit_met_while_the_files_are_written_changes_nothing(
    tree: Path, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    def swapped(*_: object) -> None:
        pytest.fail("a file was changed before all could be written")

    before = snapshot(tree)
    monkeypatch.setattr(Path, "replace", swapped)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limit[1]))
    try:
        with pytest.raises(InputError, match=r"code\.c: cannot be written: file too large"):
            apply(tree, series)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert snapshot(tree) == before


@pytest.mark.parametrize("error", [OSError(errno.EIO, "Input/output error"), KeyboardInterrupt()])
@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("good", range(4))
def test_a_file_that_does_not_take_its_place_puts_everything_back(
    tree: Path,
    series: Series,
    monkeypatch: pytest.MonkeyPatch,
    *,
    error: BaseException,
    late: bool,
    good: int,
) -> None:
    before = snapshot(tree)
    real, calls = Path.replace, []

    def failing(self: Path, target: Path) -> Path:
        calls.append(target)
        last = len(calls) == good + 1
        if last and not late:
            raise error
        done = real(self, target)
        if last:
            raise error
        return done

    monkeypatch.setattr(Path, "replace", failing)
    with pytest.raises(InputError if isinstance(error, OSError) else KeyboardInterrupt):
        apply(tree, series)
    assert len(calls) > good
    assert snapshot(tree) == before


def test_files_that_cannot_be_put_back_are_named(
    tree: Path, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = Path.replace, []

    def dying(self: Path, target: Path) -> Path:
        calls.append(target)
        if len(calls) > 1:
            raise OSError(errno.EIO, "the disk is gone")
        return real(self, target)

    monkeypatch.setattr(Path, "replace", dying)
    with pytest.raises(InputError) as caught:
        apply(tree, series)
    assert f"not restored: {tree / 'arch/arm/code.c'}" in caught.value.state


FILES = "arch/arm/code.c", "other.c", "sub/folder/new.c", "hardboot.config"


@pytest.mark.parametrize("done", range(len(FILES) + 1))
@pytest.mark.parametrize("reverting", [False, True])
def test_what_was_cut_off_between_two_files_can_be_completed_or_undone(
    tree: Path, series: Series, *, done: int, reverting: bool
) -> None:
    patched, cut, again = (tree.with_name(name) for name in ("patched", "cut", "again"))
    shutil.copytree(tree, patched)
    apply(patched, series)
    start, goal = (patched, tree) if reverting else (tree, patched)
    shutil.copytree(start, cut)
    for name in FILES[:done]:
        (cut / name).parent.mkdir(parents=True, exist_ok=True)
        (cut / name).unlink(missing_ok=True)
        if (goal / name).exists():
            shutil.copy(goal / name, cut / name)
    shutil.copytree(cut, again)
    assert apply(cut, series).overall == "applied"
    assert snapshot(cut) == snapshot(patched)
    assert revert_series(again, series).overall == "absent"
    for name in FILES:
        assert (again / name).exists() == (tree / name).exists()
        if (tree / name).exists():
            assert (again / name).read_bytes() == (tree / name).read_bytes()


def test_a_file_between_two_patches_is_not_taken_for_one_that_was_cut_off(tree: Path, series: Series) -> None:
    apply(tree, series)
    (tree / "other.c").write_text("a\nb\nc\n")  # as before
    (tree / "arch/arm/code.c").write_text(ONE)  # the first of its two patches
    for call in (lambda: apply(tree, series), lambda: revert_series(tree, series)):
        assert refused(call, tree).fix.startswith("Start from a fresh source tree")


def test_a_file_changed_by_somebody_else_meanwhile_is_refused(
    tree: Path, series: Series, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = Series.config_fragment

    def slow(self: Series, phone: ProfileValues) -> bytes:
        (tree / "other.c").write_text("a\nb\nmine\n")
        return real(self, phone)

    monkeypatch.setattr(Series, "config_fragment", slow)
    with pytest.raises(RefusedError, match=r"other\.c was changed by another program"):
        apply(tree, series)
    assert (tree / "arch/arm/code.c").read_text() == CODE
    assert (tree / "other.c").read_text() == "a\nb\nmine\n"
