"""A copy of a stored ROM, made by the phone: whole or not at all, wherever it is cut off."""

import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest
import store_setup as setup
from cuts import KINDS, Cut, CutTransport, Killed
from in_process import hardboot
from scripted_phone.files import File
from store_setup import StorePhone

from hardboot.base.errors import DeviceError, HardbootError, InputError, RefusedError
from hardboot.flows.store import checking, clone, stored
from hardboot.flows.store.checking import CheckedRom
from hardboot.flows.store.place import RESERVE, STORE
from hardboot.store.manifest import Manifest


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return setup.with_linux(monkeypatch, tmp_path)


def cloned(phone: StorePhone) -> Manifest:
    return clone.clone(phone.phone, stored.find(phone.phone, "linux"), "copy")


def file(phone: StorePhone, path: str) -> File:
    node = phone.scripted.files.find(f"{STORE}/{path}")
    assert isinstance(node, File)
    return node


def test_a_copy_is_independent_and_nothing_of_it_is_sent(phone: StorePhone) -> None:
    file(phone, "linux/root.img").write(100, b"changed by the ROM")
    sent = phone.phone.pushed_bytes
    made = cloned(phone)
    assert phone.phone.pushed_bytes - sent < 64 << 10  # the agent, tables, and the manifest
    assert phone.names() == ["copy", "linux"]
    for name in ("root.img", "boot-boot.img"):
        assert phone.content(f"copy/{name}") == phone.content(f"linux/{name}")
    both = [made, stored.find(phone.phone, "linux")]
    assert stored.manifests_of(phone.phone) == both
    fine = (CheckedRom("copy", None), CheckedRom("linux", None))
    assert checking.check(phone.phone).roms == fine
    stored.remove(phone.phone, "linux")
    assert checking.check(phone.phone).roms == fine[:1]


def test_wherever_copying_is_cut_off_the_copy_is_whole_or_absent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    undisturbed = cut_off(setup.with_linux(monkeypatch, tmp_path), Cut())
    assert undisturbed.seen > 15
    seen = set()
    for number in range(undisturbed.seen):
        phone = setup.with_linux(monkeypatch, tmp_path)
        is_last = number == undisturbed.seen - 1
        cut_off(phone, Cut(number, "answer" if is_last else KINDS[number % len(KINDS)]))
        again = setup.reconnected(phone)
        seen.add(tuple(phone.names()))
        roms = checking.check(again.phone).roms
        assert [one.problem for one in roms] == [None] * len(roms)
        if "copy" not in phone.names():
            cloned(again)
        assert phone.names() == ["copy", "linux"]
        assert phone.content("copy/root.img") == setup.ROOT
    assert {("linux",), (".copy.new", "linux"), ("copy", "linux")} <= seen


def cut_off(phone: StorePhone, cut: Cut) -> Cut:
    phone.phone.transport = CutTransport(phone.scripted, cut)
    with contextlib.suppress(HardbootError, Killed):
        cloned(phone)
    return cut


def fill(phone: StorePhone) -> None:
    phone.scripted.data.capacity = RESERVE


def move(phone: StorePhone) -> None:
    phone.blocks.move(file(phone, "linux/root.img"))


def spoil_boot(phone: StorePhone) -> None:
    file(phone, "linux/boot-boot.img").write(100, b"x")


def spoil_copy(phone: StorePhone) -> None:
    phone.scripted.fault(
        "*cat */linux/root.img*", after=lambda: file(phone, ".copy.new/root.img").write(5000, b"x")
    )


def share(phone: StorePhone) -> None:
    """As a cat does that copies by reference."""
    phone.scripted.fault(
        "*cat */linux/root.img*",
        after=lambda: phone.blocks.share(file(phone, ".copy.new/root.img"), file(phone, "linux/root.img")),
    )


@pytest.mark.parametrize(
    ("happens", "kind", "what"),
    [
        (fill, RefusedError, r"copy needs .* on /data"),
        (move, RefusedError, "have moved since it was written"),
        (spoil_boot, InputError, "linux/boot-boot.img on the phone is damaged"),
        (share, RefusedError, "it shares blocks with"),
        (spoil_copy, DeviceError, "root does not hold on the phone what was written"),
    ],
)
def test_what_cannot_be_copied_is_refused_and_nothing_stays(
    phone: StorePhone, happens: Callable[[StorePhone], None], kind: type[HardbootError], what: str
) -> None:
    happens(phone)
    with pytest.raises(kind, match=what):
        cloned(phone)
    assert phone.names() == ["linux"]


def test_the_command_makes_the_copy_start_on_the_phone(phone: StorePhone) -> None:
    done = hardboot("rom", "clone", "linux", "copy")
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Copied linux to copy: ")
    assert "start" in phone.scripted.files.names(f"{STORE}/copy")
    for name, told in (("copy", "there is a ROM copy on this phone already"), ("home", "can be called home")):
        done = hardboot("rom", "clone", "linux", name)
        assert told in " ".join(done.stderr.split())
