"""No path leaves the tree, and whatever goes wrong while writing is taken back."""

import errno
import os
import resource
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_series import CODE, apply, refused, snapshot

from hardboot.base.errors import InputError, RefusedError
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
