"""The agent's `extents`, `pin` and `blocks`: where a file lies, and what is there."""

import contextlib
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from agents import PhoneAgent, Run, each_phone_agent
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import DeviceError
from hardboot.base.process import find_tool
from hardboot.payload import agent_errors, extents
from hardboot.payload.extents import Extent


def words(command: str) -> list[str]:
    return shlex.split(command)[1:]


def filefrag(path: Path) -> list[Extent]:
    """Return what e2fsprogs' own program says."""
    command = [find_tool("filefrag", "e2fsprogs"), "-v", "-b1", str(path)]
    lines = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=20
    ).stdout.splitlines()
    found = []
    for line in lines[3:-1]:
        _, logical, physical, length, *_ = line.split(":")
        starts = [int(part.split("..")[0]) for part in (logical, physical)]
        found.append(Extent(starts[0], starts[1], int(length)))
    return found


def fragmented(path: Path) -> Path:
    """Write a file with holes, and more pieces than the agent asks for at once."""
    with path.open("wb") as stream:
        for number in range(100):
            stream.seek(number * 8192)
            stream.write(os.urandom(4096))
            stream.flush()
            os.fsync(stream.fileno())
    return path


def plain(found: tuple[Extent, ...]) -> list[Extent]:
    return [Extent(one.logical, one.physical, one.length) for one in found]


@each_phone_agent
def test_the_extents_are_those_that_filefrag_prints(phone_agent: PhoneAgent, tmp_path: Path) -> None:
    path = fragmented(tmp_path / "a file")
    wanted = filefrag(path)
    assert len(wanted) == 100
    done = phone_agent(*words(extents.extents_command("agent", str(path))))
    assert done.returncode == 0, done.stdout
    blocks = extents.parse_extents(done.stdout)
    assert plain(blocks) == wanted
    assert blocks[-1].flags & 1  # the last one


def test_an_empty_file_has_no_extents(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert run(*words(extents.extents_command("agent", str(path)))).stdout == ""
    assert extents.parse_extents("") == ()


def test_extents_that_cannot_be_told_are_an_error(run: Run) -> None:
    done = run("extents", "/proc/version")
    failure = agent_errors.parse_failure(done.stdout)
    assert (done.returncode, failure and failure.what) == (1, "open /proc/version")
    done = run("extents", "/dev/null")
    failure = agent_errors.parse_failure(done.stdout)
    assert failure
    assert failure.what == "extents of /dev/null"


def test_a_file_that_is_not_on_f2fs_cannot_be_pinned(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.touch()
    done = run(*words(extents.pin_command("agent", str(path))))
    failure = agent_errors.parse_failure(done.stdout)
    assert failure
    assert failure.what == f"pin {path}"


RUNS = (Extent(0, 8192, 4096), Extent(4096, 512, 1024), Extent(5120, 300 << 10, 300 << 10))


@pytest.fixture
def table(tmp_path: Path) -> Path:
    path = tmp_path / "table"
    path.write_bytes(extents.build_table(RUNS))
    return path


@each_phone_agent
def test_blocks_of_a_device_come_in_the_order_of_the_table(
    phone_agent: PhoneAgent, tmp_path: Path, table: Path
) -> None:
    device = tmp_path / "a device"
    device.write_bytes(os.urandom(600 << 10))
    data = device.read_bytes()
    done = phone_agent(*words(extents.blocks_command("agent", str(device), str(table))), binary=True)
    assert (done.returncode, done.stderr) == (0, b"")
    assert done.stdout == b"".join(data[one.physical : one.physical + one.length] for one in RUNS)


@each_phone_agent
def test_blocks_beyond_4_gib_are_read_there(phone_agent: PhoneAgent, tmp_path: Path) -> None:
    device, table = tmp_path / "device", tmp_path / "table"
    with device.open("wb") as stream:
        stream.seek(5 << 30)
        stream.write(b"far".ljust(512, b"."))
    table.write_bytes(extents.build_table([Extent(0, 5 << 30, 512)]))
    done = phone_agent(*words(extents.blocks_command("agent", str(device), str(table))), binary=True)
    assert done.stdout == b"far".ljust(512, b".")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (extents.build_table(RUNS), "past the end of"),
        (extents.build_table(RUNS)[:-1], "not whole runs of sectors:"),
        ((0).to_bytes(16, "little") + (1 << 54).to_bytes(8, "little"), "past the last byte:"),
        ((0).to_bytes(8, "little") + (1 << 54).to_bytes(8, "little") + bytes(8), "past the last byte:"),
    ],
)
def test_a_table_that_does_not_fit_is_refused(run: Run, tmp_path: Path, content: bytes, said: str) -> None:
    device, table = tmp_path / "device", tmp_path / "table"
    device.write_bytes(bytes(100 << 10))
    table.write_bytes(content)
    done = run(*words(extents.blocks_command("agent", str(device), str(table))))
    failure = agent_errors.parse_failure(done.stderr)
    assert failure
    assert failure.what.startswith(said)


@given(st.text(alphabet="extn=0xaf19 pid\n\r", max_size=80))
def test_any_answer_is_read_or_refused(text: str) -> None:
    with contextlib.suppress(DeviceError):
        extents.parse_extents(text)
