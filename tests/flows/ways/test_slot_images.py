"""What the other slot gets, from sets of header v4: all that a bootloader joins, and of one version."""

from pathlib import Path

import image_sets as build
import modern_setup as modern
import pytest
from modern_setup import IMAGES
from told import raises

from hardboot.base.errors import RefusedError
from hardboot.device.phone import Phone
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.ways import slot_images
from hardboot.formats.boot import bootimg

LINE = "androidboot.hardboot=01234567 own=1"


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Phone:
    return modern.install(modern.phone_with_slots(), monkeypatch, tmp_path / "state")


def images(phone: Phone, files: RomFiles) -> dict[str, bytes]:
    """Return the content of each image."""
    made = slot_images.make(phone, files.read().complete(phone), LINE, 0)
    return {name.removesuffix("_a"): b"".join(map(bytes, image.content)) for name, image in made.items()}


def test_a_whole_set_is_written_as_it_is_but_for_the_mark(phone: Phone, tmp_path: Path) -> None:
    given = build.image_set() | {"dtbo": IMAGES["dtbo"]}
    found = images(phone, RomFiles(build.write_set(tmp_path / "set", given)))
    assert {name: found[name] for name in found.keys() - {"boot"}} == {
        name: given[name] for name in given.keys() - {"boot"}
    }
    boot, own = bootimg.parse(found["boot"]), bootimg.parse(given["boot"])
    assert boot.cmdline == LINE
    assert bytes(boot.kernel) == bytes(own.kernel)


def test_what_a_set_lacks_is_that_of_the_slot_that_runs(phone: Phone, tmp_path: Path) -> None:
    path = tmp_path / "boot.img"
    path.write_bytes(build.boot_v4())
    found = images(phone, RomFiles(path))
    assert set(found) == {"boot", "init_boot", "vendor_boot", "dtbo"}
    for name in ("init_boot", "vendor_boot", "dtbo"):
        assert IMAGES[name].startswith(found[name].rstrip(b"\0"))
    assert found["init_boot"].startswith(b"ANDROID!")


def test_an_image_without_a_place_in_the_slot_is_refused(
    phone: Phone, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, dtbo = tmp_path / "boot.img", tmp_path / "dtbo.img"
    path.write_bytes(build.boot_v4())
    dtbo.write_bytes(IMAGES["dtbo"])
    monkeypatch.delitem(phone.profile.partitions, "dtbo")
    with raises(
        RefusedError,
        f"{phone.profile.title} has no partition dtbo in its slots, as far as its profile knows",
        "Nothing was sent.",
        "Leave out dtbo, or add the partition to the profile.",
    ):
        images(phone, RomFiles(path, {"dtbo": dtbo}))
    assert "dtbo" not in images(phone, RomFiles(path))


def test_parts_of_a_set_are_not_replaced(phone: Phone, tmp_path: Path) -> None:
    path, ramdisk = tmp_path / "boot.img", tmp_path / "ramdisk"
    path.write_bytes(build.boot_v4())
    ramdisk.write_bytes(build.GENERIC)
    with raises(
        RefusedError,
        "the ramdisk of a ROM of several images cannot be replaced when it is flashed",
        "Nothing was sent.",
        "Change the images themselves: hardboot unpack, hardboot pack.",
    ):
        images(phone, RomFiles(path, ramdisk=ramdisk))
