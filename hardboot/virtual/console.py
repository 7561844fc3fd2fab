"""Connect a terminal to the virtual phone's serial port."""

import os
import select
import socket
import sys
import termios
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import DeviceError

_ESCAPE = b"\x1d"  # Ctrl-]


def attach(path: Path) -> None:
    """Connect standard input and output to the socket `path`, until Ctrl-], the end of input or of the phone.

    Raises:
        DeviceError: If the port cannot be opened.
    """
    with socket.socket(socket.AF_UNIX) as port:
        here = Path.cwd()
        try:
            os.chdir(path.parent)  # socket addresses are at most 107 bytes long
            port.connect(path.name)
        except OSError as error:
            raise DeviceError(
                f"cannot open the phone's serial port: {error.strerror or error}",
                state="Nothing was sent.",
                fix="Only one terminal at a time can use it; close the other one.",
            ) from error
        finally:
            os.chdir(here)
        log.say("Connected to the serial port. Press Ctrl-] to disconnect.")
        with _raw_terminal():
            _exchange(port)
        log.say("")


def _exchange(port: socket.socket) -> None:
    source = sys.stdin.fileno()
    while True:
        ready, _, _ = select.select([port, source], [], [])
        if port in ready:
            data = port.recv(65536)
            if not data:
                return
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()
        if source in ready:
            typed = os.read(source, 4096)
            if not typed or _ESCAPE in typed:
                return
            port.sendall(typed)


@contextmanager
def _raw_terminal() -> Iterator[None]:
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setraw(sys.stdin)
        yield
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)
