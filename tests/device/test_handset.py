"""One connected phone: how root is found, and how few commands files and questions take."""

import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import cast

import pytest
from adbds import VirtualAdbd

from hardboot import profile
from hardboot.base.errors import DeviceError
from hardboot.base.files import sha256_file
from hardboot.device import copies, cpus, handset, host, record, staging
from hardboot.device.copies import Copy
from hardboot.device.handset import Handset
from hardboot.device.phone import Phone
from hardboot.device.shells import FIND_ROOT, ROOT_SHELLS, parse_root_shell
from hardboot.flows import planning, quiesce
from hardboot.suggest.findings import COMMANDS
from hardboot.transport.base import SHELL, Output, Transport
from hardboot.transport.direct import AdbTcp
from hardboot.transport.exit_codes import CommandBatch
from hardboot.transport.server_requests import SERVICE_MAX

ID = '[ "$1" = -u ] && echo "${FAKE_UID-2000}"'
MAGISK = '[ "$1" = -c ] && FAKE_UID=0 exec sh -c "$2"; echo unknown user >&2; exit 1'
AOSP = '[ "$1" = 0 ] && shift && FAKE_UID=0 exec "$@"; echo invalid option >&2; exit 1'


@pytest.mark.parametrize(
    ("id_program", "su", "way"),
    [
        ("echo 0", None, "sh -c {}"),
        (ID, MAGISK, "su -c {}"),
        (ID, AOSP, "su 0 sh -c {}"),
        (ID, None, None),
        (ID, "echo Permission denied; exit 1", None),
        (ID, "echo 0 is not granted; exit 1", None),
    ],
)
def test_root_is_found_the_way_the_phone_grants_it(
    tmp_path: Path, id_program: str, su: str | None, way: str | None
) -> None:
    for name, script in (("id", id_program), ("su", su)):
        if script is not None:
            (tmp_path / name).write_text(f"#!/bin/sh\n{script}\n")
            (tmp_path / name).chmod(0o755)
    (tmp_path / "sh").symlink_to("/bin/sh")
    done = subprocess.run(
        ["/bin/sh", "-c", FIND_ROOT], env={"PATH": str(tmp_path)}, capture_output=True, text=True, timeout=20
    )
    assert parse_root_shell(Output(done.stdout, done.returncode)) == way


def together(name: str) -> list[list[str]]:
    """Return what hardboot asks the phone called `name` in one root command each."""
    me = Phone(cast(Transport, None), profile.load(name), "S")
    me._room, me._slot = 0, "a"
    asked = planning.queries(me)
    return [
        [handset.KERNEL, *host.queries(me.profile), *asked],
        [handset.KERNEL, cpus.QUERY, *asked],
        [handset.KERNEL, record.QUERY, host.IS_KEPT],
        [script for *_, script, _ in quiesce._STEPS],
        list(COMMANDS.values()),
    ]


@pytest.mark.parametrize("name", [one for one in profile.names() if profile.load(one).partitions])
def test_what_is_asked_together_fits_into_a_packet_of_an_old_phone(name: str) -> None:
    for commands in together(name):
        for way in ROOT_SHELLS:
            assert len(f"shell:{CommandBatch(commands, way).line}") < SERVICE_MAX - 1000


class Counted(AdbTcp):
    """Counts the shells that are started on the phone."""

    count = 0

    def shells(self, commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        self.count += 1
        return super().shells(commands, template=template)


@pytest.fixture
def transport(
    virtual_adbd: VirtualAdbd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Counted]:
    """Yield a real adbd whose staging folder is one of this computer, and whose commands are its own."""
    for module in (staging, copies):
        monkeypatch.setattr(module, "STAGING", str(tmp_path / "staging"))
    with virtual_adbd.start() as adbd:
        here = Counted("127.0.0.1", adbd.port)
        here.wait(timeout_s=20)
        here.count = 0
        yield here
        here.close()


def phone(transport: Counted) -> Handset:
    return Handset(transport, _root_shell="sh -c {}")


def test_files_are_staged_and_proven_by_two_shells(transport: Counted, tmp_path: Path) -> None:
    files = []
    for number in range(4):
        (tmp_path / f"{number}").write_bytes(bytes([number]) * number * 100_000)
        files.append((tmp_path / f"{number}", f"name {number}"))
    me = phone(transport)
    assert me.stage_all(files) == [str(tmp_path / f"staging/name {number}") for number in range(4)]
    assert transport.count == 2
    assert (tmp_path / "staging/name 3").read_bytes() == bytes([3]) * 300_000
    me.stage(files[0][0], "again")
    assert transport.count == 3  # the folder is there
    me.clean()
    me.clean()
    assert transport.count == 4
    assert not (tmp_path / "staging").exists()


def test_a_file_that_arrives_damaged_is_named(
    transport: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("good", "bad"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(
        "hardboot.device.kept_files.sha256_file",
        lambda path: "0" * 64 if path.name == "bad" else sha256_file(path),
    )
    with pytest.raises(DeviceError, match="bad arrived damaged"):
        phone(transport).stage_all([(tmp_path / name, name) for name in ("good", "bad")])


def test_a_program_runs_only_if_it_arrived_whole(
    transport: Counted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "program"
    program.write_text("#!/bin/sh\necho ran; exit 3\n")
    command = f"{tmp_path}/staging/name"
    assert phone(transport).stage_program(program, "name", command) == Output("ran\n", 3)
    assert transport.count == 1
    monkeypatch.setattr("hardboot.device.kept_files.sha256_file", lambda _path: "0" * 64)
    with pytest.raises(DeviceError, match="name arrived damaged"):
        phone(transport).stage_program(program, "name", f"touch {tmp_path}/ran")
    assert not (tmp_path / "ran").exists()


def test_room_is_asked_for_once_and_counted(transport: Counted) -> None:
    me = phone(transport)
    me._room = 1000
    me.make_staging(600)
    with pytest.raises(DeviceError, match=r"600 bytes do not fit into .*: 400 are free"):
        me.make_staging(600)
    assert transport.count == 0


def test_what_only_root_may_read_is_copied_together_with_other_questions(
    transport: Counted, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_bytes(b"0123456789")
    me = phone(transport)
    me.make_staging()
    there, missing = (Copy(name, str(tmp_path / name), 4) for name in ("secret", "missing"))
    first, second, third = me.roots(there.query, missing.query, "echo on")
    assert transport.count == 2
    assert me.fetch(there, first) == b"0123"
    assert me.fetch(missing, second) is None
    assert third.text == "on\n"


def test_a_root_shell_that_dies_is_an_error_where_all_answers_are_needed(transport: Counted) -> None:
    with pytest.raises(DeviceError, match="the root shell ended early, with exit code 137"):
        phone(transport).roots("echo one", "kill -9 $$", "echo three")
