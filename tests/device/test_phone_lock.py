"""One command at a time on a phone, whichever computer it comes from."""

import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import scripted_setup as setup
from in_process import hardboot
from scripted_phone import HOST, File, ScriptedPhone

from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.base.files import private_copy
from hardboot.device import phone_lock
from hardboot.device.phone import Phone
from hardboot.device.staging import COMPUTER
from hardboot.flows import execute, load, rom, transaction, transaction_record, unsettled
from hardboot.flows.journal import Journal
from hardboot.transport.base import SHELL, Output

OTHER = "0123456789abcdef 100 00000000 4194300 hardboot boot rom.img on laptop\n"
HELD = "another command uses the phone: hardboot boot rom.img on laptop (process 4194300), for"
SHELLS = [path for name in ("dash", "bash", "mksh", "busybox") if (path := shutil.which(name))]
WRITES = ("dd *conv=notrunc,fsync", "*agent load*", "*agent unload*", "reboot*", "*agent exec*")


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedPhone:
    phone = setup.install(setup.phone_with_disk(), monkeypatch, tmp_path)
    monkeypatch.chdir(tmp_path)
    phone.clock.sleep(130)
    setup.rom_image(tmp_path)
    (tmp_path / "host.img").write_bytes(setup.HOST_IMAGE[:-1] + b"2")
    return phone


def lock_of(scripted: ScriptedPhone) -> str | None:
    node = scripted.files.find(phone_lock.PATH)
    return node.content.decode() if isinstance(node, File) else None


def lock_by(scripted: ScriptedPhone, line: str) -> None:
    scripted.add_file(phone_lock.PATH, line, mode=0o600)


def now_s(scripted: ScriptedPhone) -> int:
    assert scripted.running
    return int(scripted.clock.now - scripted.running.started)


def prepared(phone: Phone, folder: Path, journal: Journal) -> load.PreparedRom:
    return load.prepare(phone, rom.read(folder / "rom.img"), journal)


@pytest.mark.parametrize(
    "words",
    [
        ("boot", "rom.img"),
        ("boot", "rom.img", "--via", "flash"),
        ("load", "rom.img"),
        ("exec",),
        ("unload",),
        ("flash-host-kernel", "host.img"),
        ("restore",),
        ("reboot",),
    ],
    ids=" ".join,
)
def test_nothing_is_done_while_another_computer_uses_the_phone(
    scripted: ScriptedPhone, words: tuple[str, ...]
) -> None:
    if words == ("restore",):
        assert hardboot("--yes", "flash-host-kernel", "host.img").returncode == 0
    if words in (("exec",), ("unload",)):
        assert hardboot("load", "rom.img").returncode == 0
    lock_by(scripted, OTHER)
    scripted.events.clear()
    kernel, flash = scripted.running, scripted.boot.flash
    ran = hardboot("--yes", *words)
    assert ran.returncode == 4
    assert HELD in ran.stderr
    assert f"adb shell su -c 'rm {phone_lock.PATH}'" in ran.stderr
    assert not [event for pattern in WRITES for event in scripted.happened(pattern)]
    assert (scripted.running, scripted.boot.flash) == (kernel, flash)
    assert lock_of(scripted) == OTHER


@pytest.mark.parametrize(
    ("words", "stays"),
    [
        (("load", "rom.img"), True),
        (("unload",), True),
        (("flash-host-kernel", "host.img"), True),
        (("boot", "rom.img"), False),
        (("reboot",), False),
    ],
    ids=lambda value: value[0] if isinstance(value, tuple) else "",
)
def test_the_phone_is_free_after_a_command(
    scripted: ScriptedPhone, words: tuple[str, ...], stays: bool
) -> None:
    assert words != ("unload",) or hardboot("load", "rom.img").returncode == 0
    locks: set[str | None] = set()
    for pattern in WRITES:
        scripted.fault(pattern, nth=0, before=lambda: locks.add(lock_of(scripted)))
    kernel = scripted.running
    assert hardboot("--yes", *words).returncode == 0
    assert lock_of(scripted) is None
    assert None not in locks
    assert len(locks) == 1
    assert (scripted.running is kernel) is stays


