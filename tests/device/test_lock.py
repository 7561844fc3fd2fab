"""One command at a time changes a phone."""

import subprocess
import sys
from pathlib import Path

import pytest

from hardboot.base.errors import RefusedError
from hardboot.device import lock

HOLD = """
import sys
from pathlib import Path
from hardboot.device import lock
with lock.exclusive(Path(sys.argv[1]), "a phone"):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "locks" / "HB1.lock"


def held_by_another(path: Path) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_command_is_refused_and_told_who_holds_the_lock(path: Path) -> None:
    other = held_by_another(path)
    try:
        with pytest.raises(RefusedError, match=rf"another command uses a phone: .* \(process {other.pid}\)"):
            lock.exclusive(path, "a phone").__enter__()
    finally:
        other.communicate()
    with lock.exclusive(path, "a phone"):
        pass


def test_a_command_that_is_killed_holds_nothing(path: Path) -> None:
    other = held_by_another(path)
    other.kill()
    other.communicate()
    with lock.exclusive(path, "a phone"):
        pass


def test_an_error_inside_frees_the_phone(path: Path) -> None:
    with pytest.raises(ValueError, match="inside"), lock.exclusive(path, "a phone"):
        raise ValueError("inside")
    with lock.exclusive(path, "a phone"):
        pass


def test_whether_a_command_holds_it_is_known_to_others(tmp_path: Path) -> None:
    path = tmp_path / "locks" / "phone.lock"
    assert not lock.is_held(path)
    with lock.exclusive(path, "the phone"):
        assert lock.is_held(path)
    assert not lock.is_held(path)
