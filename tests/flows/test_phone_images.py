"""What a ROM lacks comes from the slot that the phone runs from."""

from pathlib import Path

import image_sets as build
import modern_setup as setup
import pytest
from scripted_phone import BlockDevice, ScriptedPhone, flip

from hardboot.base.errors import DeviceError, InputError
from hardboot.device.phone import Phone
from hardboot.flows import phone_images, rom
from hardboot.formats.trees import fdt

PHONES_RAMDISK = b"the phone's vendor ramdiskthe phone's generic ramdisk"


@pytest.fixture
def scripted() -> ScriptedPhone:
    return setup.phone_with_slots()


@pytest.fixture
def phone(scripted: ScriptedPhone, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Phone:
    return setup.install(scripted, monkeypatch, tmp_path / "state")


def given(folder: Path, **images: bytes) -> rom.Rom:
    return rom.read(build.write_set(folder / "rom", {"boot": build.boot_v4(cmdline=b"new=1"), **images}))


def test_what_is_missing_is_taken_from_the_running_slot_and_told(
    phone: Phone, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = phone_images.complete(phone, given(tmp_path))
    assert bytes(found.ramdisks()) == PHONES_RAMDISK
    assert found.cmdline == f"{build.VENDOR_CMDLINE} new=1"
    assert found.given == {"boot"}
    assert found.trees == ()  # the live tree is that of the phone's vendor_boot
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(" (")[0] for line in lines] == [
        "Reading vendor_boot_b of the phone",
        "vendor_boot: vendor_boot_b of the phone",
        "Reading init_boot_b of the phone",
        "init_boot: init_boot_b of the phone",
    ]


def test_only_what_is_missing_is_taken(phone: Phone, scripted: ScriptedPhone, tmp_path: Path) -> None:
    init_boot = build.boot_v4(b"", b"new")
    found = phone_images.complete(phone, given(tmp_path, init_boot=init_boot))
    assert bytes(found.ramdisks()) == b"the phone's vendor ramdisknew"
    assert not scripted.happened("*init_boot*")
    complete = given(tmp_path, init_boot=init_boot, vendor_boot=build.vendor_boot())
    scripted.events.clear()
    assert phone_images.complete(phone, complete) is complete
    assert scripted.events == []


def test_a_set_with_a_tree_of_its_own_gets_the_phones_overlays(phone: Phone, tmp_path: Path) -> None:
    images = {"init_boot": build.boot_v4(b"", b"new"), "vendor_boot": build.vendor_boot(dtb=setup.BASE)}
    found = phone_images.complete(phone, given(tmp_path, **images))
    assert found.overlays is not None
    assert [one.tree for one in found.overlays] == [fdt.parse(one) for one in setup.OVERLAYS]
    unneeded = phone_images.complete(phone, given(tmp_path, **images), unneeded=("dtbo",))
    assert unneeded.overlays is None


def test_a_partition_is_read_again_only_if_it_changed(phone: Phone, scripted: ScriptedPhone) -> None:
    first = phone_images.own(phone)
    pulls = scripted.happened("pull */partition")
    assert len(pulls) == 3
    again = phone_images.own(phone)
    assert scripted.happened("pull */partition") == pulls
    assert again.sha256 == first.sha256
    node = scripted.files.find("/dev/block/by-name/init_boot_b")
    assert isinstance(node, BlockDevice)
    node.flash = node.cached = build.boot_v4(b"", b"changed").ljust(setup.SIZE, b"\0")
    assert bytes(phone_images.own(phone).ramdisks()) == b"the phone's vendor ramdiskchanged"
    assert len(scripted.happened("pull */partition")) == 4


def test_only_the_image_is_read_and_not_what_is_behind_it(phone: Phone, tmp_path: Path) -> None:
    phone_images.own(phone)
    for name in ("boot", "vendor_boot", "init_boot"):
        (kept,) = (tmp_path / "state").rglob(f"{name}_b.img")
        assert kept.read_bytes() == setup.IMAGES[name]
        assert len(setup.IMAGES[name]) < setup.SIZE


def test_a_kept_copy_that_was_changed_is_not_used(phone: Phone, tmp_path: Path) -> None:
    phone_images.own(phone)
    (kept,) = (tmp_path / "state").rglob("init_boot_b.img")
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(b"something else")
    assert bytes(phone_images.own(phone).ramdisks()) == PHONES_RAMDISK


def test_the_phones_own_rom_is_that_of_its_slot(phone: Phone) -> None:
    own = phone_images.own(phone)
    assert own.path == Path("boot_b")
    assert own.cmdline == f"{build.VENDOR_CMDLINE} own=1"
    assert bytes(own.ramdisks()) == PHONES_RAMDISK
    assert (own.trees, own.given) == ((), frozenset())


def test_what_neither_the_set_nor_the_phone_has_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    phone = setup.install(setup.phone_with_slots(), monkeypatch, tmp_path / "state")
    del phone.profile.partitions["vendor_boot"]
    with pytest.raises(InputError, match="the vendor_boot image is missing"):
        phone_images.complete(phone, given(tmp_path))
    unneeded = ("vendor_boot", "init_boot")
    assert phone_images.complete(phone, given(tmp_path), unneeded=unneeded).vendor is None


def test_an_image_that_arrives_damaged_is_refused(
    phone: Phone, scripted: ScriptedPhone, tmp_path: Path
) -> None:
    scripted.fault("pull *", alters=flip(0))
    with pytest.raises(DeviceError, match="arrived damaged"):
        phone_images.complete(phone, given(tmp_path))


def test_a_partition_that_holds_no_image_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    scripted = setup.phone_with_slots({**setup.IMAGES, "vendor_boot": b"nothing"})
    phone = setup.install(scripted, monkeypatch, tmp_path / "state")
    with pytest.raises(InputError, match=r"^vendor_boot_b: vendor boot image: magic"):
        phone_images.complete(phone, given(tmp_path))
