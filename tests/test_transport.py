"""ADB over TCP: against a fake that breaks at every packet, and against the virtual phone's own adbd."""

import random
import stat
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from fake_adbd import FAULTS, FakeAdbd
from real_adb import RealAdbd, free_port

from hardboot import process
from hardboot.errors import DeviceError, InputError
from hardboot.transport.adb import AdbTcp
from hardboot.transport.adb_server import AdbServer
from hardboot.transport.base import Output, Transport

pytestmark = pytest.mark.timeout(30)  # nothing here may hang

CONTENT = random.Random(1).randbytes(10_000)


def nothing(_moved: int) -> None:
    pass


def phone(port: int, keys: Path | None = None, *, patience_s: float = 5.0) -> AdbTcp:
    return AdbTcp(
        "127.0.0.1",
        port,
        connect_timeout_s=patience_s,
        idle_timeout_s=patience_s,
        auth_timeout_s=patience_s,
        probe_timeout_s=patience_s,
        key_folder=keys or Path("/nonexistent/keys"),
    )


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from hardboot.transport import adb_keys

    folder = tmp_path_factory.mktemp("android")
    adb_keys.signer(folder)
    return folder


@pytest.fixture(params=["fake", "fake terminal", "adbd", "adbd 4 KiB", "server", "server 4 KiB"])
def transport(request: pytest.FixtureRequest) -> Iterator[Transport]:
    """The same tests on every kind of adbd, straight and through a real ADB server."""
    kind: str = request.param
    if kind.startswith("fake"):
        with FakeAdbd(crlf="terminal" in kind) as adbd:
            here = phone(adbd.port)
            yield here
            here.close()
    else:
        options = ("-m", "4096") if "4 KiB" in kind else ()
        with RealAdbd(request.getfixturevalue("real_adbd"), *options) as real:
            if "server" in kind:
                port = str(request.getfixturevalue("adb").port)
                request.getfixturevalue("monkeypatch").setenv("ANDROID_ADB_SERVER_PORT", port)
                through: Transport = AdbServer(real.serial)
            else:
                through = phone(real.port)
            through.wait(timeout_s=10)
            yield through
            through.close()


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


def test_the_real_adbds_reason_for_a_refused_file_is_told(real_adbd: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT * 100)
    (tmp_path / "file").touch()
    with RealAdbd(real_adbd) as adbd:
        here = phone(adbd.port)
        here.wait(timeout_s=10)
        with pytest.raises(DeviceError, match=r"refuses .*: .*[Nn]ot a directory"):
            here.push(source, str(tmp_path / "file" / "below"), mode=0o644, progress=nothing)
        here.push(source, str(tmp_path / "good"), mode=0o644, progress=nothing)
        here.close()
    assert (tmp_path / "good").read_bytes() == source.read_bytes()


def test_a_disk_that_fills_up_is_told_in_the_phones_words(real_adbd: Path, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT * 100)
    with RealAdbd(real_adbd, largest_file_kib=100) as adbd:
        here = phone(adbd.port)
        here.wait(timeout_s=10)
        with pytest.raises(DeviceError, match=r"refuses .*: .*File too large"):
            here.push(source, str(tmp_path / "x"), mode=0o644, progress=nothing)
        here.close()


def test_a_file_of_proc_has_no_size_but_comes_whole(real_adbd: Path, tmp_path: Path) -> None:
    with RealAdbd(real_adbd) as adbd:
        here = phone(adbd.port)
        here.wait(timeout_s=10)
        here.pull("/proc/version", tmp_path / "version", progress=nothing)
        here.close()
    assert (tmp_path / "version").read_bytes() == Path("/proc/version").read_bytes()


@pytest.mark.parametrize("max_data", [1024, 4096, 65536, 1 << 20, 1 << 31])
def test_packets_keep_to_what_the_phone_takes(max_data: int, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT * 30)
    with FakeAdbd(max_data=max_data, version=0x01000001) as adbd:  # the fake checks every size
        here = phone(adbd.port)
        here.push(source, "/data/x", mode=0o600, progress=nothing)
        here.close()
        assert adbd.files["/data/x"] == (0o100600, CONTENT * 30)


# Failures the phone reports


