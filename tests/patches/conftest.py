"""A tree and a series for each test."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from toy_series import NEW, ONE, SERIES, TWO, apply, git, make_tree

from hardboot.base import files
from hardboot.patches import catalog
from hardboot.patches.series import Series


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    return make_tree(tmp_path / "linux")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a series of two patches, made by git format-patch."""
    repository = make_tree(tmp_path_factory.mktemp("git") / "upstream")
    git(repository, "init", "-q")
    git(repository, "add", "-A")
    git(repository, "commit", "-qm", "base")
    for content, title, more in ((ONE, "one", NEW), (TWO, "two", NEW + "second line\n")):
        (repository / "arch" / "arm" / "code.c").write_text(content)
        (repository / "sub" / "folder").mkdir(parents=True, exist_ok=True)
        (repository / "sub" / "folder" / "new.c").write_text(more)
        if title == "two":
            (repository / "other.c").write_text("a\nb\nc")
        git(repository, "add", "-A")
        git(repository, "commit", "-qm", title)
    folder = repository.parent / "toy-6.1"
    git(repository, "format-patch", "-q", "-N", "-o", str(folder), "HEAD~2")
    (folder / "series.toml").write_text(SERIES)
    return folder


@pytest.fixture
def shipped(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return that series as the only one in a patches/ folder."""
    folder = tmp_path / "patches" / made.name
    shutil.copytree(made, folder)
    monkeypatch.setattr(files, "data_dir", lambda name: tmp_path / name)
    return folder


@pytest.fixture
def series(shipped: Path) -> Series:
    return catalog.load(shipped.name)


@pytest.fixture
def toy(tree: Path, series: Series, shipped: Path) -> Callable[[str], Callable[[], object]]:
    """Make the second patch one that appends to the file it is given."""

    def make(path: str) -> Callable[[], object]:
        text = f"--- a/{path}\n+++ b/{path}\n@@ -1 +1,2 @@\n victim\n+changed\n"
        (shipped / series.patches[1]).write_text(text)
        return lambda: apply(tree, series)

    return make
