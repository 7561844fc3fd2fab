"""A TCP proxy in front of a phone's adbd that does one thing wrong, at a given byte."""

import contextlib
import socket
import threading
from dataclasses import dataclass
from typing import Literal, Self, get_args

Kind = Literal["cut", "stall", "corrupt", "drop"]
KINDS: tuple[Kind, ...] = get_args(Kind)
_BLOCK = 4096  # bytes


@dataclass(frozen=True)
class Fault:
    """What goes wrong.

    Attributes:
        kind: "cut" closes the connection, "stall" passes nothing on any more, "corrupt" flips a bit, "drop"
            leaves a block out.
        at: Bytes that are passed on before, in both directions together.
        to_phone: Whether a corrupted or dropped block is one on its way to the phone.
    """

    kind: Kind
    at: int
    to_phone: bool


class Proxy:
    """Pass connections on to a port of this computer; `fault` happens once.

    Attributes:
        port: Where it listens.
        moved: Bytes passed on so far.
    """

    def __init__(self, target: int, fault: Fault | None) -> None:
        self._target = target
        self._fault = fault
        self._lock = threading.Lock()
        self._open: list[socket.socket] = []
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._server.getsockname()[1]
        self.moved = 0

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.close()
        self._close_all()

    def _close_all(self) -> None:
        with self._lock:
            for one in self._open:
                with contextlib.suppress(OSError):
                    one.shutdown(socket.SHUT_RDWR)
                one.close()
            self._open.clear()

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._server.accept()
            except OSError:
                return
            try:
                phone = socket.create_connection(("127.0.0.1", self._target), timeout=10)
            except OSError:
                client.close()
                continue
            phone.settimeout(None)
            for one in (client, phone):
                one.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            with self._lock:
                self._open += [client, phone]
            for source, sink, to_phone in ((client, phone, True), (phone, client, False)):
                threading.Thread(target=self._pass_on, args=(source, sink, to_phone), daemon=True).start()

    def _pass_on(self, source: socket.socket, sink: socket.socket, to_phone: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(_BLOCK):
                sink.sendall(self._spoilt(data, to_phone))
            sink.shutdown(socket.SHUT_WR)

    def _spoilt(self, data: bytes, to_phone: bool) -> bytes:
        """Count `data`, and return it as the other side gets it."""
        with self._lock:
            before, self.moved = self.moved, self.moved + len(data)
            fault = self._fault
            due = fault is not None and before + len(data) > fault.at
            if due and fault is not None and fault.kind in ("corrupt", "drop") and fault.to_phone != to_phone:
                due = False
            if due and fault is not None and fault.kind != "stall":
                self._fault = None
        if not due or fault is None:
            return data
        if fault.kind == "cut":
            self._close_all()
            raise ConnectionError
        if fault.kind == "stall" or fault.kind == "drop":
            return b""
        middle = len(data) // 2
        return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]