@pytest.mark.parametrize("at_once", [False, True])
def test_the_reason_of_a_failed_push_is_told(tmp_path: Path, at_once: bool) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd(send_fails=b"No space left on device", fails_at_once=at_once) as adbd:
        here = phone(adbd.port)
        moved: list[int] = []
        with pytest.raises(DeviceError, match="/data/x: No space left on device") as caught:
            here.push(source, "/data/x", mode=0o644, progress=moved.append)
        here.close()
    assert "incomplete" in caught.value.unchanged
    assert (sum(moved) < len(CONTENT)) == at_once, "what is refused early is not sent to its end"


def test_a_push_that_lost_bytes_is_noticed(tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd(loses=1) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="stored 9999 of 10000 bytes"):
            here.push(source, "/data/x", mode=0o644, progress=nothing)


@pytest.mark.parametrize("size", [9_999, 10_001])
def test_a_pull_of_another_size_leaves_nothing(tmp_path: Path, size: int) -> None:
    with FakeAdbd(stat_size=size, files={"/data/x": (0o100644, CONTENT)}) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match=f"bytes of /data/x, which has {size}"):
            here.pull("/data/x", tmp_path / "x", progress=nothing)
        here.close()
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_unknown_size_is_taken_to_its_end(tmp_path: Path) -> None:
    with FakeAdbd(stat_size=0, files={"/dev/block/boot": (0o100600, CONTENT)}) as adbd:
        here = phone(adbd.port)
        here.pull("/dev/block/boot", tmp_path / "x", progress=nothing)
        here.close()
    assert (tmp_path / "x").read_bytes() == CONTENT


def test_a_pull_replaces_the_old_file_or_leaves_it(tmp_path: Path) -> None:
    target = tmp_path / "x"
    target.write_bytes(b"old")
    with FakeAdbd(files={"/data/x": (0o100644, CONTENT)}, loses=1) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError):
            here.pull("/data/x", target, progress=nothing)
        assert target.read_bytes() == b"old"
        adbd.loses = 0
        here.pull("/data/x", target, progress=nothing)
        here.close()
    assert target.read_bytes() == CONTENT


def test_a_command_that_does_not_end_is_given_up(tmp_path: Path) -> None:
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="did not end the command") as caught:
            here.shell("sleep 20", timeout_s=0.3)
        assert "may have run" in caught.value.unchanged
        assert here.shell("echo again", timeout_s=10).text == "again\n"
        here.close()


def test_a_command_that_prints_without_end_is_given_up() -> None:
    with FakeAdbd(max_data=1 << 20, version=0x01000001) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="printed more than"):
            here.shell("yes", timeout_s=20)
        here.close()


@pytest.mark.parametrize("command", ["x" * 5000, "a\0b"])
def test_a_command_the_phone_cannot_take_is_not_sent(command: str) -> None:
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="cannot take a request"):
            here.shell(command, timeout_s=5)
        here.close()
        assert adbd.commands == []


@pytest.mark.parametrize("remote", ["relative", "", "/" + "n" * 2000, "/a\0b"])
def test_a_path_the_phone_cannot_take_is_refused(tmp_path: Path, remote: str) -> None:
    source = tmp_path / "source"
    source.write_bytes(CONTENT)
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="cannot take the name"):
            here.push(source, remote, mode=0o644, progress=nothing)
        with pytest.raises(DeviceError, match="cannot take the name"):
            here.pull(remote, tmp_path / "x", progress=nothing)
        here.close()
        assert adbd.files == {}


def test_files_of_this_computer_that_cannot_be_used_are_input_errors(tmp_path: Path) -> None:
    with FakeAdbd(files={"/data/x": (0o100644, CONTENT)}) as adbd:
        here = phone(adbd.port)
        for source in (tmp_path / "missing", tmp_path):
            with pytest.raises(InputError):
                here.push(source, "/data/x", mode=0o644, progress=nothing)
        with pytest.raises(InputError):
            here.pull("/data/x", tmp_path / "no" / "folder", progress=nothing)
        assert here.shell("echo on", timeout_s=5).text == "on\n"
        here.close()


# The connection


def test_nobody_listening_is_told() -> None:
    with pytest.raises(DeviceError, match="refuses the connection") as caught:
        phone(free_port()).shell("true", timeout_s=5)
    assert caught.value.unchanged == "Nothing was sent."


def test_a_host_that_does_not_exist_is_told() -> None:
    for host in ("does-not-exist.invalid", "x" * 70, "a..b"):
        with pytest.raises(DeviceError, match="cannot be reached"):
            AdbTcp(host).shell("true", timeout_s=5)


