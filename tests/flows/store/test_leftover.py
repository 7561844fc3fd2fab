"""What is on the phone already of an image is not sent: it was cut off, or another ROM has the same."""

import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import store_setup as setup
from scripted_phone import ScriptedPhone
from scripted_phone.transport import ScriptedTransport
from store_setup import PAGE, StorePhone

from hardboot.base.errors import DeviceError, RefusedError, RequestError
from hardboot.flows.store import add, stored
from hardboot.flows.store.add import NewRom
from hardboot.flows.store.place import RESERVE, STORE
from hardboot.flows.store.write_image import NewImage
from hardboot.store.manifest import Manifest
from hardboot.transport.base import SHELL, Output

PAGES = 600
NOISE = random.Random(19).randbytes(PAGES * PAGE)
HALF = 300 * (8 + PAGE)
LEFT = f"{STORE}/.linux.new"


class Feeding(ScriptedTransport):
    """A connection that counts the bytes of images, and ends after some of them."""

    def __init__(
        self, phone: ScriptedPhone, most: int | None = None, *, ends: BaseException | None = None
    ) -> None:
        super().__init__(phone)
        self.fed, self.is_lost = 0, False
        self._most, self._ends = most, ends or RequestError("lost", state="Not known.", fix="Plug it in.")

    def shells(self, commands: Sequence[tuple[str, float]], *, template: str = SHELL) -> Iterator[Output]:
        if self.is_lost:
            raise self._ends
        return super().shells(commands, template=template)

    def feed(
        self, command: str, source: Iterable[bytes], *, timeout_s: float, template: str = SHELL
    ) -> Output:
        data = b"".join(source)[: self._most]
        self.fed += len(data)
        output = super().feed(command, [data], timeout_s=timeout_s, template=template)
        if self._most is None:
            return output
        self.is_lost = isinstance(self._ends, RequestError)
        raise self._ends


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return setup.connected(monkeypatch, tmp_path)


def rom(folder: Path, *, name: str = "linux", content: bytes = NOISE, read_only: bool = False) -> NewRom:
    image = NewImage(content, changes=not read_only, read_only=read_only)
    return replace(setup.linux(folder, name=name), images={"root": image})


def added(phone: StorePhone, new: NewRom) -> tuple[Manifest, int]:
    """Add a ROM; return its manifest, and how many bytes of images were sent."""
    transport = phone.phone.transport = Feeding(phone.scripted)
    return add.add(phone.phone, new, add.check(phone.phone, new)), transport.fed


def cut_off(
    phone: StorePhone, new: NewRom, *, most: int = HALF, ends: BaseException | None = None
) -> StorePhone:
    """Lose the connection within the image; return the phone afterwards."""
    phone.phone.transport = Feeding(phone.scripted, most, ends=ends)
    with pytest.raises((DeviceError, KeyboardInterrupt)):
        add.add(phone.phone, new, add.check(phone.phone, new))
    return setup.reconnected(phone)


@pytest.mark.parametrize("ends", [None, KeyboardInterrupt()], ids=["lost", "Ctrl-C"])
def test_the_same_image_goes_on_where_it_was_cut_off(
    phone: StorePhone, tmp_path: Path, ends: BaseException | None, capsys: pytest.CaptureFixture[str]
) -> None:
    new = rom(tmp_path)
    again = cut_off(phone, new, ends=ends)
    assert again.names() == [".linux.new"]
    there = len(again.content(".linux.new/root.img"))
    assert PAGES * PAGE // 3 < there < len(NOISE)
    again.scripted.add_file(f"{LEFT}/cache.img", b"of another kind of ROM")
    capsys.readouterr()
    made, fed = added(again, new)
    assert fed < len(NOISE) - there + 10_000
    assert "Going on where an earlier command was cut off, after " in capsys.readouterr().err
    assert again.content("linux/root.img") == NOISE
    assert again.names() == ["linux"]
    assert sorted(again.scripted.files.names(f"{STORE}/linux")) == [
        "boot-boot.img",
        "manifest.json",
        "root.img",
    ]
    assert stored.find(again.phone, "linux") == made


