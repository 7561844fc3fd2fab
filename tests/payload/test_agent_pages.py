"""The agent's `pages`: parts of a large file without the pages that are zero, here and as code for phones."""

import shlex
import subprocess
from pathlib import Path

import pytest
from agents import PhoneAgent, Run, each_phone_agent
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import DeviceError
from hardboot.base.memory import PAGE_SIZE
from hardboot.payload import agent, agent_errors

ZERO = bytes(PAGE_SIZE)


def page(number: int) -> bytes:
    return bytes(PAGE_SIZE - 1) + bytes([number])  # only its last byte tells it from a zero page


@pytest.fixture
def core(tmp_path: Path) -> Path:
    path = tmp_path / "core"
    path.write_bytes(b"".join(ZERO if number % 3 == 2 else page(number) for number in range(200)))
    return path


def arguments(core: Path, runs: list[tuple[int, int]], first: int, count: int) -> list[str]:
    listed = core.with_name("runs")
    listed.write_bytes(agent.build_runs(runs))
    command = agent.pages_command("agent", str(core), str(listed), first, count)
    return shlex.split(command)[1:]


def wanted(core: Path, runs: list[tuple[int, int]], first: int, count: int) -> list[bytes | None]:
    data = core.read_bytes()
    numbers = [number for start, size in runs for number in range(start, start + size)]
    pages = [data[number * PAGE_SIZE :][:PAGE_SIZE] for number in numbers[first : first + count]]
    return [None if one == ZERO else one for one in pages]


@pytest.mark.parametrize(
    ("runs", "first", "count"),
    [
        ([(0, 200)], 0, 200),
        ([(0, 200)], 7, 9),
        ([(5, 1), (9, 2), (100, 90), (2, 1)], 0, 94),
        ([(5, 1), (9, 2), (100, 90), (2, 1)], 2, 92),
        ([(number, 1) for number in range(0, 200, 2)], 60, 40),
        ([(0, 70), (0, 70)], 69, 2),
    ],
)
def test_pages_of_several_runs_come_in_their_order(
    run: Run,
    core: Path,
    runs: list[tuple[int, int]],
    first: int,
    count: int,
) -> None:
    done = run(*arguments(core, runs, first, count), binary=True)
    assert done.stderr == b""
    assert agent.parse_pages(done.stdout, count) == wanted(core, runs, first, count)


@each_phone_agent
def test_the_binary_reads_pages_beyond_4_gib(phone_agent: PhoneAgent, tmp_path: Path) -> None:
    core = tmp_path / "core"
    far = (5 << 30) // PAGE_SIZE
    with core.open("wb") as stream:
        stream.seek(far * PAGE_SIZE)
        stream.write(page(7) + ZERO + page(9))
    words = arguments(core, [(far, 3)], 0, 3)
    done = phone_agent(*words, binary=True)
    assert agent.parse_pages(done.stdout, 3) == [page(7), None, page(9)]


@pytest.mark.parametrize(
    ("runs", "first", "count", "said"),
    [
        ([(0, 200)], 0, 201, "past the end of"),  # of the list
        ([(0, 300)], 150, 100, "past the end of"),  # of the file
        ([(0, 200)], 0, 0, "not 1 to 4096 pages"),
        ([(0, 5000)], 0, 4097, "not 1 to 4096 pages"),
        ([(0, 200)], 0xFFFFFFFF, 2, "past the end of"),
        ([], 0, 1, "past the end of"),
    ],
)
def test_what_is_not_there_is_an_error_on_standard_error(
    run: Run,
    core: Path,
    runs: list[tuple[int, int]],
    first: int,
    count: int,
    said: str,
) -> None:
    done = run(*arguments(core, runs, first, count), binary=True)
    assert done.returncode == 1
    failure = agent_errors.parse_failure(done.stderr.decode())
    assert failure
    assert failure.what.startswith(said)


def test_a_missing_file_is_an_error(run: Run, core: Path) -> None:
    done: subprocess.CompletedProcess[bytes] = run("pages", "/missing", str(core), "0x0", "0x1", binary=True)
    assert done.stderr == b"error=open /missing errno=2\n"


def test_a_page_more_than_was_asked_for_is_refused() -> None:
    with pytest.raises(DeviceError):
        agent.parse_pages(page(1) + page(2) + b"\x03", 1)


@given(st.binary(max_size=3 * PAGE_SIZE), st.integers(1, 20))
def test_any_answer_is_as_many_pages_as_asked_for_or_refused(data: bytes, count: int) -> None:
    try:
        found = agent.parse_pages(data, count)
    except DeviceError:
        return
    assert len(found) == count
    assert all(one is None or len(one) == PAGE_SIZE for one in found)
