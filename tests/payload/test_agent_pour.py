"""The agent's `pour`: pages of a file, written whole although zeros are not given."""

import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest
from agents import PhoneAgent, Run, each_phone_agent

from hardboot.base.memory import PAGE_SIZE
from hardboot.payload import agent, agent_errors, extents

ZERO = bytes(PAGE_SIZE)


def page(number: int) -> bytes:
    return bytes([number % 255 + 1]) * PAGE_SIZE


def pour(
    run: Run | PhoneAgent,
    file: Path,
    runs: list[tuple[int, int]],
    first: int,
    end: int,
    *,
    data: int | None = None,
) -> subprocess.CompletedProcess[Any]:
    """Pour pages that hold their own numbers; `data` is how many of them there are."""
    listed, source = file.with_name("runs"), file.with_name("a data")
    numbers = [number for start, count in runs for number in range(start, start + count)]
    listed.write_bytes(agent.build_runs(runs))
    source.write_bytes(b"".join(page(number) for number in numbers[:data]))
    return run(*shlex.split(agent.pour_command("agent", str(file), first, end, str(listed), str(source)))[1:])


@each_phone_agent
@pytest.mark.parametrize("runs", [[], [(0, 300)], [(0, 1), (2, 130), (200, 1)], [(299, 1)], [(5, 0), (5, 2)]])
def test_pages_lie_where_the_runs_say_and_all_others_are_zero(
    phone_agent: PhoneAgent, tmp_path: Path, runs: list[tuple[int, int]]
) -> None:
    file = tmp_path / "an image"
    done = pour(phone_agent, file, runs, 0, 300)
    assert (done.returncode, done.stdout) == (0, "poured=1\n")
    given = {number for start, count in runs for number in range(start, start + count)}
    assert file.read_bytes() == b"".join(page(number) if number in given else ZERO for number in range(300))
    blocks = extents.parse_extents(phone_agent("extents", str(file)).stdout)
    assert sum(one.length for one in blocks) == 300 * PAGE_SIZE
    assert not any(one.flags & 0x800 for one in blocks)  # none is allocated but not written


def test_a_part_of_a_file_replaces_that_part_alone(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "image"
    pour(run, file, [(0, 10)], 0, 10)
    assert pour(run, file, [(4, 1)], 3, 6).returncode == 0
    assert file.read_bytes() == b"".join(ZERO if n in (3, 5) else page(n) for n in range(10))


@each_phone_agent
def test_a_page_beyond_4_gib_is_written_there(phone_agent: PhoneAgent, tmp_path: Path) -> None:
    file, far = tmp_path / "image", (5 << 30) // PAGE_SIZE
    assert pour(phone_agent, file, [(far, 1)], far, far + 2).returncode == 0
    assert file.stat().st_size == (far + 2) * PAGE_SIZE
    with file.open("rb") as stream:
        stream.seek(far * PAGE_SIZE)
        assert stream.read() == page(far) + ZERO


@pytest.mark.parametrize(
    ("runs", "first", "end", "data", "said"),
    [
        ([(2, 1)], 3, 6, None, "not in order, or past the end:"),
        ([(4, 1), (3, 1)], 0, 6, None, "not in order, or past the end:"),
        ([(4, 2), (5, 1)], 0, 6, None, "not in order, or past the end:"),
        ([(5, 2)], 0, 6, None, "not in order, or past the end:"),
        ([(7, 0)], 0, 6, None, "not in order, or past the end:"),
        ([(0, 0xFFFFFFFF)], 0, 6, 1, "not in order, or past the end:"),
        ([(0, 3)], 0, 6, 2, "past the end of"),
    ],
)
def test_runs_that_do_not_fit_are_refused(
    run: Run, tmp_path: Path, runs: list[tuple[int, int]], first: int, end: int, data: int | None, said: str
) -> None:
    file = tmp_path / "image"
    many = [(start, min(count, 8)) for start, count in runs]
    done = pour(run, file, many, first, end, data=data)
    if many != runs:
        file.with_name("runs").write_bytes(agent.build_runs(runs))
        command = agent.pour_command("agent", str(file), first, end, f"{tmp_path}/runs", f"{tmp_path}/a data")
        done = run(*shlex.split(command)[1:])
    failure = agent_errors.parse_failure(done.stdout)
    assert failure
    assert failure.what.startswith(said)
    assert not file.exists() or file.stat().st_size <= end * PAGE_SIZE


def test_a_list_that_is_cut_off_is_refused(run: Run, tmp_path: Path) -> None:
    (tmp_path / "runs").write_bytes(agent.build_runs([(0, 1)])[:7])
    (tmp_path / "data").write_bytes(page(0))
    done = run("pour", str(tmp_path / "image"), "0x0", "0x2", str(tmp_path / "runs"), str(tmp_path / "data"))
    failure = agent_errors.parse_failure(done.stdout)
    assert failure
    assert failure.what.startswith("not whole runs:")
