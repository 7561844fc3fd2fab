"""Adding, listing and removing ROMs: whole or not at all, wherever it is cut off."""

import contextlib
from dataclasses import replace
from pathlib import Path

import pytest
import store_setup as setup
from cpio_archives import newc
from cuts import KINDS, Cut, CutTransport, Killed, Kind
from image_sets import boot_v4
from scripted_setup import RAMDISK, rom_image
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import DeviceError, HardbootError, InputError, RefusedError
from hardboot.device import kept_files
from hardboot.flows.store import add, stored
from hardboot.flows.store.place import RESERVE, STORE
from hardboot.flows.store.stored import Damaged
from hardboot.store.manifest import Manifest


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return setup.connected(monkeypatch, tmp_path)


def added(phone: StorePhone, folder: Path, *, name: str = "linux") -> Manifest:
    new = setup.linux(folder, name=name)
    return add.add(phone.phone, new, add.check(phone.phone, new))


def test_a_rom_is_stored_with_its_images_and_where_they_lie(phone: StorePhone, tmp_path: Path) -> None:
    made = added(phone, tmp_path)
    assert phone.names() == ["linux"]
    assert sorted(phone.scripted.files.names(f"{STORE}/linux")) == [
        "boot-boot.img",
        "manifest.json",
        "root.img",
    ]
    assert phone.content("linux/root.img") == setup.ROOT
    assert stored.manifests_of(phone.phone) == [made]
    assert stored.find(phone.phone, "linux") == made
    (image,) = made.images
    assert (image.size, image.sha256) == (len(setup.ROOT), None)
    assert sum(length for _, _, length in image.runs) == len(setup.ROOT)
    assert len(image.runs) == 2


