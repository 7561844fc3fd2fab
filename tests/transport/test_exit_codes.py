"""Output and exit codes are found in what a shell prints, however it arrives."""

import os
import re
import subprocess
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.transport import exit_codes
from hardboot.transport.base import SHELL, Output
from hardboot.transport.errors import LinkError
from hardboot.transport.exit_codes import CommandBatch


def printed(batch: CommandBatch) -> bytes:
    """Return what this computer's shell prints for a batch."""
    done = subprocess.run(["/bin/sh", "-c", batch.line], stdout=subprocess.PIPE, timeout=20, check=True)
    return done.stdout


def marker(batch: CommandBatch) -> bytes:
    """Return the word before the exit codes."""
    found = re.search(r"([0-9a-f]{16})\.\$\?$", batch.line)
    assert found
    return found[1].encode()


def outputs(batch: CommandBatch, pieces: list[bytes]) -> list[Output]:
    found: list[Output] = []
    for piece in pieces:
        batch.feed(piece)
        while output := batch.next():
            found.append(output)
    return found


COMMANDS = ["echo one; exit 3", "printf 'no newline'", "exit 255"]
EXPECTED = [Output("one\n", 3), Output("no newline", 0), Output("", 255)]


@given(st.lists(st.integers(0, 200), max_size=4), st.booleans())
def test_what_comes_in_pieces_is_put_together(cuts: list[int], terminal: bool) -> None:
    batch = CommandBatch(COMMANDS, SHELL)
    mark = marker(batch)
    text = b"one\n" + mark + b"3\nno newline" + mark + b"0\n" + mark + b".255\n"
    if terminal:
        text = text.replace(b"\n", b"\r\n")
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    assert outputs(batch, pieces) == EXPECTED
    assert batch.ended


def test_a_marker_may_come_byte_by_byte() -> None:
    batch = CommandBatch(COMMANDS, SHELL)
    data = printed(batch)
    assert outputs(batch, [bytes([byte]) for byte in data]) == EXPECTED


def test_a_code_is_not_believed_before_its_line_ends() -> None:
    batch = CommandBatch(["true"], SHELL)
    batch.feed(marker(batch) + b".25")
    assert batch.next() is None
    batch.feed(b"5\n")
    assert batch.next() == Output("", 255)


def test_output_behind_a_code_belongs_to_the_next_command() -> None:
    batch = CommandBatch(["true", "true"], SHELL)
    batch.feed(b"first" + marker(batch) + b"1\nsecond")
    assert batch.next() == Output("first", 1)
    assert not batch.ended
    assert batch.next() is None
    batch.feed(marker(batch) + b".2\n")
    assert batch.next() == Output("second", 2)
    assert batch.ended


def test_other_batches_have_other_markers() -> None:
    first, second = CommandBatch(["true"], SHELL), CommandBatch(["true"], SHELL)
    first.feed(marker(second) + b".0\n")
    assert first.next() is None


def test_bytes_that_are_no_text_are_replaced() -> None:
    batch = CommandBatch(["true"], SHELL)
    batch.feed(b"\xff\0" + marker(batch) + b".0\n")
    assert batch.next() == Output("�\0", 0)


def test_output_beyond_the_limit_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exit_codes, "_OUTPUT_MAX", 100)
    batch = CommandBatch(["true"], SHELL)
    batch.feed(bytes(100))
    with pytest.raises(LinkError, match="printed more than 100 bytes"):
        batch.feed(b"x")


def test_a_shell_that_nobody_listens_to_runs_no_more_commands(tmp_path: Path) -> None:
    batch = CommandBatch(["true", f"touch {tmp_path}/second", "true"], SHELL)
    reader, writer = os.pipe()
    os.close(reader)
    # As on a phone, where adbd and its shells ignore SIGPIPE; Python does.
    subprocess.run(["/bin/sh", "-c", batch.line], stdout=writer, timeout=20, restore_signals=False)
    os.close(writer)
    assert not (tmp_path / "second").exists()


def test_the_template_gets_all_commands_as_one_word() -> None:
    batch = CommandBatch(["echo 'a b'", 'echo "it\'s"'], "su -c {}")
    assert batch.line.startswith("su -c '")
    assert re.fullmatch(r"su -c .*; echo [0-9a-f]{16}\.\$\?", batch.line, re.DOTALL)
    quoted = CommandBatch(["echo 'a b'", 'echo "it\'s"'], "sh -c {}")
    assert outputs(quoted, [printed(quoted)]) == [Output("a b\n", 0), Output("it's\n", 0)]


def test_no_command_changes_the_shell_for_the_next(tmp_path: Path) -> None:
    os.umask(mask := os.umask(0))
    changes = [f"cd {tmp_path}", "umask 077", "set -e; false", "exec true", "trap 'echo over' EXIT", "exit 7"]
    batch = CommandBatch([*changes, "echo $0; pwd; umask"], SHELL)
    found = outputs(batch, [printed(batch)])
    assert [one.code for one in found] == [0, 0, 1, 0, 0, 7, 0]
    assert found[-1].text.split()[1:] == [str(Path.cwd()), f"{mask:04o}"]


def test_a_command_that_does_not_change_the_shell_needs_no_process_of_its_own() -> None:
    batch = CommandBatch(["echo $PPID", "true"], "exec sh -c {}")
    assert "(" not in batch.line
