"""One connection, packet by packet, over a transport that plays a script."""

import struct
import time
from collections.abc import Callable

import pytest
from adb_shell.transport.base_transport import BaseTransport
from fake_adbd import packet

from hardboot.transport.errors import FramingError, LinkError, NoAnswerError
from hardboot.transport.link import Link, Stream
from hardboot.transport.packets import HELLO, MAX_DATA, parse_header

VERSION, OLD_VERSION = 0x01000001, 0x01000000
BANNER = b"device::\0"


class Script(BaseTransport):
    """Answers with the packets it was given, and keeps what was written to it."""

    def __init__(self, *packets: bytes) -> None:
        self.answers = b"".join(packets)
        self.written: list[bytes] = []
        self.closed = False
        self.write_error: LinkError | None = None

    def connect(self, transport_timeout_s: float) -> None:
        raise NotImplementedError

    def close(self) -> None:
        self.closed = True

    def bulk_read(self, numbytes: int, transport_timeout_s: float) -> bytes:
        assert 0 < transport_timeout_s <= 10
        if len(self.answers) < numbytes:
            raise NoAnswerError
        data, self.answers = self.answers[:numbytes], self.answers[numbytes:]
        return data

    def bulk_write(self, data: bytes | memoryview, transport_timeout_s: float) -> int:
        assert 0 < transport_timeout_s <= 10
        if self.write_error:
            raise self.write_error
        self.written.append(bytes(data))
        return len(data)


class Key:
    """A signer whose signatures can be told apart."""

    def Sign(self, data: bytes) -> bytes:
        return b"signed " + data

    def GetPublicKey(self) -> bytes:
        return b"public key"


def deadline() -> float:
    return time.monotonic() + 10


def no_ask() -> float:
    raise AssertionError("the user was asked")


def handshaken(script: Script, *, ask: Callable[[], float] = no_ask, skip_stale: bool = False) -> Link:
    link = Link(script, skip_stale=skip_stale)
    link.handshake(Key, ask, deadline=deadline())
    return link


def cnxn(version: int = VERSION, max_data: int = 4096) -> bytes:
    return packet(b"CNXN", version, max_data, BANNER, summed=version < VERSION)


TOKEN = packet(b"AUTH", 1, 0, b"t" * 20)


# The handshake


def test_a_connection_begins_with_hello() -> None:
    script = Script()
    Link(script).greet(deadline=deadline())
    assert tuple(script.written) == HELLO
    header = parse_header(script.written[0])
    assert (header.command, header.arg0, header.arg1, header.size) == (b"CNXN", VERSION, 1 << 20, 7)
    assert header.checksum == sum(b"host::\0")


def test_a_connection_that_cannot_be_greeted_is_closed() -> None:
    script = Script()
    script.write_error = NoAnswerError("takes no more data")
    with pytest.raises(LinkError, match="takes no more data"):
        Link(script).greet(deadline=deadline())
    assert script.closed


@pytest.mark.parametrize(
    ("told", "used"),
    [(1024, 1024), (4096, 4096), (MAX_DATA, MAX_DATA), (MAX_DATA + 1, MAX_DATA), (2**32 - 1, MAX_DATA)],
)
def test_packets_are_as_large_as_both_sides_take(told: int, used: int) -> None:
    assert handshaken(Script(cnxn(max_data=told))).max_data == used


@pytest.mark.parametrize("told", [0, 1023])
def test_a_phone_that_takes_hardly_anything_is_none(told: int) -> None:
    with pytest.raises(LinkError, match=f"accepts packets of {told} bytes only"):
        handshaken(Script(cnxn(max_data=told)))


def test_a_known_key_needs_a_signature_only() -> None:
    script = Script(TOKEN, cnxn())
    handshaken(script)
    assert script.written[1] == b"signed " + b"t" * 20
    assert parse_header(script.written[0]).arg0 == 2
    assert len(script.written) == 2


def test_an_unknown_key_is_offered_and_the_user_asked() -> None:
    script, asked = Script(TOKEN, TOKEN, cnxn()), []

    def ask() -> float:
        asked.append(True)
        return deadline()

    handshaken(script, ask=ask)
    assert parse_header(script.written[2]).arg0 == 3
    assert script.written[3] == b"public key\0"  # as AOSP's adb sends it: with one NUL
    assert asked == [True]


