"""The file service, message by message, on a channel that plays a script."""

import io
import struct
import time

import pytest
from transports import nothing

from hardboot.transport.errors import LinkError
from hardboot.transport.sync import RemoteStat, Sync

OKAY = struct.pack("<4sI", b"OKAY", 0)


class Script:
    """A channel with answers; it takes no write that is larger than it says."""

    def __init__(self, *answers: bytes, max_data: int = 1 << 20, pending: bool = False) -> None:
        self.answers = list(answers)
        self.written = b""
        self.max_data = max_data
        self.pending = pending

    def write(self, data: bytes, _deadline: float) -> None:
        assert 0 < len(data) <= self.max_data
        self.written += data

    def read(self, _deadline: float) -> bytes:
        return self.answers.pop(0) if self.answers else b""

    def close(self, _deadline: float) -> None:
        raise NotImplementedError


def sync(script: Script) -> Sync:
    return Sync(script, lambda: time.monotonic() + 10)


@pytest.mark.parametrize("max_data", [1024, 4096, 65535, 65536, 65544, 65545, 1 << 20])
@pytest.mark.parametrize("size", [0, 1, 1007, 1008, 1009, 65536, 200_000])
def test_a_file_is_sent_in_messages_that_fit(max_data: int, size: int) -> None:
    content = bytes(range(256)) * (size // 256 + 1)
    script = Script(OKAY, max_data=max_data)
    moved: list[int] = []
    assert sync(script).send(io.BytesIO(content[:size]), "/x", 0o644, 9, moved.append) == size
    assert sum(moved) == size
    rest, got = script.written, b""
    name, length = struct.unpack("<4sI", rest[:8])
    assert (name, rest[8 : 8 + length]) == (b"SEND", b"/x,33188")
    rest = rest[8 + length :]
    while rest[:4] == b"DATA":
        (length,) = struct.unpack("<I", rest[4:8])
        assert length <= 65536
        got += rest[8 : 8 + length]
        rest = rest[8 + length :]
    assert got == content[:size]
    assert rest == struct.pack("<4sI", b"DONE", 9)


@pytest.mark.parametrize("name", [b"DATA", b"DONE", b"STAT", b"\0\0\0\0"])
def test_another_answer_than_okay_is_no_success(name: bytes) -> None:
    for answer in (struct.pack("<4sI", name, 0), struct.pack("<4sI", b"FAIL", 65537)):
        with pytest.raises(LinkError, match="which the file service does not know"):
            sync(Script(answer)).send(io.BytesIO(b"x"), "/x", 0o644, 0, nothing)


def test_a_failure_without_a_reason_is_told() -> None:
    with pytest.raises(LinkError, match="refuses /x: no reason given"):
        sync(Script(struct.pack("<4sI", b"FAIL", 0))).send(io.BytesIO(b"x"), "/x", 0o644, 0, nothing)


def test_answers_may_come_in_pieces() -> None:
    answer = struct.pack("<4s3I", b"STAT", 0o100644, 0xFFFFFFFF, 7)
    pieces = [answer[:1], answer[1:5], answer[5:]]
    assert sync(Script(*pieces)).stat("/x") == RemoteStat(0o100644, 0xFFFFFFFF)
    with pytest.raises(LinkError, match="ended the transfer early"):
        sync(Script(answer[:-1])).stat("/x")


def test_what_is_received_is_bounded_message_by_message() -> None:
    data = struct.pack("<4sI", b"DATA", 65536) + bytes(65536)
    done = struct.pack("<4sI", b"DONE", 0)
    assert list(sync(Script(data + done)).receive("/x")) == [bytes(65536)]
    with pytest.raises(LinkError, match="which the file service does not know"):
        list(sync(Script(struct.pack("<4sI", b"DATA", 65537) + bytes(65537))).receive("/x"))


@pytest.mark.parametrize(("size", "fits"), [(1024, True), (1025, False)])
def test_names_are_as_long_as_the_phone_takes(size: int, fits: bool) -> None:
    name = "/" + "n" * (size - 1)
    answer = struct.pack("<4s3I", b"STAT", 0, 0, 0)
    if fits:
        assert sync(Script(answer)).stat(name).mode == 0
    else:
        with pytest.raises(LinkError, match="at most 1024 bytes"):
            sync(Script(answer)).stat(name)
