"""Files on this computer: how they are written."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardboot.base import files


@pytest.fixture(params=[0o022, 0o077, 0o002])
def umask(request: pytest.FixtureRequest) -> Iterator[int]:
    before = os.umask(request.param)
    yield request.param
    os.umask(before)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_a_new_file_has_the_permissions_that_the_umask_leaves(umask: int, tmp_path: Path) -> None:
    files.write_atomic(tmp_path / "new", [b"a", b"b"])
    assert mode(tmp_path / "new") == 0o666 & ~umask
    assert (tmp_path / "new").read_bytes() == b"ab"


def test_a_file_that_is_replaced_keeps_its_permissions(umask: int, tmp_path: Path) -> None:
    path = tmp_path / "old"
    path.write_bytes(b"old")
    path.chmod(0o640)
    files.write_atomic(path, [b"new"])
    assert mode(path) == 0o640
    assert path.read_bytes() == b"new"
