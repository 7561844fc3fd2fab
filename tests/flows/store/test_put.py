"""Small files of the store: written by one command, and compared."""

import hashlib
from pathlib import Path

import pytest
import store_setup as setup
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import DeviceError
from hardboot.flows.store.place import STORE
from hardboot.flows.store.put import put, put_all

FILES = {f"{STORE}/x/first": b"one", f"{STORE}/x/second": b"", f"{STORE}/third": bytes(300_000)}


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    found = setup.connected(monkeypatch, tmp_path)
    found.scripted.make_folder(f"{STORE}/x")
    return found


def test_all_files_are_there_and_their_hashes_are_told(phone: StorePhone) -> None:
    digests = put_all(phone.phone, FILES)
    assert digests == {path: hashlib.sha256(data).hexdigest() for path, data in FILES.items()}
    for path, data in FILES.items():
        assert phone.content(path.removeprefix(f"{STORE}/")) == data
    assert put(phone.phone, b"again", f"{STORE}/third") == hashlib.sha256(b"again").hexdigest()
    assert phone.content("third") == b"again"


@pytest.mark.parametrize("name", ["first", "second", "third"])
def test_a_file_that_holds_something_else_is_named(phone: StorePhone, name: str) -> None:
    path = next(path for path in FILES if path.endswith(name))

    def spoil() -> None:
        node = phone.scripted.files.find(path)
        assert node
        node.write(0, b"x")

    phone.scripted.fault(f"*cat */{name} *", after=spoil)
    with raises(
        DeviceError,
        f"{name} does not hold on the phone what was written",
        "Nothing was kept on the phone.",
        "Try again; check cable, port and the phone's kernel log (adb shell su -c dmesg).",
    ):
        put_all(phone.phone, FILES)