def test_close_never_fails() -> None:
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        here.close()
        here.shell("true", timeout_s=5)
        here.close()
        here.close()


def test_wait_survives_a_phone_that_is_not_there_yet() -> None:
    adbd = FakeAdbd()
    port = adbd.port
    with pytest.raises(DeviceError, match="did not come back within 0 s"):
        phone(free_port()).wait(timeout_s=0.3)
    here = phone(port)
    starter = threading.Timer(0.3, adbd.__enter__)
    starter.start()
    try:
        here.wait(timeout_s=10)
        assert here.shell("echo up", timeout_s=5).text == "up\n"
    finally:
        starter.join()
        here.close()
        adbd.__exit__()


def test_wait_gives_up_connections_that_are_accepted_and_then_silent() -> None:
    with FakeAdbd(silent_connections=3) as adbd:
        here = phone(adbd.port, patience_s=0.1)
        here.wait(timeout_s=10)
        here.close()
        assert adbd.connections >= 4


def test_wait_tries_the_next_connection_while_others_are_silent() -> None:
    with FakeAdbd(silent_connections=5) as adbd:
        here = phone(adbd.port, patience_s=20)
        start = time.monotonic()
        assert here.wait("echo up; exit 3", timeout_s=25) == Output("up\n", 3)
        assert time.monotonic() - start < 10
        here.close()


def test_wait_drops_the_old_connection() -> None:
    with FakeAdbd() as adbd:
        here = phone(adbd.port)
        here.shell("true", timeout_s=5)
        before = adbd.connections
        here.wait(timeout_s=5)
        here.close()
        assert before == 1
        assert adbd.connections > before


# Keys


def test_a_phone_that_knows_the_key_lets_us_in(keys: Path) -> None:
    with FakeAdbd(auth=1) as adbd:
        here = phone(adbd.port, keys)
        assert here.shell("echo in", timeout_s=5).text == "in\n"
        here.close()
        assert adbd.keys == []


def test_the_real_adbd_accepts_the_signature(real_adbd: Path, keys: Path, tmp_path: Path) -> None:
    trusted = tmp_path / "adb_keys"
    trusted.write_bytes((keys / "adbkey.pub").read_bytes() + b"\n")
    with RealAdbd(real_adbd, "-a", str(trusted)) as adbd:
        here = phone(adbd.port, keys)
        here.wait(timeout_s=10)
        assert here.shell("echo in", timeout_s=5).text == "in\n"
        here.close()


def test_the_real_adbd_refuses_a_key_it_does_not_know(
    real_adbd: Path, keys: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "adb_keys").touch()
    with RealAdbd(real_adbd, "-a", str(tmp_path / "adb_keys")) as adbd:
        here = phone(adbd.port, keys, patience_s=0.5)
        with pytest.raises(DeviceError, match=r"does not trust this computer|did not come back"):
            here.wait(timeout_s=1.5)
    assert "confirm the dialog" in capsys.readouterr().err


def test_a_new_key_is_offered_and_used_once_confirmed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "home" / ".android"
    with FakeAdbd(auth=2) as adbd:
        here = phone(adbd.port, folder)
        assert here.shell("echo in", timeout_s=5).text == "in\n"
        here.close()
        assert adbd.keys == [(folder / "adbkey.pub").read_bytes() + b"\0"]
    assert "confirm the dialog on the phone" in capsys.readouterr().err
    assert stat.S_IMODE((folder / "adbkey").stat().st_mode) == 0o600
    assert sorted(path.name for path in folder.iterdir()) == ["adbkey", "adbkey.pub"]


@pytest.mark.parametrize("answers", [True, False])
def test_a_phone_that_does_not_trust_us_is_told(keys: Path, answers: bool) -> None:
    with FakeAdbd(auth=-1, answers_key=answers) as adbd:
        here = phone(adbd.port, keys, patience_s=3)
        with pytest.raises(DeviceError, match="does not trust this computer") as caught:
            here.shell("true", timeout_s=5)
        assert "Unlock the phone" in caught.value.fix
        assert caught.value.unchanged == "Nothing was sent."


def test_a_missing_public_key_is_made_again(keys: Path, tmp_path: Path) -> None:
    from hardboot.transport import adb_keys

    (tmp_path / "adbkey").write_bytes((keys / "adbkey").read_bytes())
    adb_keys.signer(tmp_path)
    assert (tmp_path / "adbkey.pub").read_bytes() == (keys / "adbkey.pub").read_bytes()


