"""The agent's `extents`, `pin`, `map` and `unmap`: blocks of files, and block devices made of them."""

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

CONTROL = "/dev/null"  # the agent for this computer prints what it would ask device mapper


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
    assert plain(blocks.extents) == wanted
    assert blocks.extents[-1].flags & 1  # the last one
    assert blocks.pinned is None


def test_an_empty_file_has_no_extents(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "empty"
    path.touch()
    assert run(*words(extents.extents_command("agent", str(path)))).stdout == ""
    assert extents.parse_extents("") == extents.FileBlocks(())


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


RUNS = (
    Extent(0, 1 << 20, 8 << 20),
    Extent(8 << 20, 0, 512),
    Extent((8 << 20) + 512, (1 << 48) - 512, 1 << 40),
)


@pytest.mark.parametrize("read_only", [False, True])
def test_a_device_is_made_of_the_runs(run: Run, tmp_path: Path, *, read_only: bool) -> None:
    table = tmp_path / "table"
    table.write_bytes(extents.build_table(RUNS))
    command = extents.map_command("agent", CONTROL, "hb-system", "259:7", str(table), read_only=read_only)
    done = run(*words(command))
    assert done.stderr.splitlines() == [
        "dm 3 v4 hb-system flags=0",
        f"dm 9 v4 hb-system flags={'0x1' if read_only else '0'}",
        "target 0 16384 linear 259:7 2048",
        "target 16384 1 linear 259:7 0",
        "target 16385 2147483648 linear 259:7 549755813887",
        "dm 6 v4 hb-system flags=0",
    ]
    assert extents.parse_device(done.stdout) == (0xFE, 0x12305)


@pytest.mark.parametrize("command", [3, 9, 6])
def test_a_device_that_cannot_be_made_is_removed(run: Run, tmp_path: Path, command: int) -> None:
    table = tmp_path / "table"
    table.write_bytes(extents.build_table(RUNS))
    line = extents.map_command("agent", CONTROL, "one", "/dev/sda", str(table), read_only=False)
    done = run(*words(line), errno=16, ioctl=str(command))
    failure = agent_errors.parse_failure(done.stdout)
    assert (failure and failure.what, failure and failure.errno) == ("map one", 16)
    asked = [line.split()[1] for line in done.stderr.splitlines() if line.startswith("dm ")]
    assert asked[-1] == ("3" if command == 3 else "4")  # without a device there is nothing to remove


def test_a_device_is_removed_by_its_name(run: Run) -> None:
    done = run(*words(extents.unmap_command("agent", CONTROL, "hb-system")))
    assert (done.stdout, done.stderr) == ("unmapped=1\n", "dm 4 v4 hb-system flags=0\n")


@pytest.mark.parametrize(
    ("size", "name", "device", "errno"),
    [
        (0, "one", "7:0", None),
        (23, "one", "7:0", None),
        (24 * 8193, "one", "7:0", None),
        (24, "", "7:0", 22),
        (24, "n" * 128, "7:0", 22),
        (24, "one", "", 22),
        (24, "one", "d" * 64, 22),
    ],
)
def test_what_is_no_table_name_or_device_is_refused(
    run: Run, tmp_path: Path, size: int, name: str, device: str, errno: int | None
) -> None:
    table = tmp_path / "table"
    table.write_bytes(bytes(size))
    done = run("map", CONTROL, name, device, str(table), "0x0")
    failure = agent_errors.parse_failure(done.stdout)
    assert failure
    assert done.stderr == ""
    if errno is None:
        assert failure.what == f"not 1 to 8192 runs of sectors: {table}"
    else:
        assert (failure.what, failure.errno) == (f"map {name}", errno)


def test_the_longest_table_fits(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "table"
    table.write_bytes(extents.build_table([Extent(512 * n, (1 << 48) - 512, 512) for n in range(8192)]))
    done = run("map", CONTROL, "n" * 127, "d" * 63, str(table), "0x0")
    assert done.returncode == 0
    assert done.stderr.count("target ") == 8192


@given(st.text(alphabet="extn=0xaf19 pid\n\r", max_size=80))
def test_any_answer_is_read_or_refused(text: str) -> None:
    for parse in (extents.parse_extents, extents.parse_device):
        with contextlib.suppress(DeviceError):
            parse(text)
