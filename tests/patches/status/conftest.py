"""A folder of series with the toy one alone."""

from pathlib import Path

import kernel_trees as trees
import pytest

from hardboot.base import files


@pytest.fixture(autouse=True)
def shipped(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ship no other series than the toy one."""
    trees.series(tmp_path / "patches")
    monkeypatch.setattr(files, "data_dir", lambda name: tmp_path / name)
