"""Wiping and resizing the data of a stored ROM: the old or the new, wherever it is cut off."""

import contextlib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
import store_setup as setup
from cuts import KINDS, Cut, CutTransport, Killed
from in_process import hardboot
from msgspec.structs import replace
from scripted_phone import File
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import HardbootError, InputError, RefusedError
from hardboot.base.process import find_tool
from hardboot.flows.store import add, archive, checking, place, resize, start, stored, wipe
from hardboot.flows.store.add import NewRom
from hardboot.flows.store.checking import CheckedRom
from hardboot.flows.store.place import RESERVE, STORE
from hardboot.store.manifest import Manifest

FOLDER = f"{STORE}/droid"
OTHERS = ["boot-boot.img", "cache.img", "manifest.json", "system.img"]
SIZE, LARGER = 4 << 20, 6 << 20


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return with_android(monkeypatch, tmp_path)


def with_android(monkeypatch: pytest.MonkeyPatch, folder: Path, filesystem: str = "ext4") -> StorePhone:
    return with_rom(monkeypatch, folder, setup.android(folder), filesystem)


def with_rom(
    monkeypatch: pytest.MonkeyPatch, folder: Path, new: NewRom, filesystem: str = "ext4"
) -> StorePhone:
    found = setup.connected(monkeypatch, folder, filesystem=filesystem)
    add.add(found.phone, new, add.check(found.phone, new))
    return found


def wiped(phone: StorePhone) -> Manifest:
    rom = stored.find(phone.phone, "droid")
    return wipe.wipe(phone.phone, rom, wipe.find_image(rom, "data"))


def resized(phone: StorePhone, size: int = LARGER) -> Manifest:
    return resize.resize(phone.phone, stored.find(phone.phone, "droid"), size)


def files(phone: StorePhone) -> list[str]:
    return phone.scripted.files.names(FOLDER)


def data(phone: StorePhone, folder: Path) -> Path:
    """Copy the data of the ROM to this computer; its file system is clean."""
    image = stored.find(phone.phone, "droid").image("data")
    assert image
    target = folder / "checked.img"
    target.write_bytes(phone.content(f"droid/{image.file}"))
    assert target.stat().st_size == image.size
    checked = subprocess.run(
        [find_tool("e2fsck", "e2fsprogs"), "-fn", target], capture_output=True, text=True, timeout=60
    )
    assert checked.returncode == 0, checked.stdout
    return target


def holds_note(image: Path) -> bool:
    words = [find_tool("debugfs", "e2fsprogs"), "-R", "cat /note", str(image)]
    return subprocess.run(words, capture_output=True, timeout=60).stdout == b"kept\n"


@pytest.mark.parametrize("filesystem", ["ext4", "f2fs"])
def test_wiped_data_is_an_empty_file_system_of_the_same_size(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, filesystem: str
) -> None:
    phone = with_android(monkeypatch, tmp_path, filesystem)
    assert holds_note(data(phone, tmp_path))
    made = wiped(phone)
    assert stored.find(phone.phone, "droid") == made
    assert files(phone) == sorted([*OTHERS, "data.1.img"])
    assert phone.names() == ["droid"]
    image = data(phone, tmp_path)
    assert (image.stat().st_size, holds_note(image)) == (SIZE, False)
    assert checking.check(phone.phone).roms == (CheckedRom("droid", None),)
    wiped(phone)
    assert files(phone) == sorted([*OTHERS, "data.2.img"])


@pytest.mark.parametrize("size", [LARGER, 5 << 20])
def test_resized_data_keeps_its_files(phone: StorePhone, tmp_path: Path, size: int) -> None:
    resized(phone, 8 << 20)
    resized(phone, size)
    assert files(phone) == sorted([*OTHERS, "data.2.img"])
    image = data(phone, tmp_path)
    assert (image.stat().st_size, holds_note(image)) == (size, True)
    assert checking.check(phone.phone).roms == (CheckedRom("droid", None),)