def test_the_lock_costs_a_load_no_shell_of_its_own(
    scripted: ScriptedPhone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone, journal = setup.connected(scripted), Journal("virt-arm", "HBSCRIPT")
    shells: list[str] = []
    run = scripted.transport.shells

    def counted(commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        shells.append("\n".join(command for command, _ in commands))
        return run(commands, template=template)

    made = prepared(phone, tmp_path, journal)
    monkeypatch.setattr(scripted.transport, "shells", counted)
    load.load(phone, made, journal)
    assert len([one for one in shells if phone_lock.PATH in one]) == len(shells) == 2


@pytest.mark.parametrize(
    ("line", "sleeps"),
    [
        (OTHER, 601),
        (f"0123456789abcdef 100 {COMPUTER} {{ended}} hardboot load on this one\n", 0),
        (f"0123456789abcdef 100 {COMPUTER} {os.getpid()} hardboot load on this one\n", 0),
    ],
    ids=["old", "ended", "this process"],
)
def test_a_lock_whose_owner_is_gone_is_taken_over(
    scripted: ScriptedPhone, tmp_path: Path, line: str, sleeps: int
) -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    lock_by(scripted, line.format(ended=ended.pid))
    scripted.clock.sleep(sleeps)
    phone, journal = setup.connected(scripted), Journal("virt-arm", "HBSCRIPT")
    load.load(phone, prepared(phone, tmp_path, journal), journal)
    assert scripted.running
    assert scripted.running.loaded
    owner = phone_lock.parse_owner((lock_of(scripted) or "").strip())
    assert owner is not None
    assert (owner.computer, owner.process, owner.since_s) == (COMPUTER, os.getpid(), now_s(scripted))


def test_a_command_of_another_user_of_this_computer_counts(scripted: ScriptedPhone) -> None:
    lock_by(scripted, f"0123456789abcdef 100 {COMPUTER} {os.getppid()} hardboot load on this one\n")
    with pytest.raises(RefusedError, match="another command uses the phone"):
        setup.connected(scripted).hold()


def test_a_restart_of_the_phone_ends_a_lock(scripted: ScriptedPhone) -> None:
    lock_by(scripted, OTHER)
    scripted.start(HOST)
    phone = setup.connected(scripted)
    phone.hold()
    scripted.start(HOST)
    phone.kernel_anew(timeout_s=10)
    assert lock_of(scripted) is None
    phone.root_locked("true")
    assert lock_of(scripted)


def test_of_two_that_find_an_old_lock_the_later_is_refused(
    scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    phone = setup.connected(scripted)
    lock_by(scripted, OTHER)
    scripted.clock.sleep(601)
    newer = OTHER.replace("0123", "4567").replace(" 100 ", f" {now_s(scripted)} ")
    run = scripted.transport.shells

    def overtaken(commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        if len(scripted.commands) == 1:
            lock_by(scripted, newer)
        return run(commands, template=template)

    monkeypatch.setattr(scripted.transport, "shells", overtaken)
    with pytest.raises(RefusedError, match=r"hardboot boot rom.img on laptop \(process 4194300\), for 0 min"):
        phone.hold()
    assert lock_of(scripted) == newer


@pytest.mark.parametrize("event", ["dd if=*", "sha256sum */recovery-new.img*"])
def test_a_write_is_not_begun_once_another_computer_has_taken_over(
    scripted: ScriptedPhone, tmp_path: Path, event: str
) -> None:
    phone = setup.connected(scripted)
    held = scripted.boot.flash
    scripted.fault(event, before=lambda: lock_by(scripted, OTHER))
    with (
        private_copy(tmp_path / "host.img", limit=1 << 20) as copy,
        pytest.raises(DeviceStateError, match="another computer has taken over the phone"),
    ):
        transaction.write(phone, "recovery", {"recovery": copy, "boot": copy}, put_back=True)
    assert not scripted.happened("dd *conv=notrunc,fsync")
    assert scripted.boot.flash == held
    phone.unlock()
    assert lock_of(scripted) == OTHER
    scripted.clock.sleep(601)
    again = setup.connected(scripted)
    unsettled.put_back(again)
    assert transaction_record.find(again) is None


def test_no_reset_once_another_computer_has_taken_over(scripted: ScriptedPhone, tmp_path: Path) -> None:
    phone, journal = setup.connected(scripted), Journal("virt-arm", "HBSCRIPT")
    load.load(phone, prepared(phone, tmp_path, journal), journal)
    kernel = scripted.running
    scripted.fault("sync", before=lambda: lock_by(scripted, OTHER))
    with pytest.raises(DeviceStateError, match="another computer has taken over the phone"):
        execute.execute(phone, journal, wait_s=100)
    scripted.clock.sleep(30)
    assert scripted.running is kernel


def test_nothing_is_loaded_once_another_computer_has_taken_over(
    scripted: ScriptedPhone, tmp_path: Path
) -> None:
    phone, journal = setup.connected(scripted), Journal("virt-arm", "HBSCRIPT")
    scripted.fault("push */record", before=lambda: lock_by(scripted, OTHER))
    with pytest.raises(DeviceStateError, match="another computer has taken over the phone"):
        load.load(phone, prepared(phone, tmp_path, journal), journal)
    assert scripted.running
    assert scripted.running.loaded is None


@pytest.mark.parametrize(
    "line", ["\n", "garbage\n", OTHER.replace(" 4194300 ", " x "), "\x1b[2J" * 100 + "\n"]
)
def test_a_lock_that_names_nobody_is_not_taken_over(scripted: ScriptedPhone, line: str) -> None:
    lock_by(scripted, line)
    scripted.clock.sleep(5000)
    with pytest.raises(RefusedError, match="another command uses the phone: it does not say which"):
        setup.connected(scripted).hold()


def test_a_phone_that_cannot_be_locked_is_told(scripted: ScriptedPhone) -> None:
    scripted.files.mounts = [
        replace(one, read_only=True) if one.point == "/dev" else one for one in scripted.files.mounts
    ]
    with pytest.raises(DeviceError, match="the phone cannot be locked: /dev/hardboot-lock cannot be written"):
        setup.connected(scripted).hold()


@pytest.mark.parametrize("shell", SHELLS)
def test_of_many_real_shells_at_once_one_gets_the_lock(
    shell: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", ["hardboot", "boot", "a'b\"$(id)`id`\\\n\x1b.img"])
    path = tmp_path / "lock"
    tokens = [hashlib.sha256(bytes([number])).hexdigest()[:16] for number in range(12)]

    def run(token: str) -> str:
        phone = Phone.__new__(Phone)
        phone._token = token
        command = phone.lock_query().replace(phone_lock.PATH, str(path))
        program = [shell, "sh"] if shell.endswith("busybox") else [shell]
        return subprocess.run([*program, "-c", command], check=True, capture_output=True, text=True).stdout

    with ThreadPoolExecutor(12) as pool:
        shown = list(pool.map(run, tokens))
    owner = phone_lock.parse_owner(path.read_text().removesuffix("\n"))
    assert owner is not None
    assert owner.token in tokens
    assert "hardboot boot 'a'" in owner.words
    seen = {line for text in shown for line in text.splitlines()[2:]}
    assert seen == {path.read_text().strip(), "."}
