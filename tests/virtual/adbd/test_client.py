"""The virtual phone's adbd, spoken to by the real client."""

import hashlib
import os
import random
import re
import stat
import subprocess
from pathlib import Path

import pytest
from adb_client import Adb
from virtual_adbd import (
    AID_SHELL,
    IS_ROOT,
    Connect,
    Phone,
    Start,
    alive,
    descendants,
    random_file,
    sha256,
    wait_for_end,
    wait_until,
)


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
    wait_for_end(pid, "the shell is hung up")
    wait_until(lambda: len(descendants(phone.daemon.pid)) == 1, "only the connection is left")
    phone.good("shell", "true")
    wait_until(lambda: len(descendants(phone.daemon.pid)) == 1, "nothing stays of a finished command")
