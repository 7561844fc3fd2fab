"""The virtual phone's adbd and su, built for this computer and spoken to by real ADB clients."""

import contextlib
import hashlib
import os
import random
import re
import shutil
import socket
import stat
import struct
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from real_adb import Adb

SOURCES = Path(__file__).parents[1] / "hardboot" / "virtual" / "phone"
WARNINGS = ["-O2", "-Wall", "-Wextra", "-Werror"]
SANITIZERS = ["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]
VERSION, OLD_VERSION = 0x01000001, 0x01000000
MAX_STREAMS = 64
AID_SHELL = 2000
IS_ROOT = os.geteuid() == 0


def tool(name: str) -> str:
    path = shutil.which(name)
    if path is None:
        pytest.fail(f"{name} is needed for these tests and is not installed")
    return path


def compile_c(compiler: str, sources: list[Path], output: Path, *options: str) -> Path:
    command = [tool(compiler), *WARNINGS, *options, "-o", str(output), *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    return output


def wait_until(condition: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + 20
    while not condition():
        if time.monotonic() > deadline:
            pytest.fail(f"waited in vain: {what}")
        time.sleep(0.02)


@dataclass(frozen=True)
class Daemon:
    port: int
    pid: int
    scratch: Path

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self.port}"


Start = Callable[..., Daemon]


@pytest.fixture(scope="module")
def adbd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    output = tmp_path_factory.mktemp("bin") / "adbd"
    return compile_c("gcc", sorted(SOURCES.glob("adbd*.c")), output, *SANITIZERS)


@pytest.fixture
def start(adbd: Path, tmp_path: Path) -> Iterator[Start]:
    """Start daemons that end with the test; whatever a sanitizer says fails it."""
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    shell = tmp_path / "sh"  # the phone's PATH leads nowhere here
    shell.write_text('#!/bin/sh\nPATH=/usr/bin:/bin exec /bin/sh "$@"\n')
    shell.chmod(0o755)
    with contextlib.ExitStack() as stack:

        def start_one(*options: str) -> Daemon:
            common = ["-b", "127.0.0.1", "-p", "0", "-u", str(os.geteuid()), "-s", str(shell)]
            log = tmp_path / f"adbd-{time.monotonic_ns()}.log"
            groups = [1, 2] if IS_ROOT else None  # what services must not keep
            with log.open("wb") as output:
                process = subprocess.Popen(
                    ["nohup", str(adbd), *common, *options],  # its services do not inherit that
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    extra_groups=groups,
                )

            def stop() -> None:
                assert process.poll() is None, log.read_text()
                process.terminate()
                process.wait(10)
                assert "Sanitizer" not in log.read_text()
                assert "runtime error" not in log.read_text()

            stack.callback(stop)
            wait_until(lambda: "listening on" in log.read_text() or process.poll() is not None, "adbd starts")
            found = re.search(r"listening on 127\.0\.0\.1:(\d+)", log.read_text())
            assert found, log.read_text()
            return Daemon(int(found[1]), process.pid, scratch)

        yield start_one


@pytest.fixture
def daemon(start: Start) -> Daemon:
    return start("-B", "omni_virt;Virtual Phone;virt")


class Phone:
    """One daemon as the real client sees it."""

    def __init__(self, adb: Adb, daemon: Daemon) -> None:
        self.adb, self.daemon = adb, daemon

    def __call__(self, *arguments: object, stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        return self.adb.run("-s", self.daemon.serial, *arguments, stdin=stdin)

    def good(self, *arguments: object, stdin: bytes = b"") -> bytes:
        done = self(*arguments, stdin=stdin)
        assert done.returncode == 0, (done.stdout, done.stderr)
        return done.stdout


Connect = Callable[[Daemon], Phone]


@pytest.fixture
def connect(adb: Adb) -> Iterator[Connect]:
    with contextlib.ExitStack() as stack:

        def connect_one(daemon: Daemon) -> Phone:
            stack.callback(adb.run, "disconnect", daemon.serial)
            assert b"connected to" in adb.run("connect", daemon.serial).stdout
            return Phone(adb, daemon)

        yield connect_one


@pytest.fixture
def phone(connect: Connect, daemon: Daemon) -> Phone:
    return connect(daemon)


def random_file(path: Path, size: int) -> str:
    data = random.Random(size).randbytes(size)
    path.write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def alive(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists() and process_state(pid)[0] != "Z"


def process_state(pid: int) -> tuple[str, int]:
    """State letter and parent of a process."""
    with contextlib.suppress(OSError):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return fields[0], int(fields[1])
    return "", 0


def descendants(pid: int) -> set[int]:
    parents = {int(entry.name): process_state(int(entry.name))[1] for entry in Path("/proc").glob("[0-9]*")}
    found = {pid}
    while more := {child for child, parent in parents.items() if parent in found} - found:
        found |= more
    return found - {pid}


# ---- the real client


def test_the_client_shows_the_names_of_the_banner(adb: Adb, phone: Phone) -> None:
    assert phone.good("get-state") == b"device\n"
    line = next(
        line for line in adb.run("devices", "-l").stdout.decode().splitlines() if phone.daemon.serial in line
    )
    assert "product:omni_virt model:Virtual_Phone device:virt" in line
    assert b"shell_v2" in phone.good("features")


def test_shell_tells_output_errors_and_exit_code_apart(phone: Phone) -> None:
    done = phone("shell", "echo out; echo err >&2; exit 7")
    assert (done.stdout, done.stderr, done.returncode) == (b"out\n", b"err\n", 7)
    assert phone("shell", "kill -9 $$").returncode == 128 + 9
    assert phone("shell", "exit 255").returncode == 255


def test_shell_hands_stdin_to_the_command(phone: Phone) -> None:
    data = random.Random(1).randbytes(1_000_000)
    assert phone.good("shell", "cat", stdin=data) == data
    assert phone.good("shell", "cat", stdin=b"") == b""
    assert phone.good("shell", "head -c 3", stdin=data) == data[:3]


def test_shell_of_many_outputs_at_once_loses_nothing(phone: Phone) -> None:
    done = phone("shell", "head -c 3000000 /dev/zero & head -c 2000000 /dev/zero >&2; wait")
    assert (len(done.stdout), len(done.stderr)) == (3_000_000, 2_000_000)


def test_a_command_that_closed_its_output_still_ends_with_its_own_code(phone: Phone) -> None:
    marker = phone.daemon.scratch / "done"
    done = phone("shell", f"exec >&- 2>&-; cat > {marker}; exit 3", stdin=b"late")
    assert done.returncode == 3
    assert marker.read_bytes() == b"late"


def test_a_pty_is_a_terminal_and_keeps_the_exit_code(phone: Phone) -> None:
    done = phone("shell", "-tt", "tty; test -t 0 && test -t 1 && test -t 2 && exit 5")
    assert done.stdout.startswith(b"/dev/pts/")
    assert done.returncode == 5


def test_an_interactive_shell_takes_commands(phone: Phone) -> None:
    done = phone("shell", "-tt", stdin=b"echo $((20+22)); exit 6\n")
    assert b"42\r\n" in done.stdout
    assert done.returncode == 6
    plain = phone("shell", stdin=b"echo $((20+22)); exit 6\n")  # no terminal here, none there
    assert (plain.stdout, plain.returncode) == (b"42\n", 6)


def test_commands_run_in_the_root_folder_with_androids_environment(phone: Phone) -> None:
    lines = phone.good("shell", "pwd; env").decode().splitlines()
    assert lines[0] == "/"
    assert {"ANDROID_DATA=/data", "TMPDIR=/data/local/tmp", "HOME=/"} <= set(lines)


def test_exec_out_is_binary(phone: Phone) -> None:
    digest = random_file(phone.daemon.scratch / "in", 3_000_001)
    data = phone.good("exec-out", f"cat {phone.daemon.scratch}/in")
    assert hashlib.sha256(data).hexdigest() == digest


def test_push_and_pull_keep_bytes_time_and_permissions(phone: Phone, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    there = phone.daemon.scratch / "new" / "folder" / "file"  # the folders are made on the way
    digest = random_file(source, 200_003)
    source.chmod(0o750)
    os.utime(source, (1_500_000_000, 1_500_000_000))
    phone.good("push", source, there)
    assert sha256(there) == digest
    assert stat.S_IMODE(there.stat().st_mode) == 0o777  # adbd gives everybody what the user has
    assert there.stat().st_mtime == 1_500_000_000
    phone.good("pull", "-a", there, back)
    assert sha256(back) == digest
    assert back.stat().st_mtime == 1_500_000_000


def test_push_replaces_a_file_and_not_what_it_links_to(phone: Phone, tmp_path: Path) -> None:
    other, link = phone.daemon.scratch / "other", phone.daemon.scratch / "link"
    other.write_text("other")
    link.symlink_to(other)
    (tmp_path / "new").write_text("new")
    phone.good("push", tmp_path / "new", link)
    assert other.read_text() == "other"
    assert not link.is_symlink()
    assert link.read_text() == "new"


def test_a_tree_goes_there_and_back(phone: Phone, tmp_path: Path) -> None:
    tree = tmp_path / "tree"
    for name, size in {"a": 0, "b/c": 1, "b/d/e": 70_000, "b/ä b'c": 5}.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        random_file(tree / name, size)
    phone.good("push", tree, phone.daemon.scratch / "copy")
    phone.good("pull", phone.daemon.scratch / "copy", tmp_path / "back")
    hashes = [
        {path.relative_to(root): sha256(path) for path in root.rglob("*") if path.is_file()}
        for root in (tree, phone.daemon.scratch / "copy", tmp_path / "back")
    ]
    assert hashes[0] == hashes[1] == hashes[2]
    assert len(hashes[0]) == 4


def test_a_large_file_goes_there_and_back(phone: Phone, tmp_path: Path) -> None:
    digest = random_file(tmp_path / "big", 64 << 20)
    phone.good("push", tmp_path / "big", phone.daemon.scratch / "big")
    assert sha256(phone.daemon.scratch / "big") == digest
    phone.good("pull", phone.daemon.scratch / "big", tmp_path / "back")
    assert sha256(tmp_path / "back") == digest


def test_the_smallest_packets_carry_everything(start: Start, connect: Connect, tmp_path: Path) -> None:
    phone = connect(start("-m", "4096"))
    digest = random_file(tmp_path / "file", 1_000_001)
    phone.good("push", tmp_path / "file", phone.daemon.scratch / "file")
    phone.good("pull", phone.daemon.scratch / "file", tmp_path / "back")
    assert sha256(tmp_path / "back") == digest
    assert sha256(phone.daemon.scratch / "file") == digest
    data = (tmp_path / "file").read_bytes()
    assert phone.good("shell", "cat", stdin=data) == data


def test_ls_names_files_with_size_and_mode(phone: Phone) -> None:
    random_file(phone.daemon.scratch / "file", 0x1234)
    (phone.daemon.scratch / "file").chmod(0o640)
    listing = phone.good("ls", phone.daemon.scratch).decode()
    assert re.search(r"^000081a0 00001234 [0-9a-f]{8} file$", listing, re.MULTILINE)
    assert re.search(r"^0000?41[0-9a-f]{2} [0-9a-f]{8} [0-9a-f]{8} \.$", listing, re.MULTILINE)


def test_a_failing_push_or_pull_says_why_and_the_next_one_works(phone: Phone, tmp_path: Path) -> None:
    random_file(tmp_path / "file", 3_000_000)
    for target, why in {
        "/proc/no/file": b"couldn't create file",
        "/dev/full": b"No space left on device",
    }.items():
        done = phone("push", tmp_path / "file", target)
        assert done.returncode != 0
        assert why in done.stdout + done.stderr
    done = phone("pull", phone.daemon.scratch / "absent", tmp_path / "back")
    assert done.returncode != 0
    assert b"No such file" in done.stdout + done.stderr
    phone.good("push", tmp_path / "file", phone.daemon.scratch / "file")


@pytest.mark.parametrize("reason", ["", "recovery", "bootloader"])
def test_reboot_runs_the_program_with_the_reason(
    start: Start, connect: Connect, tmp_path: Path, reason: str
) -> None:
    program, seen = tmp_path / "reboot", tmp_path / "seen"
    program.write_text(f'#!/bin/sh\necho "$#:$1" > {seen}.new && mv {seen}.new {seen}\n')
    program.chmod(0o755)
    phone = connect(start("-R", str(program)))
    arguments = ["reboot", reason] if reason else ["reboot"]
    command = phone.adb.command("-s", phone.daemon.serial, *arguments)
    with subprocess.Popen(command, env=phone.adb.environment) as client:
        wait_until(seen.exists, "the reboot program runs")
        client.terminate()  # it would wait until the phone is gone
    assert seen.read_text() == (f"1:{reason}\n" if reason else "0:\n")


def test_a_failing_reboot_is_told(start: Start, connect: Connect) -> None:
    assert b"reboot failed" in connect(start("-R", "/bin/false")).good("reboot")


def test_root_is_refused_as_on_a_production_phone(phone: Phone) -> None:
    assert phone("root").stdout == b"adbd cannot run as root in production builds\n"
    assert phone("unroot").stdout == b"adbd not running as root\n"
    assert b"Not running as root" in phone("remount").stdout
    assert phone.good("shell", "echo still here") == b"still here\n"


def test_a_root_daemon_runs_commands_as_shell(start: Start, connect: Connect) -> None:
    phone = connect(start("-u", str(AID_SHELL), "-s", "/bin/sh"))
    uid = AID_SHELL if IS_ROOT else os.geteuid()
    assert phone.good("shell", "/usr/bin/id -u") == f"{uid}\n".encode()
    if IS_ROOT:
        assert phone.good("shell", "/usr/bin/id -G") == b"2000\n"
        assert phone("shell", "echo > /etc/hardboot-test").returncode != 0
        assert b"Permission denied" in phone("push", __file__, "/etc/hardboot-test").stdout


def test_commands_end_with_their_client_and_leave_no_zombies(phone: Phone) -> None:
    pid_file = phone.daemon.scratch / "pid"
    command = phone.adb.command("-s", phone.daemon.serial, "shell", f"echo $$ > {pid_file}; sleep 1000")
    with subprocess.Popen(command, env=phone.adb.environment) as client:
        wait_until(lambda: pid_file.exists() and pid_file.read_text() != "", "the command runs")
        pid = int(pid_file.read_text())
        assert alive(pid)
        client.kill()
    wait_until(lambda: not alive(pid), "the shell is hung up")
    wait_until(lambda: len(descendants(phone.daemon.pid)) == 1, "only the connection is left")
    phone.good("shell", "true")
    wait_until(lambda: len(descendants(phone.daemon.pid)) == 1, "nothing stays of a finished command")


# ---- authorisation


def keygen(adb: Adb, path: Path) -> Path:
    adb.run("keygen", path)
    return path


def public_key_line(key: int, exponent: int) -> str:
    """An adb_keys line as Android's libcrypto_utils lays it out, made by other means than the daemon's."""
    import base64

    words = struct.pack("<II", 64, pow(-key, -1, 1 << 32))
    body = key.to_bytes(256, "little") + pow(2, 4096, key).to_bytes(256, "little")
    return base64.b64encode(words + body + struct.pack("<I", exponent)).decode() + " a@comment\n"


def test_a_client_without_a_known_key_stays_outside(adb: Adb, start: Start, tmp_path: Path) -> None:
    keys = tmp_path / "adb_keys"
    keys.write_text(keygen(adb, tmp_path / "stranger").with_suffix(".pub").read_text())
    daemon = start("-a", str(keys))
    assert b"failed to authenticate" in adb.run("connect", daemon.serial).stdout
    shell = adb.run("-s", daemon.serial, "shell", "echo inside")
    assert b"inside" not in shell.stdout
    assert b"unauthorized" in shell.stderr
    adb.run("disconnect", daemon.serial)


def test_a_client_with_a_known_key_is_let_in(
    adb: Adb, start: Start, connect: Connect, tmp_path: Path
) -> None:
    keys = tmp_path / "adb_keys"
    stranger = keygen(adb, tmp_path / "stranger").with_suffix(".pub").read_text()
    own = (adb.home / ".android" / "adbkey.pub").read_text().strip()
    keys.write_text(f"# nonsense\n\n{stranger.strip()}\n{own}\n")
    assert connect(start("-a", str(keys))).good("shell", "echo inside") == b"inside\n"


def test_no_keys_file_means_nobody(start: Start, tmp_path: Path) -> None:
    with Raw(start("-a", str(tmp_path / "absent")).port) as raw:
        raw.challenge()
        raw.send(b"AUTH", 2, 0, bytes(256))
        assert raw.receive()[0] == b"AUTH"


@pytest.mark.parametrize("exponent", [3, 65537])
def test_only_a_signature_of_this_very_token_counts(start: Start, tmp_path: Path, exponent: int) -> None:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import padding, rsa, utils

    modulus = 3 << 2046
    while modulus >= 3 << 2046:  # small enough for signature + modulus to fit into 2048 bits at times
        key = rsa.generate_private_key(public_exponent=exponent, key_size=2048)
        modulus = key.public_key().public_numbers().n
    keys = tmp_path / "adb_keys"
    keys.write_text(public_key_line(modulus, exponent))
    daemon = start("-a", str(keys))

    def sign(token: bytes) -> bytes:
        return key.sign(token, padding.PKCS1v15(), utils.Prehashed(hashes.SHA1()))

    with Raw(daemon.port) as raw:
        first = token = raw.challenge()
        while int.from_bytes(sign(token), "big") + modulus >= 1 << 2048:
            raw.send(b"AUTH", 2, 0)
            first = token = raw.receive()[3]
        good = sign(token)
        wrong = [
            (int.from_bytes(good, "big") + modulus).to_bytes(256, "big"),
            good[:-1] + bytes([good[-1] ^ 1]),
            good[1:],
            b"",
            bytes(256),
            b"\xff" * 256,
            good[::-1],
        ]
        for signature in wrong:
            raw.send(b"AUTH", 2, 0, signature)
            command, kind, _, fresh = raw.receive()
            assert (command, kind) == (b"AUTH", 1)
            assert fresh != token
            token = fresh
        raw.send(b"AUTH", 2, 0, sign(first))  # right once, not any more
        token = raw.receive()[3]
        raw.send(b"OPEN", 1, 0, b"shell:echo\0")  # not answered: nobody is in yet
        raw.send(b"AUTH", 3, 0, keys.read_bytes() + b"\0")  # nor does asking the owner help
        raw.send(b"AUTH", 2, 0, sign(token))
        assert raw.receive()[0] == b"CNXN"


def test_guessing_signatures_ends(start: Start, tmp_path: Path) -> None:
    with Raw(start("-a", str(tmp_path / "absent")).port) as raw:
        raw.challenge()
        for _ in range(64):
            raw.send(b"AUTH", 2, 0, bytes(256))
            raw.receive()
        raw.send(b"AUTH", 2, 0, bytes(256))
        raw.expect_end()


# ---- the Python clients


def test_adb_shell_works_with_a_key(adb: Adb, start: Start, tmp_path: Path) -> None:
    from adb_shell.adb_device import AdbDeviceTcp
    from adb_shell.auth.sign_pythonrsa import PythonRSASigner

    key = keygen(adb, tmp_path / "key")
    daemon = start("-a", str(key.with_suffix(".pub")))
    device = AdbDeviceTcp("127.0.0.1", daemon.port, default_transport_timeout_s=10)
    try:
        assert device.connect(rsa_keys=[PythonRSASigner.FromRSAKeyPath(str(key))], auth_timeout_s=5)
        assert device.shell("echo hello; echo error >&2") == "hello\nerror\n"
        digest = random_file(tmp_path / "file", 2_000_001)
        device.push(
            str(tmp_path / "file"), str(daemon.scratch / "file"), st_mode=0o100600, mtime=1_400_000_000
        )
        assert sha256(daemon.scratch / "file") == digest
        assert device.stat(str(daemon.scratch / "file")) == (0o100666, 2_000_001, 1_400_000_000)
        device.pull(str(daemon.scratch / "file"), str(tmp_path / "back"))
        assert sha256(tmp_path / "back") == digest
        assert [entry.filename for entry in device.list(str(daemon.scratch)) if entry.size == 2_000_001] == [
            b"file"
        ]
        assert b"".join(device.streaming_shell("head -c 100000 /dev/zero", decode=False)) == bytes(100_000)
        assert "42" in device.exec_out("echo $((20+22))")
    finally:
        device.close()


def test_adb_shell_with_another_key_is_refused(adb: Adb, start: Start, tmp_path: Path) -> None:
    from adb_shell.adb_device import AdbDeviceTcp
    from adb_shell.auth.sign_pythonrsa import PythonRSASigner
    from adb_shell.exceptions import AdbTimeoutError, TcpTimeoutException

    key, other = keygen(adb, tmp_path / "key"), keygen(adb, tmp_path / "other")
    daemon = start("-a", str(key.with_suffix(".pub")))
    device = AdbDeviceTcp("127.0.0.1", daemon.port, default_transport_timeout_s=5)
    try:
        with pytest.raises((AdbTimeoutError, TcpTimeoutException)):
            device.connect(rsa_keys=[PythonRSASigner.FromRSAKeyPath(str(other))], auth_timeout_s=0.3)
    finally:
        device.close()


def test_adbutils_works_through_the_server(adb: Adb, phone: Phone, tmp_path: Path) -> None:
    import adbutils

    device = adbutils.AdbClient(host="127.0.0.1", port=adb.port, socket_timeout=10).device(
        phone.daemon.serial
    )
    assert device.shell("echo hello") == "hello"
    result = device.shell2("echo out; echo err >&2; exit 4", v2=True)
    assert (result.returncode, result.stdout, result.stderr) == (4, "out\n", "err\n")
    digest = random_file(tmp_path / "file", 500_000)
    device.sync.push(tmp_path / "file", f"{phone.daemon.scratch}/file")
    assert sha256(phone.daemon.scratch / "file") == digest
    device.sync.pull(f"{phone.daemon.scratch}/file", tmp_path / "back")
    assert sha256(tmp_path / "back") == digest
    assert device.sync.stat(f"{phone.daemon.scratch}/file").size == 500_000
    assert [entry.path for entry in device.sync.list(str(phone.daemon.scratch))].count("file") == 1


# ---- packets by hand


class Raw:
    """A client that can also break the rules."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=10)

    def __enter__(self) -> "Raw":
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    @staticmethod
    def packet(command: bytes, arg0: int, arg1: int, data: bytes = b"", **wrong: int) -> bytes:
        number = int.from_bytes(command, "little")
        fields = {"size": len(data), "sum": sum(data), "magic": number ^ 0xFFFFFFFF} | wrong
        return struct.pack("<6I", number, arg0, arg1, fields["size"], fields["sum"], fields["magic"]) + data

    def send(self, command: bytes, arg0: int, arg1: int, data: bytes = b"", **wrong: int) -> None:
        self.socket.sendall(self.packet(command, arg0, arg1, data, **wrong))

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.socket.recv(size - len(data))
            assert more, "the daemon ended the connection"
            data += more
        return data

    def receive(self) -> tuple[bytes, int, int, bytes]:
        command, arg0, arg1, size, total, magic = struct.unpack("<6I", self.read(24))
        assert magic == command ^ 0xFFFFFFFF
        data = self.read(size)
        assert total in (sum(data), 0)
        return command.to_bytes(4, "little"), arg0, arg1, data

    def expect_end(self) -> None:
        with contextlib.suppress(ConnectionResetError):
            assert self.socket.recv(1) == b""

    def expect_silence(self) -> None:
        self.socket.settimeout(0.2)
        with pytest.raises(TimeoutError):
            self.socket.recv(1)
        self.socket.settimeout(10)

    def greet(self, version: int = VERSION, max_data: int = 4096) -> int:
        self.send(b"CNXN", version, max_data, b"host::\0")
        command, _, effective, banner = self.receive()
        assert command == b"CNXN"
        assert banner.startswith(b"device::ro.product.name=")
        return effective

    def challenge(self) -> bytes:
        self.send(b"CNXN", VERSION, 4096, b"host::\0")
        command, kind, _, token = self.receive()
        assert (command, kind, len(token)) == (b"AUTH", 1, 20)
        return token

    def open(self, service: bytes, local: int = 1) -> int:
        self.send(b"OPEN", local, 0, service + b"\0")
        command, remote, echoed, _ = self.receive()
        assert (command, echoed) == (b"OKAY", local)
        return remote

    def exchange(self, remote: int, data: bytes, size: int) -> bytes:
        """Write to stream 1, then read `size` bytes of answer."""
        for begin in range(0, len(data), 4096):
            self.send(b"WRTE", 1, remote, data[begin : begin + 4096])
        answer = b""
        acknowledged = not data
        while len(answer) < size or not acknowledged:
            command, _, _, more = self.receive()
            assert command in (b"OKAY", b"WRTE")
            acknowledged |= command == b"OKAY"
            if command == b"WRTE":
                self.send(b"OKAY", 1, remote)
                answer += more
        assert len(answer) == size
        return answer


def assert_serves(daemon: Daemon) -> None:
    with Raw(daemon.port) as raw:
        raw.greet()
        remote = raw.open(b"shell:echo alive")
        assert raw.receive() == (b"WRTE", remote, 1, b"alive\n")


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
            wait_until(lambda pid=int(found[1]): not alive(pid), "the command is hung up")  # type: ignore[misc]


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


# ---- sync by hand


def sync(identifier: bytes, body: bytes = b"") -> bytes:
    return identifier + struct.pack("<I", len(body)) + body


@pytest.fixture
def raw(daemon: Daemon) -> Iterator[Raw]:
    with Raw(daemon.port) as client:
        client.greet()
        yield client


def test_a_push_cut_short_leaves_nothing_behind(daemon: Daemon) -> None:
    target = daemon.scratch / "half"
    with Raw(daemon.port) as raw:
        raw.greet()
        remote = raw.open(b"sync:")
        raw.exchange(remote, sync(b"SEND", f"{target},33188".encode()) + sync(b"DATA", bytes(1000)), 0)
        wait_until(lambda: target.exists() and target.stat().st_size == 1000, "the first half is there")
    wait_until(lambda: not target.exists(), "the half file is removed")
    assert_serves(daemon)


def test_version_2_of_send_and_receive_works(daemon: Daemon, raw: Raw) -> None:
    target = str(daemon.scratch / "v2").encode()
    remote = raw.open(b"sync:")
    request = sync(b"SND2", target) + b"SND2" + struct.pack("<II", 0o100644, 0)
    content = sync(b"DATA", b"content") + b"DONE" + struct.pack("<I", 1_600_000_000)
    assert raw.exchange(remote, request + content, 8) == sync(b"OKAY")
    assert (daemon.scratch / "v2").read_bytes() == b"content"
    assert (daemon.scratch / "v2").stat().st_mtime == 1_600_000_000
    request = sync(b"RCV2", target) + b"RCV2" + struct.pack("<I", 0)
    assert raw.exchange(remote, request, 23) == sync(b"DATA", b"content") + sync(b"DONE")
    request = sync(b"RCV2", target) + b"RCV2" + struct.pack("<I", 1)  # brotli: not announced
    assert raw.exchange(remote, request, 39) == sync(b"FAIL", b"unknown flags: Invalid argument")


def test_version_2_of_stat_and_list_tell_all_fields(daemon: Daemon, raw: Raw) -> None:
    target, link = daemon.scratch / "file", daemon.scratch / "link"
    random_file(target, 1234)
    link.symlink_to("file")
    later = time.time() + 3600  # an access time that following the link does not move
    for path in (target, link):
        os.utime(path, (later, 1_500_000_000), follow_symlinks=False)
    remote = raw.open(b"sync:")
    layout = "<4sIQQIIIIQqqq"
    for identifier, path, real in (
        (b"STA2", target, target.stat()),
        (b"STA2", link, link.stat()),
        (b"LST2", link, link.lstat()),
    ):
        answer = struct.unpack(layout, raw.exchange(remote, sync(identifier, str(path).encode()), 72))
        owner = (real.st_nlink, real.st_uid, real.st_gid)
        times = (int(real.st_atime), int(real.st_mtime), int(real.st_ctime))
        place = (real.st_dev, real.st_ino, real.st_mode)
        assert answer == (identifier, 0, *place, *owner, real.st_size, *times)
    answer = struct.unpack(layout, raw.exchange(remote, sync(b"STA2", b"/no/such/file"), 72))
    assert answer[:5] == (b"STA2", 2, 0, 0, 0)
    listing = raw.exchange(remote, sync(b"LIS2", str(daemon.scratch).encode()), 5 * 76 + len("...filelink"))
    names, at = {}, 0
    while listing[at : at + 4] == b"DNT2":
        fields = struct.unpack_from(layout + "I", listing, at)
        names[listing[at + 76 : at + 76 + fields[12]]] = fields[3]
        at += 76 + fields[12]
    assert listing[at:] == b"DONE" + bytes(72)
    assert names.keys() == {b".", b"..", b"file", b"link"}
    assert names[b"link"] == link.lstat().st_ino


def test_symbolic_links_are_made_with_their_folders(daemon: Daemon, raw: Raw) -> None:
    link = daemon.scratch / "new" / "link"
    remote = raw.open(b"sync:")
    request = sync(b"SEND", f"{link},{0o120777}".encode()) + sync(b"DATA", b"tar") + sync(b"DATA", b"get")
    assert raw.exchange(remote, request + b"DONE" + struct.pack("<I", 1_500_000_000), 8) == sync(b"OKAY")
    assert os.readlink(link) == "target"  # noqa: PTH115 (the text itself)
    assert link.lstat().st_mtime == 1_500_000_000


@pytest.mark.parametrize(
    ("request_bytes", "answer"),
    [
        (sync(b"STAT", b"/" * 1025), b"path too long: File name too long"),
        (b"STAT" + struct.pack("<I", 0xFFFFFFFF), b"path too long: File name too long"),
        (sync(b"XXXX", b"/"), b"unknown command: Invalid argument"),
        (sync(b"SEND", b"/dev/null,33188") + b"DATA" + struct.pack("<I", 0x10001), b"oversize data message"),
        (sync(b"SEND", b"/dev/null,33188") + sync(b"STAT"), b"invalid data message"),
    ],
    ids=["long path", "huge path", "unknown", "oversize data", "not data"],
)
def test_a_broken_sync_message_fails_and_ends_the_stream(
    daemon: Daemon, raw: Raw, request_bytes: bytes, answer: bytes
) -> None:
    remote = raw.open(b"sync:")
    assert raw.exchange(remote, request_bytes, 8 + len(answer)) == sync(b"FAIL", answer)
    assert raw.receive()[:3] == (b"CLSE", remote, 1)
    assert_serves(daemon)


@pytest.mark.parametrize("spec", [b"/tmp/x", b"/tmp/x,", b"/tmp/x,0x", b"/tmp/x,12y"])
def test_a_send_without_a_mode_is_refused_and_the_stream_goes_on(raw: Raw, spec: bytes) -> None:
    remote = raw.open(b"sync:")
    request = sync(b"SEND", spec) + sync(b"DATA", b"abc") + sync(b"DONE")
    assert raw.exchange(remote, request, 34) == sync(b"FAIL", b"bad mode: Invalid argument")
    assert raw.exchange(remote, sync(b"STAT", b"/no/such/file"), 16) == b"STAT" + bytes(12)


# ---- su


@pytest.fixture(scope="module")
def su() -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as folder:  # pytest's own folders are closed to other users
        Path(folder).chmod(0o755)
        path = compile_c("gcc", [SOURCES / "su.c"], Path(folder) / "su", '-DSHELL_PATH="/bin/sh"')
        path.chmod(0o4755)
        yield path


def run_su(
    su: Path, *arguments: str, uid: int | None = None, stdin: str = ""
) -> subprocess.CompletedProcess[str]:
    groups: list[int] | None = None if uid is None else []
    return subprocess.run(
        [str(su), *arguments],
        input=stdin,
        capture_output=True,
        text=True,
        timeout=10,
        cwd="/",
        user=uid,
        group=uid,
        extra_groups=groups,
    )


def test_su_tells_its_version_to_anybody(su: Path) -> None:
    assert run_su(su, "-v").stdout == "1.0:hardboot virtual phone\n"


@pytest.mark.parametrize("arguments", [["-x"], ["-c"], ["0", "-c"], ["1000", "id"], ["system"], [""]])
def test_su_refuses_what_it_does_not_know(su: Path, arguments: list[str]) -> None:
    done = run_su(su, *arguments)
    assert done.returncode == 2
    assert "usage: su" in done.stderr


@pytest.mark.skipif(not IS_ROOT, reason="only root can make a program setuid root")
@pytest.mark.parametrize("uid", [0, AID_SHELL])
def test_su_makes_root_of_shell_and_keeps_the_exit_code(su: Path, uid: int) -> None:
    for arguments in (
        ["-c", "/usr/bin/id -u; exit 7"],
        ["-c", "/usr/bin/id", "-u; exit 7"],
        ["0", "-c", "/usr/bin/id -u; exit 7"],
        ["0", "/bin/sh", "-c", "/usr/bin/id -u; exit 7"],
        ["root", "/bin/sh", "-c", "/usr/bin/id -u; exit 7"],
    ):
        done = run_su(su, *arguments, uid=uid)
        assert (done.stdout, done.returncode) == ("0\n", 7), arguments
    assert run_su(su, uid=uid, stdin="/usr/bin/id -G; exit 3\n").stdout == "0\n"
    assert run_su(su, "0", "/no/such/program", uid=uid).returncode == 127


@pytest.mark.skipif(not IS_ROOT, reason="only root can become another user")
def test_su_refuses_other_users_and_a_foreign_environment(su: Path) -> None:
    done = run_su(su, "-c", "id", uid=12345)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", "su: not allowed\n")
    done = subprocess.run(
        [su, "-c", "echo $PATH $EVIL"],
        env={"PATH": "/evil", "EVIL": "1"},
        capture_output=True,
        text=True,
        timeout=10,
    )
    assert done.stdout.startswith("/sbin:/system/sbin:")
    assert "evil" not in done.stdout
    assert not done.stdout.endswith("1\n")


# ---- the phone's own build


def test_the_programs_compile_for_the_phone_without_a_warning(tmp_path: Path) -> None:
    for name in ("adbd", "su"):
        sources = sorted(SOURCES.glob(f"{name}*.c"))
        output = compile_c("arm-linux-gnueabihf-gcc", sources, tmp_path / name, "-static")
        assert output.read_bytes()[:5] == b"\x7fELF\x01"
