"""A scripted adbd in Python over real TCP: shell and file services, and one fault at a chosen packet.

Written from AOSP's protocol.txt and SYNC.TXT, apart from the code it tests. Every packet it sends is counted
over all connections; when the count reaches the fault's, the fault happens instead, once.
"""

import contextlib
import os
import select
import signal
import socket
import stat
import struct
import subprocess
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

HEADER = struct.Struct("<6I")


def packet(
    command: bytes, arg0: int, arg1: int, data: bytes = b"", *, summed: bool = True, wrong: int = 0
) -> bytes:
    word = struct.unpack("<I", command)[0]
    check = (sum(data) + wrong) & 0xFFFFFFFF if summed else 0
    return HEADER.pack(word, arg0, arg1, len(data), check, word ^ 0xFFFFFFFF) + data


class Gone(Exception):
    """This connection is over."""


@dataclass
class FakeAdbd:
    """Settings, and what was seen.

    `faults` maps a packet number (from 0) to a name of FAULTS. `auth` is how many AUTH tokens are sent before
    the client is let in; -1 never lets it in, and `answers_key` says whether anything follows the public key.
    """

    max_data: int = 4096
    version: int = 0x01000000
    faults: dict[int, str] = field(default_factory=dict)
    auth: int = 0
    answers_key: bool = True
    crlf: bool = False  # a terminal, as on real phones
    send_fails: bytes = b""  # the text of FAIL for every SEND
    fails_at_once: bool = False  # FAIL already while DATA is coming
    loses: int = 0  # bytes that a pushed file or a pull lacks
    stat_size: int | None = None
    silent_connections: int = 0  # so many connections are accepted and never answered
    files: dict[str, tuple[int, bytes]] = field(default_factory=dict)
    sent: list[bytes] = field(default_factory=list)  # commands, in order
    commands: list[str] = field(default_factory=list)
    connections: int = 0
    keys: list[bytes] = field(default_factory=list)
    signatures: list[bytes] = field(default_factory=list)  # taken without a look

    def __post_init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self._threads: list[threading.Thread] = []
        self._open: list[socket.socket] = []
        self.stopped = threading.Event()

    def __enter__(self) -> "FakeAdbd":
        self._start(self._accept)
        return self

    def __exit__(self, *_error: object) -> None:
        self.stopped.set()
        for end in [self._listener, *self._open]:
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        self._listener.close()

    def _start(self, target: Callable[..., None], *arguments: object) -> None:
        thread = threading.Thread(target=target, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while not self.stopped.is_set():
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._open.append(client)
            self.connections += 1
            self._start(_Connection(self, client, self.connections).run)


class _Connection:
    def __init__(self, adbd: FakeAdbd, client: socket.socket, number: int) -> None:
        self.adbd = adbd
        self.client = client
        self.number = number
        self.host_id = 0
        self.next_id = 100
        self.max_data = adbd.max_data
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def run(self) -> None:
        with contextlib.suppress(Gone, OSError), self.client:
            if self.number <= self.adbd.silent_connections:
                self.adbd.stopped.wait(30)
                return
            self.handshake()
            while True:
                opening, self.host_id, _, data = self.read()
                if opening != b"OPEN":  # the end of an earlier stream
                    continue
                self.next_id += 1
                service = data.rstrip(b"\0").decode()
                name, _, command = service.partition(":")
                if name in ("shell", "exec"):
                    self.send(b"OKAY", self.next_id, self.host_id)
                    self.shell(command, is_terminal=self.adbd.crlf and name == "shell")
                elif service == "sync:":
                    self.send(b"OKAY", self.next_id, self.host_id)
                    self.sync()
                else:
                    self.send(b"CLSE", 0, self.host_id)

    # Packets

    def read(self) -> tuple[bytes, int, int, bytes]:
        word, arg0, arg1, size, check, magic = HEADER.unpack(self.exactly(HEADER.size))
        assert magic == word ^ 0xFFFFFFFF
        assert size <= self.max_data
        data = self.exactly(size)
        if self.adbd.version < 0x01000001:
            assert check == sum(data) & 0xFFFFFFFF
        return struct.pack("<I", word), arg0, arg1, data

    def exactly(self, size: int) -> bytes:
        data = bytearray()
        while len(data) < size:
            piece = self.client.recv(min(size - len(data), 1 << 20))
            if not piece:
                raise Gone
            data += piece
        return bytes(data)

    def send(self, command: bytes, arg0: int, arg1: int, data: bytes = b"") -> None:
        number = len(self.adbd.sent)
        self.adbd.sent.append(command)
        fault = self.adbd.faults.get(number)
        if fault:
            FAULTS[fault](self, packet(command, arg0, arg1, data), arg0)
        summed = self.adbd.version < 0x01000001
        self.client.sendall(packet(command, arg0, arg1, data, summed=summed))

    def write(self, data: bytes) -> bytes:
        """One WRTE to the client and its answer; what else it sends in between is returned."""
        self.send(b"WRTE", self.next_id, self.host_id, data)
        early = b""
        while True:
            command, _, _, more = self.read()
            if command == b"OKAY":
                return early
            if command == b"CLSE":
                raise _Closed
            self.send(b"OKAY", self.next_id, self.host_id)
            early += more

    # Services

    def handshake(self) -> None:
        adbd = self.adbd
        command, _version, _, _ = self.read()
        assert command == b"CNXN"
        tokens = adbd.auth
        while tokens:
            tokens -= 1
            self.send(b"AUTH", 1, 0, b"t" * 20)
            command, kind, _, data = self.read()
            assert command == b"AUTH"
            (adbd.keys if kind == 3 else adbd.signatures).append(data)
            if kind == 3 and not adbd.answers_key:
                adbd.stopped.wait(30)
                raise Gone
        self.send(b"CNXN", adbd.version, adbd.max_data, b"device::ro.product.device=fake;")

    def shell(self, command: str, *, is_terminal: bool) -> None:
        self.adbd.commands.append(command)
        with subprocess.Popen(
            ["sh", "-c", command],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        ) as child:
            assert child.stdin is not None
            assert child.stdout is not None
            try:
                client, out = self.client.fileno(), child.stdout.fileno()
                given, owed = b"", False  # to the child; whether the client waits until it took that
                os.set_blocking(child.stdin.fileno(), False)
                while not self.adbd.stopped.is_set():
                    ready, takes, _ = select.select(
                        [out, *([] if given else [client])], [child.stdin] if given else [], [], 0.1
                    )
                    if takes:
                        try:
                            given = given[os.write(child.stdin.fileno(), given) :]
                        except BrokenPipeError:
                            given = b""
                        if not given and owed:
                            self.send(b"OKAY", self.next_id, self.host_id)
                            owed = False
                    if client in ready:
                        request, _, _, given = self.read()
                        if request == b"CLSE":
                            break
                        owed = request == b"WRTE"
                    if out in ready:
                        data = os.read(out, min(self.max_data, 1 << 16) // 2)
                        if not data:
                            break
                        given += self.write(data.replace(b"\n", b"\r\n") if is_terminal else data)
            except _Closed:
                pass
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGKILL)
        self.send(b"CLSE", self.next_id, self.host_id)

    def sync(self) -> None:
        pending = bytearray()

        def take(size: int) -> bytes:
            while len(pending) < size:
                command, _, _, data = self.read()
                if command == b"CLSE":
                    raise _Closed
                if command == b"WRTE":
                    self.send(b"OKAY", self.next_id, self.host_id)
                    pending.extend(data)
            result = bytes(pending[:size])
            del pending[:size]
            return result

        def answer(data: bytes) -> None:
            pending.extend(self.write(data))

        try:
            while True:
                name, size = struct.unpack("<4sI", take(8))
                path = take(size).decode()
                if name == b"STAT":
                    mode, content = self.adbd.files.get(path, (0, b""))
                    length = len(content) if self.adbd.stat_size is None else self.adbd.stat_size
                    answer(struct.pack("<4s3I", b"STAT", mode, length, 0))
                elif name == b"SEND":
                    self.sync_send(path, take, answer)
                elif name == b"RECV":
                    for piece in self.sync_receive(path):
                        answer(piece)
        except _Closed:
            self.send(b"CLSE", self.next_id, self.host_id)

    def sync_send(self, spec: str, take: Callable[[int], bytes], answer: Callable[[bytes], None]) -> None:
        path, _, mode = spec.rpartition(",")
        content = bytearray()
        fail = struct.pack("<4sI", b"FAIL", len(self.adbd.send_fails)) + self.adbd.send_fails
        failed = False
        while True:
            name, size = struct.unpack("<4sI", take(8))
            if name == b"DONE":
                break
            assert name == b"DATA"
            assert size <= 65536
            content += take(size)
            if self.adbd.send_fails and self.adbd.fails_at_once and not failed:
                failed = True
                answer(fail)
        if self.adbd.send_fails:
            if not failed:
                answer(fail)
            return
        self.adbd.files[path] = (int(mode), bytes(content[: len(content) - self.adbd.loses]))
        answer(struct.pack("<4sI", b"OKAY", 0))

    def sync_receive(self, path: str) -> Iterator[bytes]:
        mode, content = self.adbd.files.get(path, (0, b""))
        if not stat.S_ISREG(mode):
            reason = b"No such file or directory"
            yield struct.pack("<4sI", b"FAIL", len(reason)) + reason
            return
        content = content[: len(content) - self.adbd.loses]
        step = min(65536, self.max_data - 8)
        for start in range(0, len(content), step):
            piece = content[start : start + step]
            yield struct.pack("<4sI", b"DATA", len(piece)) + piece
        yield struct.pack("<4sI", b"DONE", 0)


class _Closed(Exception):
    """The client closed the stream."""


def _drop(connection: _Connection, whole: bytes, _remote: int) -> None:
    raise Gone


def _reset(connection: _Connection, whole: bytes, _remote: int) -> None:
    connection.client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    raise Gone


def _half(connection: _Connection, whole: bytes, _remote: int) -> None:
    connection.client.sendall(whole[: len(whole) // 2])
    raise Gone


def _stall(connection: _Connection, whole: bytes, _remote: int) -> None:
    connection.adbd.stopped.wait(30)
    raise Gone


def _stall_inside(connection: _Connection, whole: bytes, _remote: int) -> None:
    connection.client.sendall(whole[:-1])
    _stall(connection, whole, _remote)


def _then_wait(change: Callable[[bytes, int], bytes]) -> Callable[[_Connection, bytes, int], None]:
    def fault(connection: _Connection, whole: bytes, remote: int) -> None:
        connection.client.sendall(change(whole, remote))
        _stall(connection, whole, remote)

    return fault


def _flip(offset: int) -> Callable[[bytes, int], bytes]:
    return lambda whole, _: whole[:offset] + bytes([whole[offset] ^ 0x55]) + whole[offset + 1 :]


def _endless(connection: _Connection, whole: bytes, _remote: int) -> None:
    while True:  # packets of a stream nobody opened
        connection.client.sendall(packet(b"OKAY", 7, 7) * 100)


# What happens in place of a packet. None of them lets the exchange go on.
FAULTS: dict[str, Callable[[_Connection, bytes, int], None]] = {
    "drop": _drop,
    "reset": _reset,
    "half": _half,
    "stall": _stall,
    "stall inside": _stall_inside,
    "garbage": _then_wait(lambda whole, _: b"HTTP/1.1 400 Bad Request\r\n\r\n" + whole),
    "wrong magic": _then_wait(_flip(20)),
    "wrong checksum": _then_wait(_flip(16)),
    "huge length": _then_wait(lambda whole, _: whole[:12] + struct.pack("<I", 0xFFFFFFF0) + whole[16:]),
    "unknown command": _then_wait(
        lambda whole, _: (
            struct.pack("<I", 0x12345678) + whole[4:20] + struct.pack("<I", 0x12345678 ^ 0xFFFFFFFF)
        )
    ),
    "other command": _then_wait(
        lambda whole, _: packet(b"CNXN", 1, 4096, b"") if whole[:4] != b"CNXN" else b"\0" * 24
    ),
    "close": _then_wait(lambda whole, remote: packet(b"CLSE", remote, struct.unpack("<I", whole[8:12])[0])),
    "endless": _endless,
}