def test_on_f2fs_the_images_are_pinned(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    phone = setup.connected(monkeypatch, tmp_path, filesystem="f2fs")
    added(phone, tmp_path)
    assert any(" pin " in command for command in phone.scripted.commands)


def test_a_name_that_is_there_is_refused(phone: StorePhone, tmp_path: Path) -> None:
    added(phone, tmp_path)
    with raises(
        RefusedError,
        "there is a ROM linux on this phone already",
        "Nothing was written.",
        "Choose another name, or remove that one: hardboot rom remove linux",
    ):
        added(phone, tmp_path)


def test_a_rom_that_does_not_fit_is_refused_before_anything_is_written(
    phone: StorePhone, tmp_path: Path
) -> None:
    new = setup.linux(tmp_path)
    assert new.room > new.size + len(RAMDISK)  # what a start from the phone itself needs is counted
    phone.leave_free(RESERVE + new.room - 2048)
    with pytest.raises(RefusedError, match=r"linux needs .* on /data, .* are free, of"):
        added(phone, tmp_path)
    assert phone.names() == []
    phone.leave_free(RESERVE + new.room + 2048)
    added(phone, tmp_path)


def test_a_ramdisk_that_has_hb_init_is_refused_before_anything_is_written(
    phone: StorePhone, tmp_path: Path
) -> None:
    new = setup.linux(tmp_path)
    image = rom_image(tmp_path, ramdisk=newc(b"hb-init", mode=0o040755) + RAMDISK)
    with pytest.raises(RefusedError, match="the ramdisk has a /hb-init already"):
        add.check(phone.phone, replace(new, boot={"boot": image.read_bytes()}))
    # The generic kernel of Android 13 and later: its ramdisk is in the phone's init_boot.
    add.check(phone.phone, replace(new, boot={"boot": boot_v4(ramdisk=b"")}))


@pytest.mark.parametrize(
    ("flag", "reason"),
    [(0x800, "allocated but not written"), (0x2000, "shared with another file"), (0x80, "encrypts")],
)
def test_blocks_that_are_not_its_own_are_refused_and_nothing_stays(
    phone: StorePhone, tmp_path: Path, flag: int, reason: str
) -> None:
    phone.blocks.flags["root.img"] = flag
    with pytest.raises(RefusedError, match=reason):
        added(phone, tmp_path)
    assert phone.names() == []


def test_a_raw_partition_that_holds_something_else_is_refused(phone: StorePhone, tmp_path: Path) -> None:
    phone.blocks.spoilt[1 << 20] = b"encrypted"
    with raises(
        RefusedError,
        "the blocks of root on the raw partition hold something else than the file",
        "Nothing was kept on the phone.",
        "The phone encrypts or moves what it writes to /data: ROMs cannot be stored on it.",
    ):
        added(phone, tmp_path)
    assert phone.names() == []


def test_an_image_that_is_not_what_was_sent_is_refused(phone: StorePhone, tmp_path: Path) -> None:
    def spoil() -> None:
        node = phone.scripted.files.find(f"{STORE}/.linux.new/root.img")
        assert node
        node.write(5000, b"x")

    phone.scripted.fault("*/agent pour *", after=spoil)
    with raises(
        DeviceError,
        "root does not hold on the phone what was written",
        "Nothing was kept on the phone.",
        "Try again; check cable, port and the phone's kernel log (adb shell su -c dmesg).",
    ):
        added(phone, tmp_path)
    assert phone.names() == []


@pytest.mark.parametrize("kind", KINDS)
def test_wherever_adding_is_cut_off_the_rom_is_whole_or_absent(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, kind: Kind
) -> None:
    undisturbed = Cut()
    assert _cut_off(monkeypatch, tmp_path, undisturbed).names() == ["linux"]
    assert undisturbed.seen > 15
    seen = set()
    for number in range(undisturbed.seen):
        phone = _cut_off(monkeypatch, tmp_path / str(number), Cut(number, kind))
        names = tuple(phone.names())
        seen.add(names)
        again = setup.reconnected(phone)
        if "linux" in names:
            assert names == ("linux",)
            stored.find(again.phone, "linux")
        else:
            added(again, tmp_path)
        assert again.names() == ["linux"]
        assert again.content("linux/root.img") == setup.ROOT
    assert {(), (".linux.new",)} <= seen


def _cut_off(monkeypatch: pytest.MonkeyPatch, folder: Path, cut: Cut) -> StorePhone:
    """Add a ROM to a new phone, and cut that off; return the phone."""
    folder.mkdir(exist_ok=True)
    phone = setup.connected(monkeypatch, folder)
    phone.phone.transport = CutTransport(phone.scripted, cut)
    with contextlib.suppress(HardbootError, Killed):
        added(phone, folder)
    return phone


def test_a_rom_is_removed_with_its_blocks(phone: StorePhone, tmp_path: Path) -> None:
    added(phone, tmp_path)
    added(phone, tmp_path, name="other")
    stored.remove(phone.phone, "linux")
    assert phone.names() == ["other"]


def test_leftovers_of_a_removal_are_cleared_and_foreign_files_stay(phone: StorePhone, tmp_path: Path) -> None:
    added(phone, tmp_path)
    for name in (".linux.gone", ".x.new", "lost+found", "a b", ".hidden"):
        phone.scripted.add_file(f"{STORE}/{name}/root.img", b"x")
    found = stored.look(phone.phone)
    assert (found.names, found.unfinished) == (("linux", "lost+found"), (".linux.gone", ".x.new"))
    assert found.foreign == (".hidden", "a b")
    stored.clear(phone.phone, found)
    assert phone.names() == [".hidden", "a b", "linux", "lost+found"]
    damaged = stored.manifests_of(phone.phone)[1]
    assert isinstance(damaged, Damaged)
    assert damaged.name == "lost+found"


def test_a_rom_that_is_not_there_is_refused_with_the_nearest_name(phone: StorePhone, tmp_path: Path) -> None:
    with raises(
        InputError,
        "there is no ROM linux on this phone",
        "Nothing was changed.",
        "Add one: hardboot rom add NAME IMAGE",
    ):
        stored.find(phone.phone, "linux")
    added(phone, tmp_path)
    with raises(
        InputError,
        "there is no ROM linus on this phone; did you mean linux?",
        "Nothing was changed.",
        "List the ROMs: hardboot rom list",
    ):
        stored.find(phone.phone, "linus")


def test_files_kept_for_later_loads_make_room_for_a_rom(phone: StorePhone, tmp_path: Path) -> None:
    new = setup.linux(tmp_path)
    phone.scripted.add_file(f"{kept_files.FOLDER}/{'0' * 64}-8388608", bytes(8 << 20))
    phone.leave_free(RESERVE + new.room - (4 << 20))
    add.check(phone.phone, new, frees=False)
    assert phone.scripted.files.find(kept_files.FOLDER)
    phone.leave_free(RESERVE + new.room - (12 << 20))
    with pytest.raises(RefusedError, match=r"needs .* on /data"):
        add.check(phone.phone, new, frees=False)
    phone.leave_free(RESERVE + new.room - (4 << 20))
    add.add(phone.phone, new, add.check(phone.phone, new))
    assert phone.names() == ["linux"]
    assert phone.scripted.files.find(kept_files.FOLDER) is None


def test_a_dry_run_leaves_what_another_command_goes_on_with_and_counts_its_room(
    phone: StorePhone, tmp_path: Path
) -> None:
    new = setup.linux(tmp_path)
    phone.scripted.add_file(f"{STORE}/.other.new/root.img", bytes(8 << 20))
    phone.leave_free(RESERVE + new.room - (4 << 20))
    add.check(phone.phone, new, frees=False)
    assert phone.content(".other.new/root.img") == bytes(8 << 20)
    add.check(phone.phone, new)
    assert phone.names() == []