@pytest.mark.parametrize(
    "content", [b"", b"junk", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_a_broken_key_is_told_and_kept(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "adbkey").write_bytes(content)
    with FakeAdbd(auth=1) as adbd, pytest.raises(InputError, match="the ADB key cannot be used"):
        phone(adbd.port, tmp_path).shell("true", timeout_s=5)
    assert (tmp_path / "adbkey").read_bytes() == content


def test_a_key_of_another_kind_is_told(tmp_path: Path) -> None:
    openssl = process.find_tool("openssl", "openssl")
    for name, options in {"ec": ["EC", "-pkeyopt", "ec_paramgen_curve:P-256"], "small": ["RSA"]}.items():
        folder = tmp_path / name
        folder.mkdir()
        if name == "small":
            options += ["-pkeyopt", "rsa_keygen_bits:1024"]
        command = [openssl, "genpkey", "-algorithm", *options, "-out", str(folder / "adbkey")]
        process.run(command, timeout_s=30)
        (folder / "adbkey.pub").write_bytes(b"key")
        with FakeAdbd(auth=1) as adbd, pytest.raises(InputError, match="not an RSA key of 2048 bits"):
            phone(adbd.port, folder).shell("true", timeout_s=5)


# A fault at every packet


def do_shell(here: Transport, _folder: Path) -> None:
    here.shell("echo some output", timeout_s=0.3)


def do_push(here: Transport, folder: Path) -> None:
    (folder / "source").write_bytes(CONTENT)
    here.push(folder / "source", "/data/pushed", mode=0o644, progress=nothing)


def do_pull(here: Transport, folder: Path) -> None:
    here.pull("/data/x", folder / "pulled", progress=nothing)


EXCHANGES: dict[str, Callable[[Transport, Path], None]] = {
    "shell": do_shell,
    "push": do_push,
    "pull": do_pull,
}
# Packets the fake sends that the exchange needs, without the answer to the client's own goodbye.
# shell: CNXN OKAY WRTE (the code may come in a second one); push and pull are counted below.
PACKETS = {"shell": 3, "push": 10, "pull": 9}


def fake() -> FakeAdbd:
    return FakeAdbd(files={"/data/x": (0o100644, CONTENT)})


@pytest.mark.parametrize("name", EXCHANGES)
def test_the_exchange_needs_as_many_packets_as_are_broken_below(name: str, tmp_path: Path) -> None:
    with fake() as adbd:
        here = phone(adbd.port)
        EXCHANGES[name](here, tmp_path)
        here.shell("true", timeout_s=5)  # so that the fake has seen the goodbye
        here.close()
        needed = adbd.sent.index(b"CLSE")
    assert PACKETS[name] <= needed
    if name != "shell":
        assert PACKETS[name] == needed


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("name", "number"), [(name, i) for name, count in PACKETS.items() for i in range(count)]
)
def test_a_fault_at_any_packet_is_a_device_error(name: str, number: int, fault: str, tmp_path: Path) -> None:
    moved = tmp_path / "pulled"
    with fake() as adbd:
        adbd.faults[number] = fault
        here = phone(adbd.port, patience_s=0.15)
        with pytest.raises(DeviceError) as caught:
            EXCHANGES[name](here, tmp_path)
        assert caught.value.what.startswith(f"the phone at 127.0.0.1:{adbd.port} ")
        assert caught.value.fix
        assert (caught.value.unchanged == "Nothing was sent.") == (number == 0)
        assert not moved.exists()
        assert not list(tmp_path.glob(".*"))
        # The next exchange works: the broken connection was dropped.
        assert phone_again(here) == "again\n"
        here.close()


@pytest.mark.parametrize("number", range(PACKETS["pull"]))
def test_a_length_beyond_the_protocol_is_not_waited_for(number: int, tmp_path: Path) -> None:
    with fake() as adbd:
        adbd.faults[number] = "huge length"
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="bytes, which is not an ADB packet"):
            do_pull(here, tmp_path)
        here.close()


def phone_again(here: Transport) -> str:
    end = time.monotonic() + 10
    while True:
        try:
            return here.shell("echo again", timeout_s=5).text
        except DeviceError:
            if time.monotonic() > end:
                raise
