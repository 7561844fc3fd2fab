"""The virtual phone's adbd and packets made by hand: what ADB says, and what nobody should send."""

import contextlib
import os
import random
import re
import struct
from pathlib import Path

import pytest
from virtual_adbd import (
    MAX_STREAMS,
    OLD_VERSION,
    VERSION,
    Daemon,
    Raw,
    alive,
    assert_serves,
    descendants,
    wait_for_end,
    wait_until,
)

BAD_PACKETS = {
    "garbage": bytes(range(24)) * 10,
    "http": b"GET / HTTP/1.1\r\nHost: phone\r\n\r\n",
    "bad magic": Raw.packet(b"CNXN", VERSION, 4096, b"host::\0", magic=0),
    "oversize greeting": Raw.packet(b"CNXN", VERSION, 4096, bytes(4097)),
    "endless greeting": Raw.packet(b"CNXN", VERSION, 4096, b"", size=0xFFFFFFFF),
    "bad checksum": Raw.packet(b"CNXN", VERSION, 4096, b"host::\0", sum=1),
    "no room for data": Raw.packet(b"CNXN", VERSION, 0, b"host::\0"),
    "version of another protocol": Raw.packet(b"CNXN", 1, 4096, b"host::\0"),
}


@pytest.mark.parametrize("data", BAD_PACKETS.values(), ids=BAD_PACKETS.keys())
def test_a_bad_greeting_ends_the_connection_alone(daemon: Daemon, data: bytes) -> None:
    with Raw(daemon.port) as neighbour, Raw(daemon.port) as raw:
        neighbour.greet()
        raw.socket.sendall(data)
        raw.expect_end()
        neighbour.open(b"shell:true")
    assert_serves(daemon)


@pytest.mark.parametrize(
    "data",
    [
        Raw.packet(b"OPEN", 1, 0, b"shell:echo\0", magic=0),
        Raw.packet(b"OPEN", 1, 0, b"", size=(256 << 10) + 1),
        Raw.packet(b"WRTE", 1, 1, b"", size=0x80000000),
        Raw.packet(b"CNXN", VERSION, 4096, b"host::\0"),
    ],
    ids=["bad magic", "oversize", "huge", "second greeting"],
)
def test_a_bad_packet_later_ends_the_connection(daemon: Daemon, data: bytes) -> None:
    with Raw(daemon.port) as raw:
        raw.greet()
        raw.socket.sendall(data)
        raw.expect_end()
    assert_serves(daemon)


def test_random_bytes_after_the_greeting_never_stop_the_daemon(daemon: Daemon) -> None:
    source = random.Random(2)
    commands = [b"OPEN", b"OKAY", b"WRTE", b"CLSE", b"AUTH", b"SYNC", b"????"]
    for _ in range(20):
        with Raw(daemon.port) as raw, contextlib.suppress(OSError):
            raw.greet()
            for _ in range(50):
                service = source.choice(
                    [b"shell:cat\0", b"sync:\0", b"shell,v2:cat\0", b"shell,v2,pty:cat\0", b":"]
                )
                data = service if source.random() < 0.3 else source.randbytes(source.randrange(100))
                raw.send(source.choice(commands), source.randrange(4), source.randrange(4), data)
    assert_serves(daemon)
    wait_until(lambda: descendants(daemon.pid) == set(), "everything of the clients is gone")