def test_a_key_offered_in_vain_is_told() -> None:
    for answers in ([TOKEN] * 3, [TOKEN] * 2):
        with pytest.raises(LinkError, match="does not trust this computer"):
            handshaken(Script(*answers), ask=deadline)


def test_the_users_time_is_not_that_of_the_connection() -> None:
    link = Link(Script(TOKEN, TOKEN, cnxn()))
    start = time.monotonic()
    link.handshake(Key, lambda: start + 10, deadline=start + 0.5)
    with pytest.raises(LinkError, match="does not trust this computer"):
        Link(Script(TOKEN, TOKEN, cnxn())).handshake(Key, lambda: start, deadline=deadline())


@pytest.mark.parametrize(
    "answer",
    [
        packet(b"AUTH", 2, 0, b"t" * 20),
        packet(b"AUTH", 1, 0, b"t" * 19),
        packet(b"AUTH", 1, 0, b"t" * 21),
        packet(b"OKAY", 1, 1),
    ],
)
def test_another_answer_is_not_adb(answer: bytes) -> None:
    with pytest.raises(LinkError, match="this is not ADB"):
        handshaken(Script(answer, cnxn()))


def test_a_phone_that_wants_tls_is_told() -> None:
    with pytest.raises(LinkError, match="wants an encrypted connection") as caught:
        handshaken(Script(packet(b"STLS", VERSION, 0)))
    assert "adb pair" in caught.value.fix


def test_silence_is_told_apart() -> None:
    with pytest.raises(NoAnswerError):
        handshaken(Script())


def test_stale_packets_are_skipped_only_where_there_may_be_some() -> None:
    stale = [packet(b"WRTE", 7, 1, b"old"), b"\0" * 24, packet(b"CLSE", 7, 1)]
    assert handshaken(Script(*stale, cnxn()), skip_stale=True).max_data == 4096
    with pytest.raises(LinkError, match="this is not ADB"):
        handshaken(Script(stale[0], cnxn()))
    with pytest.raises(FramingError):
        handshaken(Script(stale[1], cnxn()))


# Checksums and headers


@pytest.mark.parametrize("version", [VERSION, OLD_VERSION, VERSION + 1])
def test_payloads_are_summed_up_for_old_phones_only(version: int) -> None:
    script = Script(cnxn(version))
    link = handshaken(script)
    link.send(b"WRTE", 1, 1, b"data", deadline())
    assert parse_header(script.written[0]).checksum == (sum(b"data") if version == OLD_VERSION else 0)


def test_a_damaged_payload_is_noticed_where_it_is_summed_up() -> None:
    damaged = packet(b"WRTE", 1, 1, b"data", wrong=1)
    with pytest.raises(LinkError, match="damaged on its way"):
        handshaken(Script(cnxn(OLD_VERSION), damaged)).receive(deadline())
    assert handshaken(Script(cnxn(), damaged)).receive(deadline()).data == b"data"
    with pytest.raises(LinkError, match="damaged on its way"):
        handshaken(Script(packet(b"CNXN", VERSION, 4096, BANNER, wrong=1)))
    unsummed = packet(b"WRTE", 1, 1, b"data", summed=False)
    with pytest.raises(LinkError, match="damaged on its way"):
        handshaken(Script(cnxn(OLD_VERSION), unsummed)).receive(deadline())


def test_no_length_beyond_the_protocol_is_believed() -> None:
    for size, fits in ((MAX_DATA, True), (MAX_DATA + 1, False)):
        word = int.from_bytes(b"WRTE", "little")
        header = struct.pack("<6I", word, 1, 1, size, 0, word ^ 0xFFFFFFFF)
        if fits:
            assert parse_header(header).size == size
        else:
            with pytest.raises(FramingError, match=f"{size} bytes, which is not an ADB packet"):
                parse_header(header)


def test_a_header_without_its_magic_is_none() -> None:
    good = packet(b"OKAY", 1, 2)
    assert parse_header(good).command == b"OKAY"
    for offset in (0, 20, 23):
        bad = good[:offset] + bytes([good[offset] ^ 1]) + good[offset + 1 :]
        with pytest.raises(FramingError, match="not an ADB packet"):
            parse_header(bad)


