"""Commands and files go there and back, over every transport."""

import contextlib
import os
import random
import stat
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from adb_client import Adb
from adbds import AospAdbd, VirtualAdbd
from fake_adbd import FakeAdbd
from transports import nothing, open_tcp, open_usb
from usb_double import Bus, UsbPhone

from hardboot.base.errors import DeviceError
from hardboot.transport.base import Output, Transport
from hardboot.transport.direct import AdbUsb
from hardboot.transport.server import AdbServer

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


KINDS = [
    *("fake", "fake terminal", "virtual", "virtual 4 KiB", "AOSP"),
    *("server virtual", "server virtual 4 KiB", "server AOSP"),
    *("USB fake", "USB fake terminal", "USB virtual", "USB virtual 4 KiB", "USB AOSP"),
]

REAL_USB = os.environ.get("HARDBOOT_TEST_USB")  # the serial of a phone that runs on this very computer


@pytest.fixture(params=["USB real"] if REAL_USB else KINDS)
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """Run the same tests on every kind of adbd, over TCP, over USB and through a real ADB server."""
    kind: str = request.param
    with contextlib.ExitStack() as stack:
        if REAL_USB:
            real = AdbUsb(REAL_USB)
            real.wait(timeout_s=30)
            yield real
            real.close()
            return
        if "fake" in kind:
            port = stack.enter_context(FakeAdbd(crlf="terminal" in kind)).port
        elif "AOSP" in kind:
            aosp: AospAdbd = request.getfixturevalue("aosp_adbd")
            port = stack.enter_context(aosp.start()).port
        else:
            virtual: VirtualAdbd = request.getfixturevalue("virtual_adbd")
            port = stack.enter_context(virtual.start(*(("-m", "4096") if "4 KiB" in kind else ()))).port
        through: Transport
        if "server" in kind:
            server: Adb = request.getfixturevalue("adb")
            request.getfixturevalue("monkeypatch").setenv("ANDROID_ADB_SERVER_PORT", str(server.port))
            through = AdbServer(f"127.0.0.1:{port}")
        elif "USB" in kind:
            bus: Bus = request.getfixturevalue("bus")
            bus.phones.append(stack.enter_context(UsbPhone("0123456789", port)))
            through = open_usb(bus.phones[0])
        else:
            through = open_tcp(port)
        through.wait(timeout_s=10)
        yield through
        through.close()
        assert "USB" not in kind or bus.phones[0].gadget_errors == []


# What works


@pytest.mark.parametrize(
    ("command", "text", "code"),  # None: not looked at
    [
        ("echo one; echo two >&2", "one\ntwo\n", 0),
        ("printf 'no newline'", "no newline", 0),
        ("exit 7", "", 7),
        ("(exit 3)", "", 3),
        ("false", "", 1),
        ("kill -9 $$", None, 137),
        ("echo 'unbalanced", None, 2),
        ("echo a # comment", "a\n", 0),
        ("echo 'x'; set -x; ps -ef | grep '[s]h -c' > /dev/null; true", None, 0),
        ("printf '\\000\\377\\200abc'", "\0��abc", 0),
        ("printf 'a\\nb'", "a\nb", 0),
        ("sleep 100 & echo started", "started\n", 0),
        ("cat < /dev/null", "", 0),
        ("echo \"it's\" '$HOME'", "it's $HOME\n", 0),
    ],
)
def test_a_command_gives_its_output_and_exit_code(
    transport: Transport, command: str, text: str | None, code: int
) -> None:
    output = transport.shell(command, timeout_s=10)
    if text is not None:
        assert output.text == text
    assert output.code == code


def test_much_output_arrives_whole(transport: Transport) -> None:
    output = transport.shell("seq 1 40000", timeout_s=20)
    assert output.text == "".join(f"{i}\n" for i in range(1, 40001))
    assert output.code == 0


def test_many_commands_run_on_one_connection(transport: Transport) -> None:
    for i in range(20):
        assert transport.shell(f"echo {i}; exit {i}", timeout_s=10) == Output(f"{i}\n", i)


