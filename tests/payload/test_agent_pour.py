"""The agent's `pour` and `reread`: an image written whole, although zeros are not given, and read back."""

import hashlib
import os
import shlex
import struct
import subprocess
from pathlib import Path
from typing import Any

import pytest
from agents import PhoneAgent, Run, each_phone_agent

from hardboot.base.errors import DeviceError
from hardboot.base.memory import PAGE_SIZE
from hardboot.payload import agent, agent_errors, extents
from hardboot.payload.extents import Extent

ZERO = bytes(PAGE_SIZE)


def page(number: int) -> bytes:
    return bytes([number % 255 + 1]) * PAGE_SIZE


def given(runs: list[tuple[int, int]]) -> bytes:
    """Return runs of pages that hold their own numbers."""
    return b"".join(
        struct.pack("<II", start, count) + b"".join(map(page, range(start, start + count)))
        for start, count in runs
    )


def pour(
    run: Run | PhoneAgent, file: Path, stdin: bytes, first: int, end: int
) -> subprocess.CompletedProcess[Any]:
    return run(*shlex.split(agent.pour_command("agent", str(file), first, end))[1:], stdin=stdin)


def failed(done: subprocess.CompletedProcess[bytes]) -> str:
    """Return what the agent says that failed: `pour` on standard error, as its output is binary."""
    failure = agent_errors.parse_failure((done.stderr + done.stdout).decode(errors="replace"))
    assert failure
    assert done.returncode == 1
    return failure.what


@each_phone_agent
@pytest.mark.parametrize(
    "runs", [[(300, 0)], [(0, 300)], [(0, 1), (2, 130), (200, 1), (300, 0)], [(299, 1)], [(5, 0), (5, 295)]]
)
def test_pages_lie_where_the_runs_say_and_all_others_are_zero(
    phone_agent: PhoneAgent, tmp_path: Path, runs: list[tuple[int, int]]
) -> None:
    file = tmp_path / "an image"
    done = pour(phone_agent, file, given(runs), 0, 300)
    assert (done.returncode, done.stderr) == (0, b"")
    assert struct.unpack("<2Q", done.stdout) == (0, 300)
    filled = {number for start, count in runs for number in range(start, start + count)}
    assert file.read_bytes() == b"".join(page(number) if number in filled else ZERO for number in range(300))
    blocks = extents.parse_extents(phone_agent("extents", str(file)).stdout)
    assert sum(one.length for one in blocks) == 300 * PAGE_SIZE
    assert not any(one.flags & 0x800 for one in blocks)  # none is allocated but not written


def test_how_far_it_is_is_told_every_few_mib(run: Run, tmp_path: Path) -> None:
    done = pour(run, tmp_path / "image", given([(2500, 500)]), 100, 3000)
    told = [number for (number,) in struct.iter_unpack("<Q", done.stdout)]
    assert told == [100, 1124, 2148, 3000]


def test_nothing_is_read_when_all_is_written_already(run: Run, tmp_path: Path) -> None:
    done = pour(run, tmp_path / "image", b"", 7, 7)
    assert (done.returncode, done.stdout) == (0, struct.pack("<Q", 7))


def test_a_part_of_a_file_replaces_that_part_alone(run: Run, tmp_path: Path) -> None:
    file = tmp_path / "image"
    pour(run, file, given([(0, 10)]), 0, 10)
    assert pour(run, file, given([(4, 1), (6, 0)]), 3, 6).returncode == 0
    assert file.read_bytes() == b"".join(ZERO if n in (3, 5) else page(n) for n in range(10))


@each_phone_agent
def test_a_page_beyond_4_gib_is_written_there(phone_agent: PhoneAgent, tmp_path: Path) -> None:
    file, far = tmp_path / "image", (5 << 30) // PAGE_SIZE
    assert pour(phone_agent, file, given([(far, 1), (far + 2, 0)]), far, far + 2).returncode == 0
    assert file.stat().st_size == (far + 2) * PAGE_SIZE
    with file.open("rb") as stream:
        stream.seek(far * PAGE_SIZE)
        assert stream.read() == page(far) + ZERO


