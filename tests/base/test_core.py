"""The ground everything stands on: ranges, files, programs, and how errors reach people and scripts."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest
from hypothesis import given
from hypothesis import strategies as st
from phones import Hardboot

from hardboot import __main__
from hardboot.base import files, process
from hardboot.base.errors import (
    DeviceError,
    DeviceStateError,
    HardbootError,
    InputError,
    RefusedError,
    ToolError,
)
from hardboot.base.memory import Range, subtract
from hardboot.base.sizes import align_down, align_up, human_size
from hardboot.commands import cli


def test_ranges_are_half_open() -> None:
    low, high = Range(0x1000, 0x2000), Range(0x2000, 0x3000)
    assert not low.overlaps(high)
    assert low.overlaps(Range(0x1FFF, 0x2000))
    assert low.contains(Range(0x1000, 0x2000))
    assert not low.contains(Range(0x1000, 0x2001))
    assert str(Range.sized(0x8000, 0x1000, "page")) == "page 0x00008000-0x00009000 (4.0 KiB)"
    with pytest.raises(ValueError, match="not a range"):
        Range(2, 1)


@given(
    st.lists(st.tuples(st.integers(0, 60), st.integers(0, 20))),
    st.tuples(st.integers(0, 60), st.integers(1, 20)),
)
def test_subtract_leaves_exactly_what_is_in_no_hole(
    holes: list[tuple[int, int]], one: tuple[int, int]
) -> None:
    whole = Range.sized(*one)
    left = subtract([whole], [Range.sized(start, size) for start, size in holes])
    covered = {address for start, size in holes for address in range(start, start + size)}
    expected = set(range(whole.start, whole.end)) - covered
    found = [address for piece in left for address in range(piece.start, piece.end)]
    assert sorted(found) == sorted(expected)
    assert len(found) == len(set(found))


def test_alignment_and_sizes() -> None:
    assert (align_up(1, 4096), align_up(4096, 4096), align_down(8191, 4096)) == (4096, 4096, 4096)
    assert [human_size(size) for size in (5, 4096, 16 << 20, 3 << 30)] == [
        "5 B",
        "4.0 KiB",
        "16.0 MiB",
        "3.0 GiB",
    ]


def test_a_file_is_replaced_whole_or_not_at_all(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"old")
    target.chmod(0o640)
    other = tmp_path / "other"
    other.hardlink_to(target)

    def broken() -> "object":
        yield b"new"
        raise InputError("stop", state="x", fix="y")

    with pytest.raises(InputError, match="stop"):
        files.write_atomic(target, broken())  # type: ignore[arg-type]  # a generator that fails
    assert target.read_bytes() == b"old"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["other", "target"]

    files.write_atomic(target, [b"new", b"er"])
    assert target.read_bytes() == b"newer"
    assert target.stat().st_mode & 0o777 == 0o640
    assert other.read_bytes() == b"old"
    with pytest.raises(InputError, match="cannot be written"):
        files.write_atomic(tmp_path / "missing" / "x", [b""])


def test_what_is_no_file_is_not_replaced(tmp_path: Path) -> None:
    pipe, folder, loop = tmp_path / "pipe", tmp_path / "folder", tmp_path / "loop"
    os.mkfifo(pipe)
    folder.mkdir()
    loop.symlink_to(loop)
    for target in (pipe, folder):
        with pytest.raises(InputError, match="not a regular file"):
            files.write_atomic(target, [b"new"])
    for target in (loop, tmp_path / "file" / "below"):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(InputError, match="cannot be written"):
            files.write_atomic(target, [b"new"])
    assert pipe.is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder", "loop", "pipe"]


def test_a_file_over_the_limit_is_not_read(tmp_path: Path) -> None:
    large = tmp_path / "large"
    large.write_bytes(bytes(11))
    with pytest.raises(InputError, match="11 bytes, the limit is 10"):
        files.read_bytes(large, limit=10)


def test_a_failed_program_is_shown_as_a_line_to_paste() -> None:
    script = "import sys; print('last words', file=sys.stderr); sys.exit(3)"
    with pytest.raises(ToolError, match="exited with 3") as caught:
        process.run([sys.executable, "-c", script], timeout_s=30)
    assert "last words" in caught.value.what
    assert "'import sys; print(" in caught.value.fix
    with pytest.raises(ToolError, match="SIGKILL"):
        process.run([sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"], timeout_s=30)
    with pytest.raises(ToolError, match="cannot start"):
        process.run(["/nonexistent/program"], timeout_s=30)
    with pytest.raises(ToolError, match="apt-get install some-package"):
        raise_missing()


def raise_missing() -> None:
    try:
        process.find_tool("no-such-program", "some-package")
    except ToolError as error:
        raise ToolError(error.fix, state="", fix="") from error


@pytest.mark.parametrize("follow", [False, True])
def test_a_program_that_takes_too_long_is_ended_with_its_children(follow: bool, tmp_path: Path) -> None:
    script = f"sleep 60 & echo $! > {tmp_path / 'child'}; wait"
    with pytest.raises(ToolError, match="was killed: it took more than 1 s"):
        process.run(["sh", "-c", script], timeout_s=1, on_line=(lambda _line: None) if follow else None)
    child = int((tmp_path / "child").read_text())
    deadline = time.monotonic() + 10
    while Path(f"/proc/{child}").exists() and "Z" not in Path(f"/proc/{child}/stat").read_text().split()[2]:
        assert time.monotonic() < deadline, "a child was left behind"
        time.sleep(0.05)


def test_lines_arrive_as_they_come() -> None:
    seen: list[str] = []
    process.run(["sh", "-c", "echo out; echo err >&2"], timeout_s=30, on_line=seen.append)
    assert sorted(seen) == ["err", "out"]


CODES = {InputError: 3, ToolError: 3, RefusedError: 4, DeviceError: 5, DeviceStateError: 6}


@pytest.mark.parametrize("kind", CODES)
@pytest.mark.parametrize("as_json", [False, True])
def test_every_error_is_three_lines_and_an_exit_code(
    kind: type[HardbootError],
    as_json: bool,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    error = kind("it broke", state="All is as it was.", fix="Mend it.")
    error.result = {"known": 1}

    def fail(*_args: object, **_more: object) -> None:
        raise error

    monkeypatch.setattr(cli.root, "invoke", fail)
    assert __main__.run(["--json", "devices", "list"] if as_json else ["devices", "list"]) == CODES[kind]
    out, err = capsys.readouterr()
    assert err == "hardboot: it broke\n  state: All is as it was.\n  to do: Mend it.\n"
    if as_json:
        document = json.loads(out)
        assert document["known"] == 1
        assert document["error"]["exit_code"] == CODES[kind]
    else:
        assert out == ""


def test_an_error_in_json_is_one_document_on_stdout(hardboot: Hardboot, tmp_path: Path) -> None:
    for words in (("--json", "info", tmp_path), ("info", tmp_path, "--json")):
        ran = hardboot(*words, code=3)
        document = ran.json
        assert document["error"]["kind"] == "InputError"
        assert document["error"]["exit_code"] == 3
        assert ran.three_lines[0] == f"hardboot: {document['error']['what']}"


def test_a_wrong_option_is_a_usage_error(hardboot: Hardboot) -> None:
    assert "No such option" in hardboot("boot", "--nonsense", code=2).err
    assert hardboot("nonsense", code=2).out == ""


def test_a_usage_error_is_a_document_too(hardboot: Hardboot) -> None:
    for words in (("info",), ("info", "--nonsense"), ("nonsense",)):
        error = hardboot(*words, "--json", code=2).json["error"]
        assert (error["kind"], error["exit_code"]) == ("UsageError", 2)


def test_the_name_of_a_file_cannot_steer_the_terminal(hardboot: Hardboot) -> None:
    told = hardboot("info", "a\x1b[31m", code=3).three_lines
    assert told[0] == "hardboot: a\\x1b[31m: no such file"


def test_a_bug_is_told_with_its_log(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))

    def fail(*_args: object, **_more: object) -> None:
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(cli.root, "invoke", fail)
    assert __main__.run(["devices"]) == 1
    err = capsys.readouterr().err
    assert "this is a bug in hardboot: RuntimeError: nobody expected this" in err
    log = tmp_path / "hardboot" / "last-bug.log"
    assert str(log) in err
    assert "Traceback" in log.read_text()


def test_ctrl_c_ends_with_130(hardboot: Hardboot, request: pytest.FixtureRequest) -> None:
    # Nobody listens at this address, so it waits until it is interrupted.
    import socket

    # A shell that runs the tests in its background lets them ignore it, and children inherit that.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        child = hardboot.start("--serial", f"127.0.0.1:{silent.getsockname()[1]}", "status")
        connection, _ = silent.accept()
        with connection:
            child.send_signal(signal.SIGINT)
            _out, err = child.communicate(timeout=30)
    assert child.returncode == 130
    assert err.strip().splitlines()[0] == "hardboot: interrupted"


def test_help_and_version_load_nothing_heavy() -> None:
    script = (
        "import sys; from hardboot import __main__; code = __main__.run(['--help']); "
        "heavy = {'rich', 'adb_shell', 'cryptography'} & set(sys.modules); "
        "sys.exit(str(heavy) if heavy else code)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    assert "flash-host-kernel" in done.stdout


def test_every_verb_of_the_help_can_be_loaded() -> None:
    context = click.Context(cli.root)
    for name in cli.root.list_commands(context):
        command = cli.root.get_command(context, name)
        assert command is not None
        assert command.name == name
        assert command.help


def test_the_environment_of_a_program_is_added_to() -> None:
    script = "import os; print(os.environ['PATH'] != '', os.environ['HARDBOOT_TEST'])"
    out = process.run([sys.executable, "-c", script], timeout_s=30, env={"HARDBOOT_TEST": "yes"})
    assert out == f"True yes{os.linesep}".encode()


def test_one_process_at_a_time_makes_a_thing(tmp_path: Path) -> None:
    made = tmp_path / "cache" / "thing-6.1.176"
    beside = tmp_path / "cache" / "thing-6.1.176.lock"
    with files.locked(made), beside.open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    with files.locked(made):
        pass