def test_an_image_that_was_whole_is_only_read_back(phone: StorePhone, tmp_path: Path) -> None:
    again = cut_off(phone, rom(tmp_path), most=1 << 30)
    _, fed = added(again, rom(tmp_path))
    assert (fed, again.content("linux/root.img")) == (0, NOISE)


def test_of_another_image_nothing_is_used(phone: StorePhone, tmp_path: Path) -> None:
    again = cut_off(phone, rom(tmp_path))
    other = random.Random(20).randbytes(len(NOISE))
    _, fed = added(again, rom(tmp_path, content=other))
    assert fed > len(NOISE)
    assert again.content("linux/root.img") == other


def test_what_turns_out_wrong_is_sent_again(phone: StorePhone, tmp_path: Path) -> None:
    again = cut_off(phone, rom(tmp_path))
    node = again.scripted.files.find(f"{LEFT}/root.img")
    assert node
    node.write(5000, b"lost with the power")
    _, fed = added(again, rom(tmp_path))
    assert fed > len(NOISE)
    assert again.content("linux/root.img") == NOISE


def test_another_rom_clears_it(phone: StorePhone, tmp_path: Path) -> None:
    again = cut_off(phone, rom(tmp_path))
    added(again, rom(tmp_path, name="other"))
    assert again.names() == ["other"]


def test_a_refusal_leaves_nothing(phone: StorePhone, tmp_path: Path) -> None:
    again = cut_off(phone, rom(tmp_path))
    again.blocks.flags["root.img"] = 0x2000
    with pytest.raises(RefusedError, match="shared with another file"):
        added(again, rom(tmp_path))
    assert again.names() == []


@pytest.mark.parametrize("lacking", [0, PAGE])
def test_what_is_there_needs_no_room_once_more(phone: StorePhone, tmp_path: Path, lacking: int) -> None:
    new = rom(tmp_path)
    again = cut_off(phone, new)
    there = len(again.content(".linux.new/root.img"))
    assert 0 < there < len(NOISE)
    again.scripted.data.capacity = 1 << 33
    free = again.scripted.files.free(f"{STORE}/file")
    assert free
    again.scripted.data.capacity -= free - (new.room - there + RESERVE - lacking)
    if lacking:
        with pytest.raises(RefusedError, match=r"linux needs .* on /data"):
            added(again, new)
        assert again.names() == [".linux.new"]
    else:
        _, fed = added(again, new)
        assert fed < len(NOISE)


# The same image in another ROM


def test_an_image_that_another_rom_cannot_change_is_copied_on_the_phone(
    phone: StorePhone, tmp_path: Path
) -> None:
    added(phone, rom(tmp_path, read_only=True))
    made, fed = added(phone, rom(tmp_path, name="second", read_only=True))
    assert (fed, phone.content("second/root.img")) == (0, NOISE)
    (image,), (first,) = made.images, stored.find(phone.phone, "linux").images
    assert image.sha256 == first.sha256
    assert not {start for _, start, _ in image.runs} & {start for _, start, _ in first.runs}


@pytest.mark.parametrize("damage", ["other bytes", "gone", "shorter"])
def test_if_that_one_is_damaged_it_is_sent(phone: StorePhone, tmp_path: Path, damage: str) -> None:
    added(phone, rom(tmp_path, read_only=True))
    path = f"{STORE}/linux/root.img"
    if damage == "gone":
        phone.scripted.files.remove(path)
    else:
        content = NOISE[:-PAGE] if damage == "shorter" else NOISE[:5000] + b"damaged" + NOISE[5007:]
        phone.scripted.add_file(path, content)
    _, fed = added(phone, rom(tmp_path, name="second", read_only=True))
    assert fed > len(NOISE)
    assert phone.content("second/root.img") == NOISE


def test_an_image_that_the_other_rom_writes_to_is_not_copied(phone: StorePhone, tmp_path: Path) -> None:
    added(phone, rom(tmp_path))
    _, fed = added(phone, rom(tmp_path, name="second"))
    assert fed > len(NOISE)