@pytest.mark.parametrize("change", [wiped, resized])
def test_wherever_a_change_is_cut_off_the_rom_is_as_before_or_changed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, change: Callable[[StorePhone], Manifest]
) -> None:
    undisturbed, new = Cut(), setup.android(tmp_path)
    cut_off(with_rom(monkeypatch, tmp_path, new), undisturbed, change)
    assert undisturbed.seen > 15
    seen, left = [], False
    for number in range(undisturbed.seen // 3, undisturbed.seen):  # before that, nothing is written
        phone = with_rom(monkeypatch, tmp_path, new)
        cut_off(phone, Cut(number, KINDS[number % len(KINDS)]), change)
        left = left or phone.names() != ["droid"]
        again = setup.reconnected(phone)
        assert checking.check(again.phone).roms == (CheckedRom("droid", None),)
        seen.append(files(phone) == sorted([*OTHERS, "data.1.img"]))
        if seen[-1]:
            image = data(again, tmp_path)
            state = (image.stat().st_size, holds_note(image))
            assert state == ((SIZE, False) if change is wiped else (LARGER, True))
        else:
            assert files(phone) == sorted([*OTHERS, "data.img"])
            assert phone.content("droid/data.img") == new.images["data"].data
        assert phone.names() == ["droid"]
    assert (set(seen), left) == ({False, True}, True)


def cut_off(phone: StorePhone, cut: Cut, change: Callable[[StorePhone], Manifest]) -> None:
    phone.phone.transport = CutTransport(phone.scripted, cut)
    with contextlib.suppress(HardbootError, Killed):
        change(phone)


def test_without_room_for_both_the_old_data_is_wiped_first_and_a_cut_is_mended_by_check(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    new = setup.android(tmp_path)

    def crowded() -> StorePhone:
        phone = with_rom(monkeypatch, tmp_path, new)
        phone.scripted.data.capacity = RESERVE + (4 << 20)
        return phone

    undisturbed = Cut()
    cut_off(crowded(), undisturbed, wiped)
    given_up = 0
    for number in range(0, undisturbed.seen, 2):
        phone = crowded()
        cut_off(phone, Cut(number, KINDS[number % len(KINDS)]), wiped)
        again = setup.reconnected(phone)
        found = stored.find(again.phone, "droid")
        if not found.images[1].runs:
            given_up += 1
            where = place.ask(again.phone)
            told = (
                "droid has no data: it was being wiped, and that was cut off",
                "Nothing was started or written.",
                "Wipe it again: hardboot rom wipe droid data",
            )
            with raises(RefusedError, *told):
                start.check_blocks(again.phone, where, found)
            with raises(RefusedError, *told):
                archive.save(again.phone, found, tmp_path / "backup.tar.zst")
        wiped_now = ("data",) if not found.images[1].runs else ()
        assert checking.check(again.phone).roms == (CheckedRom("droid", None, wiped_now),)
        assert len(files(again)) == len(OTHERS) + 1
    assert given_up > 3


@pytest.mark.parametrize("given_up", [False, True])
def test_a_size_that_no_image_on_the_phone_can_have_is_refused(phone: StorePhone, *, given_up: bool) -> None:
    rom = stored.find(phone.phone, "droid")
    image = wipe.find_image(rom, "data")
    phone.scripted.data.capacity = 20 << 20
    size = (20 << 20) if given_up else setup.PARTITION + 4096  # what a ROM wrote into its manifest
    changed = replace(image, size=size, runs=() if given_up else image.runs)
    with pytest.raises(
        RefusedError, match="MiB that there can be on /data" if given_up else "more than the 64"
    ):
        wipe.wipe(phone.phone, rom, changed)
    assert files(phone) == sorted([*OTHERS, "data.img"])


@pytest.mark.parametrize(
    ("name", "what", "fix"),
    [
        ("system", "it is a part of the ROM itself", "These can be wiped: data, cache"),
        ("modem", "it has none of its own", "These can be wiped: data, cache"),
    ],
)
def test_what_cannot_be_wiped_is_refused(phone: StorePhone, name: str, what: str, fix: str) -> None:
    with raises(RefusedError, f"{name} of droid cannot be wiped: {what}", "Nothing was written.", fix):
        wipe.find_image(stored.find(phone.phone, "droid"), name)


def test_a_linux_rom_and_a_kernel_have_no_data_that_can_be_wiped(phone: StorePhone, tmp_path: Path) -> None:
    new = setup.linux(tmp_path)
    made = add.add(phone.phone, new, add.check(phone.phone, new))
    with pytest.raises(RefusedError, match="its system and its data in one file system"):
        wipe.find_image(made, "root")
    assert resize.find_image(made).name == "root"
    kernel = Manifest(version=1, name="k", kind="kernel", added=0, boot=made.boot)
    with pytest.raises(RefusedError, match="it has none of its own"):
        wipe.find_image(kernel, "data")
    with pytest.raises(RefusedError, match="k has no data of its own"):
        resize.find_image(kernel)


def full(phone: StorePhone) -> None:
    phone.scripted.data.capacity = RESERVE


def moved(phone: StorePhone) -> None:
    node = phone.scripted.files.find(f"{FOLDER}/system.img")
    assert isinstance(node, File)
    phone.blocks.move(node)


def damaged(phone: StorePhone) -> None:
    node = phone.scripted.files.find(f"{FOLDER}/data.img")
    assert node
    node.write(0x400, b"\xff" * 1024)


@pytest.mark.parametrize(
    ("size", "happens", "kind", "what"),
    [
        (SIZE, None, RefusedError, "data of droid has 4.0 MiB already"),
        (4097, None, InputError, "4097 bytes are no size for a file system"),
        (LARGER, full, RefusedError, "a data of that size, beside the old one, needs 6.0 MiB on /data"),
        (LARGER, moved, RefusedError, "system.img have moved"),
        (LARGER, damaged, InputError, "a file system of kind unknown cannot be made larger"),
    ],
)
def test_what_cannot_be_resized_is_refused_and_nothing_changes(
    phone: StorePhone,
    size: int,
    happens: Callable[[StorePhone], None] | None,
    kind: type[HardbootError],
    what: str,
) -> None:
    if happens:
        happens(phone)
    before = (phone.names(), files(phone), phone.content("droid/data.img"))
    with pytest.raises(kind, match=what):
        resized(phone, size)
    assert (phone.names(), files(phone), phone.content("droid/data.img")) == before


def test_data_that_would_not_fit_any_more_is_refused(phone: StorePhone, tmp_path: Path) -> None:
    resized(phone, 16 << 20)
    grown = data(phone, tmp_path)
    (tmp_path / "large").write_bytes(b"x" * (8 << 20))
    words = [find_tool("debugfs", "e2fsprogs"), "-w", "-R", f"write {tmp_path / 'large'} large", str(grown)]
    subprocess.run(words, check=True, capture_output=True, timeout=60)
    node = phone.scripted.files.find(f"{FOLDER}/data.1.img")
    assert node
    node.write(0, grown.read_bytes())
    with pytest.raises(InputError, match=r"what is in it does not fit into 5\.0 MiB"):
        resized(phone, 5 << 20)
    assert files(phone) == sorted([*OTHERS, "data.1.img"])


# The commands


def test_the_commands_leave_new_start_files(phone: StorePhone) -> None:
    done = hardboot("--yes", "rom", "wipe", "droid")
    assert (done.returncode, done.stdout) == (0, "Wiped data of droid.\n"), done.stderr
    assert "start" in files(phone)
    done = hardboot("rom", "resize", "droid", "--data", "5M")
    assert (done.returncode, done.stdout) == (0, "data of droid has 5.0 MiB now, before 4.0 MiB.\n")
    done = hardboot("rom", "wipe", "droid", "cache")
    assert done.returncode == 4
    assert "This deletes all in cache of droid on" in " ".join(done.stderr.split())


def test_without_a_yes_nothing_is_cleared_either(phone: StorePhone) -> None:
    phone.scripted.add_file(f"{STORE}/.other.new/root.img", b"a command goes on with it")
    for words in (("wipe", "droid"), ("remove", "droid"), ("resize", "droid", "--data", "4M")):
        assert hardboot("rom", *words).returncode == 4
        assert phone.names() == [".other.new", "droid"]
    assert hardboot("--yes", "rom", "wipe", "droid").returncode == 0
    assert phone.names() == ["droid"]


def test_a_removal_that_was_cut_off_is_finished_by_the_same_command(phone: StorePhone) -> None:
    phone.scripted.fault("rm -rf */.droid.gone", nth=2, code=1, says="rm: Input/output error")
    assert hardboot("--yes", "rom", "remove", "droid").returncode == 5
    assert phone.names() == [".droid.gone"]
    done = hardboot("rom", "remove", "droid")
    assert (done.returncode, done.stdout, phone.names()) == (0, "Removed droid.\n", [])
    assert hardboot("rom", "remove", "droid").returncode == 3