def test_several_commands_in_one_shell_are_told_apart(transport: Transport) -> None:
    commands = [
        "echo one; exit 3",
        "printf 'no newline' # and a comment",
        "echo two >&2; false",
        "true",
        "cat <<END\nof\nEND",
        "sleep 100 & echo started",
        "echo 'it'\"'\"'s'; exit 7",
    ]
    assert list(transport.shells([(command, 10) for command in commands])) == [
        Output("one\n", 3),
        Output("no newline", 0),
        Output("two\n", 1),
        Output("", 0),
        Output("of\n", 0),
        Output("started\n", 0),
        Output("it's\n", 7),
    ]
    assert transport.shell("echo on", timeout_s=10).text == "on\n"


def test_each_command_of_several_is_told_when_it_ends(transport: Transport, tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    answers = transport.shells([("echo one", 10), (f"until [ -e {seen} ]; do sleep 0.01; done", 10)])
    assert next(answers).text == "one\n"
    seen.touch()
    assert next(answers).code == 0


def test_a_shell_that_dies_ends_the_commands_there(transport: Transport) -> None:
    answers = list(transport.shells([("echo one", 10), ("kill -9 $$", 10), ("echo three", 10)]))
    assert [one.code for one in answers] == [0, 137]
    assert answers[0].text == "one\n"


def test_a_command_of_several_that_hangs_is_given_up_alone(transport: Transport) -> None:
    answers = transport.shells([("echo one", 10), ("sleep 100", 0.3), ("echo three", 10)])
    assert next(answers).text == "one\n"
    start = time.monotonic()
    with pytest.raises(DeviceError, match="did not end the command within"):
        next(answers)
    assert time.monotonic() - start < 5
    assert transport.shell("echo on", timeout_s=10).text == "on\n"


def test_what_is_fed_arrives_byte_for_byte(transport: Transport, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096 + random.Random(1).randbytes(3 << 20) + b"\r\n\x04\x03"
    pieces = [b"", data[:3], data[3 : 2 << 20], data[2 << 20 :]]
    target = tmp_path / "fed"
    output = transport.feed(f"head -c {len(data)} > {target}; echo done; exit 3", pieces, timeout_s=20)
    assert output == Output("done\n", 3)
    assert target.read_bytes() == data
    assert transport.shell("echo on", timeout_s=10).text == "on\n"


def test_a_command_may_print_while_it_is_fed(transport: Transport) -> None:
    command = "for i in 1 2 3 4 5 6 7 8; do head -c 262144 | wc -c; done"
    output = transport.feed(command, [bytes(1 << 20)] * 2, timeout_s=20)
    assert [int(line) for line in output.text.split()] == [262144] * 8


def test_a_command_that_ends_gets_no_more_of_its_input(transport: Transport) -> None:
    taken = 0

    def endless() -> Iterator[bytes]:
        nonlocal taken
        while taken < 1 << 30:
            taken += 1 << 16
            yield bytes(1 << 16)

    output = transport.feed("head -c 100000 > /dev/null; echo no space; exit 1", endless(), timeout_s=20)
    assert output == Output("no space\n", 1)
    assert taken < 1 << 28
    assert transport.shell("echo on", timeout_s=10).text == "on\n"


def test_a_command_that_takes_nothing_is_given_up(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("hardboot.transport.services._FEED_PAUSES", 0.1)
    with pytest.raises(DeviceError):
        transport.feed("sleep 100", [bytes(1 << 16)] * 1000, timeout_s=1)
    assert transport.wait(timeout_s=10).code == 0


@pytest.mark.parametrize("size", [0, 1, 4087, 4088, 4089, 65536, 300_001])
def test_a_file_comes_back_as_it_was_sent(
    transport: Transport, tmp_path: Path, size: int, request: pytest.FixtureRequest
) -> None:
    content = random.Random(size).randbytes(size)
    source, back = tmp_path / "source", tmp_path / "back"
    source.write_bytes(content)
    remote = str(tmp_path / "on the phone, 1")
    there: list[int] = []
    transport.push(source, remote, mode=0o755, progress=there.append)
    if size:
        here: list[int] = []
        transport.pull(remote, back, progress=here.append)
        assert back.read_bytes() == content
        assert sum(here) == size
    assert sum(there) == size
    if "fake" not in request.node.callspec.id:
        assert Path(remote).read_bytes() == content
        assert stat.S_IMODE(Path(remote).stat().st_mode) & 0o700 == 0o700


def test_a_missing_file_is_told_and_nothing_is_written(transport: Transport, tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match="has no file /missing"):
        transport.pull("/missing", tmp_path / "back", progress=nothing)
    assert list(tmp_path.iterdir()) == []
    assert transport.shell("echo on", timeout_s=10).text == "on\n"
