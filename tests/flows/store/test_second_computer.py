"""Stored ROMs and two computers: what one looks at and changes in many steps, the other one leaves alone."""

import io
from dataclasses import replace
from pathlib import Path

import pytest
import store_setup as setup
from in_process import hardboot
from scripted_phone.files import File
from scripted_phone.image_files import images_of
from store_setup import StorePhone

from hardboot.device import phone as phones
from hardboot.device import phone_lock
from hardboot.device.hashes import time_for
from hardboot.flows.store import add
from hardboot.flows.store.place import STORE
from hardboot.images import filesystem

OTHER = "0123456789abcdef 100 00000000 4194300 hardboot rom check on laptop\n"
HELD = "another command uses the phone: hardboot rom check on laptop (process 4194300), for"
SIZE = 4 << 20
LOST = "another computer has taken over the phone, or its lock was removed"

CHANGES = (
    ("add", "third", "rom.img"),
    ("check",),
    ("clone", "linux", "copy"),
    ("default", "linux"),
    ("backup", "linux", "saved.tar.zst"),
    ("push", "linux", "rom.img", "/"),
    ("pull", "linux", "/", "."),
    ("refresh", "linux"),
    ("remove", "linux"),
    ("rename", "linux", "other"),
    ("resize", "droid", "--data", "6M"),
    ("shell", "linux", "ls"),
    ("wipe", "droid"),
)


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    monkeypatch.chdir(tmp_path)
    found = setup.connected(monkeypatch, tmp_path)
    for new in (setup.linux(tmp_path), setup.android(tmp_path)):
        add.add(found.phone, new, add.check(found.phone, new))
    return found


def lock_by(phone: StorePhone, line: str) -> None:
    phone.scripted.add_file(phone_lock.PATH, line, mode=0o600)


def lock(phone: StorePhone) -> phone_lock.Owner | None:
    node = phone.scripted.files.find(phone_lock.PATH)
    return phone_lock.parse_owner(node.read().decode().strip()) if node else None


def contents(phone: StorePhone) -> dict[str, bytes]:
    nodes = phone.scripted.files.nodes.items()
    return {path: node.content for path, node in nodes if path.startswith(STORE) and isinstance(node, File)}


def test_nothing_is_done_while_another_computer_uses_the_phone(phone: StorePhone) -> None:
    phone.scripted.add_file(f"{STORE}/.coming.new/root.img", b"what the other computer writes")
    before = contents(phone)
    lock_by(phone, OTHER)
    for words in CHANGES:
        ran = hardboot("--yes", "rom", *words)
        assert ran.returncode == 4, words
        assert HELD in ran.stderr
        assert contents(phone) == before
    assert not images_of(phone.scripted.files).mounts


def test_what_only_looks_needs_no_lock(phone: StorePhone) -> None:
    lock_by(phone, OTHER)
    with phones.connected(None, None, exclusive=True):  # another command of this computer
        for words in (("list",), ("show", "linux"), ("add", "third", "rom.img", "--dry-run")):
            assert hardboot("rom", *words).returncode == 0, words
            assert phone.scripted.files.find(phone_lock.PATH)


def test_the_phone_is_free_after_a_command_and_after_an_error(phone: StorePhone) -> None:
    assert hardboot("rom", "check").returncode == 0
    assert lock(phone) is None
    assert hardboot("rom", "clone", "linux", "droid").returncode == 4
    assert lock(phone) is None


def test_the_lock_stays_as_long_as_the_longest_step_may_take(phone: StorePhone, tmp_path: Path) -> None:
    kept: list[tuple[float, phone_lock.Owner | None]] = []
    running = phone.scripted.running
    assert running

    def note() -> None:
        kept.append((phone.scripted.clock.now - running.started, lock(phone)))

    phone.scripted.fault("*agent pour*", before=note)
    new = setup.android(tmp_path, name="copy", size=SIZE)
    (tmp_path / "data.img").write_bytes(new.images["data"].data)
    assert hardboot("rom", "add", "copy", "rom.img", "--rootfs", "data.img").returncode == 0
    ((now_s, owner),) = kept
    assert owner is not None
    seen = replace(owner, computer="00000000")  # by another computer
    assert not seen.is_gone(now_s + time_for(SIZE) + 590)
    assert seen.is_gone(now_s + time_for(SIZE) + 610)


def test_a_shell_whose_phone_was_taken_over_mounts_nothing_any_more(
    phone: StorePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = images_of(phone.scripted.files)

    def taken_over(_command: str) -> tuple[str, int]:
        lock_by(phone, OTHER)  # the image may be removed, and its blocks be another file's
        return "", 0

    images.answer = taken_over
    monkeypatch.setattr("sys.stdin", io.StringIO("touch a\ntouch b\n"))
    ran = hardboot("rom", "shell", "linux", "--write")
    assert ran.returncode == 6
    assert LOST in ran.stderr
    assert len(images.mounts) == 1


@pytest.mark.parametrize("event", ["*agent pour*", "sha256sum */manifest.json"])
def test_a_command_whose_phone_was_taken_over_leaves_the_store_alone(phone: StorePhone, event: str) -> None:
    def take_over() -> None:
        lock_by(phone, OTHER)
        phone.scripted.add_file(f"{STORE}/.coming.new/root.img", b"what the other computer writes")

    phone.scripted.fault(event, before=take_over)
    filesystem.make(Path("root.img"), SIZE)
    ran = hardboot("rom", "add", "third", "rom.img", "--rootfs", "root.img")
    assert ran.returncode == 6
    assert LOST in ran.stderr
    assert ".coming.new" in phone.names()
    assert "third" not in phone.names()
    assert phone.scripted.files.find(phone_lock.PATH)


def test_the_refusal_tells_how_long_a_dead_lock_holds(phone: StorePhone) -> None:
    phone.scripted.clock.sleep(600)
    running = phone.scripted.running
    assert running
    now_s = int(phone.scripted.clock.now - running.started)
    for age_s, wait_min in ((550, 1), (-3300, 66)):
        lock_by(phone, OTHER.replace(" 100 ", f" {now_s - age_s} "))
        assert f"If it has died, wait {wait_min} min, or remove its lock:" in hardboot("rom", "check").stderr