def test_no_time_left_is_told_before_anything_is_read() -> None:
    link = Link(Script(cnxn()))
    with pytest.raises(NoAnswerError):
        link.receive(time.monotonic() - 0.001)


# Streams


def opened(*packets: bytes) -> tuple[Script, Stream]:
    script = Script(cnxn(), packet(b"OKAY", 77, 1, summed=False), *packets)
    stream = handshaken(script).open(b"shell:ls", deadline=deadline())
    assert script.written[-1] == b"shell:ls\0"
    script.written.clear()
    return script, stream


def test_a_refused_service_is_told_at_once() -> None:
    link = handshaken(Script(cnxn(), packet(b"CLSE", 0, 1)))
    with pytest.raises(LinkError, match="refuses the service shell"):
        link.open(b"shell:ls", deadline=deadline())


def test_answers_to_earlier_streams_are_not_taken_for_its_own() -> None:
    link = handshaken(
        Script(
            cnxn(),
            packet(b"CLSE", 70, 0),
            packet(b"OKAY", 70, 9),
            packet(b"OKAY", 0, 1),
            packet(b"OKAY", 77, 1),
        )
    )
    link.open(b"shell:ls", deadline=deadline())
    with pytest.raises(NoAnswerError):
        link.receive(deadline())


@pytest.mark.parametrize(("size", "fits"), [(4095, True), (4096, False)])
def test_a_request_is_as_long_as_the_phone_takes(size: int, fits: bool) -> None:
    link = handshaken(Script(cnxn(), packet(b"OKAY", 77, 1)))
    if fits:
        link.open(b"x" * size, deadline=deadline())
    else:
        with pytest.raises(LinkError, match=f"request of {size} bytes \\(at most 4095"):
            link.open(b"x" * size, deadline=deadline())


def test_what_the_phone_writes_is_acknowledged_and_read() -> None:
    script, stream = opened(
        packet(b"WRTE", 77, 1, b"out"), packet(b"WRTE", 70, 9, b"old"), packet(b"CLSE", 77, 1)
    )
    assert stream.read(deadline()) == b"out"
    header = parse_header(script.written[0])
    assert (header.command, header.arg0, header.arg1, header.size) == (b"OKAY", 1, 77, 0)
    assert stream.read(deadline()) == b""
    assert len(script.written) == 1
    stream.close(deadline())
    assert len(script.written) == 1, "what the phone closed is not closed again"


def test_an_empty_write_is_not_the_end() -> None:
    _, stream = opened(packet(b"WRTE", 77, 1), packet(b"WRTE", 77, 1, b"out"), packet(b"CLSE", 77, 1))
    assert stream.read(deadline()) == b"out"


def test_a_write_waits_for_its_answer_and_keeps_what_comes_before() -> None:
    script, stream = opened(packet(b"OKAY", 70, 9), packet(b"WRTE", 77, 1, b"early"), packet(b"OKAY", 77, 1))
    stream.write(b"in", deadline())
    assert script.written[:2][1] == b"in"
    assert stream.pending
    assert stream.read(deadline()) == b"early"
    assert not stream.pending


def test_a_phone_that_answers_and_closes_has_answered() -> None:
    _, stream = opened(packet(b"WRTE", 77, 1, b"FAIL"), packet(b"CLSE", 77, 1))
    stream.write(b"in", deadline())
    assert stream.read(deadline()) == b"FAIL"
    _, stream = opened(packet(b"CLSE", 77, 1))
    with pytest.raises(LinkError, match="ended the transfer early"):
        stream.write(b"in", deadline())


def test_a_stream_is_closed_once() -> None:
    script, stream = opened()
    stream.close(deadline())
    stream.close(deadline())
    header = parse_header(script.written[0])
    assert (header.command, header.arg0, header.arg1) == (b"CLSE", 1, 77)
    assert len(script.written) == 1


@pytest.mark.parametrize("command", [b"CNXN", b"AUTH", b"STLS"])
def test_an_adbd_that_was_restarted_is_told(command: bytes) -> None:
    _, stream = opened(packet(command, 1, 1))
    with pytest.raises(LinkError, match="its adbd was restarted"):
        stream.read(deadline())