@pytest.mark.parametrize(
    ("stdin", "first", "end", "said"),
    [
        (given([(2, 1)]), 3, 6, "not in order, or past the end:"),
        (given([(4, 1), (3, 1)]), 0, 6, "not in order, or past the end:"),
        (given([(4, 1), (4, 1)]), 0, 6, "not in order, or past the end:"),
        (given([(5, 2)]), 0, 6, "not in order, or past the end:"),
        (given([(7, 0)]), 0, 6, "not in order, or past the end:"),
        (struct.pack("<II", 0, 0xFFFFFFFF), 0, 6, "not in order, or past the end:"),
        (given([(0, 3)])[:-1], 0, 6, "past the end of"),
        (given([(0, 3)]), 0, 6, "past the end of"),
        (given([(0, 3)]) + b"\3\0\0", 0, 6, "past the end of"),
        (b"", 0, 6, "past the end of"),
    ],
)
def test_input_that_does_not_fit_is_refused(
    run: Run, tmp_path: Path, stdin: bytes, first: int, end: int, said: str
) -> None:
    file = tmp_path / "image"
    assert failed(pour(run, file, stdin, first, end)) == f"{said} standard input"
    assert file.stat().st_size <= end * PAGE_SIZE


# What lies on the device


LYING = "0 8192 4096 0\n4096 40960 8192 0\n12288 20480 16384 1\n"
PARTS = ((8192, 4096), (40960, 8192), (20480, 4096))


@pytest.fixture
def reread(run: Run, tmp_path: Path) -> Run:
    """Return the agent rereading a file of four pages; the last of its three pieces is longer."""
    (tmp_path / "extents").write_text(LYING)
    (tmp_path / "image").touch()
    (tmp_path / "device").write_bytes(b"".join(map(page, range(16))))
    command = extents.reread_command("agent", str(tmp_path / "image"), str(tmp_path / "device"), 4)

    def call(*told: int, cut: int = 0, lying: str = LYING) -> subprocess.CompletedProcess[Any]:
        (tmp_path / "extents").write_text(lying)
        stdin = b"".join(struct.pack("<Q", pages) for pages in told)
        return run(*shlex.split(command)[1:], stdin=stdin[: len(stdin) - cut], extents=tmp_path / "extents")

    return call


@pytest.mark.parametrize("told", [(0, 4), (4,), (0, 1, 2, 3, 4), (2, 2, 4), (1, 3, 4)])
def test_what_is_written_is_read_where_it_lies(reread: Run, tmp_path: Path, told: tuple[int, ...]) -> None:
    device = (tmp_path / "device").read_bytes()
    done = reread(*told)
    assert done.returncode == 0
    digest, lying = extents.parse_reread(done.stdout.decode())
    assert digest == hashlib.sha256(b"".join(device[at : at + size] for at, size in PARTS)).hexdigest()
    assert lying == (Extent(0, 8192, 4096), Extent(4096, 40960, 8192), Extent(12288, 20480, 4096, 1))


@pytest.mark.parametrize(
    ("told", "options", "said"),
    [
        ((), {}, "past the end of standard input"),
        ((0, 2), {}, "past the end of standard input"),
        ((4,), {"cut": 1}, "past the end of standard input"),
        ((5,), {}, "not in order, or past the end: standard input"),
        ((4,), {"lying": "0 8192 4096 0\n"}, "no blocks in"),
        ((4,), {"lying": "4096 8192 12288 0\n"}, "no blocks in"),
        ((4,), {"lying": "0 8192 4096 0\n8192 16384 8192 0\n"}, "no blocks in"),
        ((4,), {"lying": "0 65536 16384 0\n"}, "past the end of"),
    ],
)
def test_what_cannot_be_read_back_is_an_error(
    reread: Run, told: tuple[int, ...], options: dict[str, Any], said: str
) -> None:
    assert failed(reread(*told, **options)).startswith(said)


@each_phone_agent
def test_the_committed_agent_reads_back_what_it_wrote(phone_agent: PhoneAgent, tmp_path: Path) -> None:
    image, device = tmp_path / "image", tmp_path / "device"
    told = pour(phone_agent, image, given([(0, 200), (250, 1), (300, 0)]), 0, 300).stdout
    with image.open("rb") as stream:
        os.fsync(stream.fileno())
    content = image.read_bytes()
    with device.open("wb") as stream:  # a sparse file as long as the disk below this file system
        for one in extents.parse_extents(phone_agent("extents", str(image)).stdout):
            stream.seek(one.physical)
            stream.write(content[one.logical : one.logical + one.length])
    command = extents.reread_command("agent", str(image), str(device), 300)
    done = phone_agent(*shlex.split(command)[1:], stdin=told)
    assert done.returncode == 0, done.stdout
    digest, lying = extents.parse_reread(done.stdout.decode())
    assert digest == hashlib.sha256(content).hexdigest()
    assert sum(one.length for one in lying) == len(content)


@pytest.mark.parametrize("text", ["", "extent=0x0 0x0 0x1000 0x0\n", "sha256=12\n", "x\nsha256=" + "0" * 64])
def test_an_answer_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(DeviceError, match="unexpected answer from the agent"):
        extents.parse_reread(text)
