"""Temporary folders go with their command, or with the next one."""

import os
import re
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from hardboot.base import temporary
from hardboot.base.errors import InputError
from hardboot.base.temporary import temporary_folder

PACKAGE = Path(temporary.__file__).parents[1]
MAKE_AND_WAIT = """
import sys, time
from hardboot.base.temporary import temporary_folder
with temporary_folder() as folder:
    (folder / "big").write_bytes(b"x")
    print(folder, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def tmpdir(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    return tmp_path


def test_the_folder_of_a_killed_command_is_removed_by_the_next_one(tmpdir: Path) -> None:
    command = [sys.executable, "-c", MAKE_AND_WAIT]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as running:
        assert running.stdout is not None
        left = Path(running.stdout.readline().strip())
        assert left.parent == tmpdir
        with temporary_folder() as mine:
            assert left.is_dir()  # its command still runs
            assert re.fullmatch(rf"hardboot-{os.getpid()}-\w+", mine.name)
        running.send_signal(signal.SIGKILL)
    assert left.is_dir()
    with temporary_folder():
        assert not left.exists()
    assert list(tmpdir.iterdir()) == []


@pytest.mark.parametrize("name", ["hardboot-demo-1", "hardboot-1-", "other-999999999-x", "hardboot-x99-y"])
def test_other_folders_stay(name: str, tmpdir: Path) -> None:
    (tmpdir / name).mkdir()
    with temporary_folder():
        pass
    assert (tmpdir / name).is_dir()


def test_a_link_with_such_a_name_leads_nowhere(tmpdir: Path) -> None:
    kept = tmpdir / "kept"
    kept.mkdir()
    (tmpdir / "hardboot-999999999-x").symlink_to(kept)
    with temporary_folder():
        pass
    assert kept.is_dir()


def test_a_folder_that_cannot_be_made_is_an_input_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(InputError, match="a temporary file cannot be written in") as caught,
        temporary_folder(tmp_path / "file"),
    ):
        pass
    assert "TMPDIR" in caught.value.fix


def test_every_temporary_folder_is_made_here() -> None:
    others = [path for path in PACKAGE.rglob("*.py") if path.name != "temporary.py"]
    assert not [path for path in others if re.search(r"TemporaryDirectory|mkdtemp", path.read_text())]