def test_old_clients_need_right_checksums_and_get_them(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        raw.greet(OLD_VERSION)
        remote = raw.open(b"shell:echo hello")
        header = struct.unpack("<6I", raw.read(24))
        assert header[4] == sum(raw.read(header[3])) == sum(b"hello\n")
        raw.send(b"OKAY", 1, remote)
        assert raw.receive()[:3] == (b"CLSE", remote, 1)
        raw.send(b"OPEN", 2, 0, b"shell:true\0", sum=1)
        raw.expect_end()


def test_new_clients_need_no_checksums(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        raw.greet()
        raw.send(b"OPEN", 1, 0, b"shell:true\0", sum=0)
        assert raw.receive()[0] == b"OKAY"


@pytest.mark.parametrize(
    "service",
    [
        b"",
        b"nonsense:",
        b"tcpip:5555",
        b"usb:",
        b"exec:",
        b"shell",
        b"shell,v3:true",
        b"reboot:$(id)",
        b"reboot:-f",
        b"shell:echo\0id",
        b"shell:" + b"x" * (128 << 10),
        b"x" * 1000 + b":",
    ],
    ids=lambda service: service[:12].decode().replace("\0", " "),
)
def test_an_unknown_service_is_closed(daemon: Daemon, service: bytes) -> None:
    with Raw(daemon.port) as raw:
        raw.greet(max_data=1 << 20)
        raw.send(b"OPEN", 5, 0, service + b"\0")
        assert raw.receive() == (b"CLSE", 0, 5, b"")


def test_the_number_of_streams_is_bounded(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        raw.greet()
        for local in range(1, MAX_STREAMS + 11):
            raw.send(b"OPEN", local, 0, b"shell:sleep 1000\0")
        answers = [raw.receive() for _ in range(MAX_STREAMS + 10)]
        assert [answer[0] for answer in answers] == [b"OKAY"] * MAX_STREAMS + [b"CLSE"] * 10
        assert len({answer[1] for answer in answers}) == MAX_STREAMS + 1
        raw.send(b"CLSE", 7, answers[6][1])
        assert raw.receive()[:3] == (b"CLSE", answers[6][1], 7)
        raw.open(b"shell:sleep 1000", 1000)  # there is room again
        assert_serves(daemon)
    wait_until(lambda: descendants(daemon.pid) == set(), "all commands are gone")


def test_a_client_that_never_reads_is_not_read_either(daemon: Daemon) -> None:
    flood = b"".join(Raw.packet(b"OPEN", local, 0, b"no:\0") for local in range(1, 1000)) * 20
    sent = 0
    with Raw(daemon.port) as raw:
        raw.greet()
        raw.socket.settimeout(0.5)
        with contextlib.suppress(TimeoutError):
            while True:
                assert sent < 1 << 30
                sent += raw.socket.send(flood)
        (connection,) = descendants(daemon.pid)
        resident = int(Path(f"/proc/{connection}/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        assert resident < 64 << 20
        assert_serves(daemon)


def test_one_write_at_a_time_each_way(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        assert raw.greet() == 256 << 10
        remote = raw.open(b"exec:head -c 9000 /dev/zero")
        got = 0
        while got < 9000:
            command, _, _, data = raw.receive()
            assert command == b"WRTE"
            assert 0 < len(data) <= 4096  # what this client can take
            got += len(data)
            raw.expect_silence()
            raw.send(b"OKAY", 1, remote)
        assert raw.receive()[0] == b"CLSE"
        remote = raw.open(b"exec:sleep 1000", 2)
        while True:  # fills the pipe; then the acknowledgement stays away
            raw.send(b"WRTE", 2, remote, bytes(200_000))
            raw.socket.settimeout(0.3)
            try:
                assert raw.receive()[0] == b"OKAY"
            except TimeoutError:
                break
        raw.socket.settimeout(10)
        raw.send(b"WRTE", 2, remote, b"too early")
        assert raw.receive()[:3] == (b"CLSE", remote, 2)
    assert_serves(daemon)


def test_what_was_written_before_the_close_still_reaches_the_command(daemon: Daemon) -> None:
    # By hand: `adb exec-in` 29.0.6 itself loses the last packet now and then.
    data, target = random.Random(3).randbytes(250_000), daemon.scratch / "file"
    with Raw(daemon.port) as raw:
        raw.greet()
        remote = raw.open(f"exec:sleep 0.2; cat > {target}".encode())
        raw.send(b"WRTE", 1, remote, data)
        raw.send(b"CLSE", 1, remote)
        wait_until(lambda: target.exists() and target.read_bytes() == data, "the last bytes arrive")


def test_streams_belong_to_who_opened_them(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        raw.greet()
        remote = raw.open(b"exec:cat", 9)
        raw.send(b"WRTE", 8, remote, b"not mine")
        raw.send(b"WRTE", 9, remote + 1, b"not there")
        raw.send(b"CLSE", 9, remote + 1)
        raw.send(b"WRTE", 9, remote, b"mine")
        assert sorted(raw.receive()[::3] for _ in range(2)) == [(b"OKAY", b""), (b"WRTE", b"mine")]


def test_closing_a_stream_hangs_up_its_command(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        raw.greet()
        for service in (b"shell,v2,raw:", b"shell,v2,pty:", b"exec:"):
            remote = raw.open(service + b"echo PID $$; sleep 1000; true")
            found = re.search(rb"PID (\d+)", raw.receive()[3])
            assert found
            assert alive(int(found[1]))
            raw.send(b"CLSE", 1, remote)
            assert raw.receive()[0] == b"CLSE"
            wait_for_end(int(found[1]), "the command is hung up")


def test_the_window_size_reaches_the_terminal(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        raw.greet()
        remote = raw.open(b"shell,v2,pty,TERM=vt100:read x; stty size; echo $TERM")
        size = b"33x77,0x0\0"
        packets = struct.pack("<BI", 5, len(size)) + size + struct.pack("<BI", 0, 1) + b"\n"
        raw.send(b"WRTE", 1, remote, packets)
        output = b""
        while True:
            command, _, _, data = raw.receive()
            output += data
            if command == b"CLSE":
                break
            if command == b"WRTE":
                raw.send(b"OKAY", 1, remote)
        assert b"33 77\r\n" in output
        assert b"vt100\r\n" in output
        assert output.endswith(struct.pack("<BIB", 3, 1, 0))
