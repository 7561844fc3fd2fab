"""An image of a stored ROM is mounted by its blocks, only where that is safe, and nothing is left."""

import errno
from pathlib import Path

import pytest
import scripted_setup
import store_setup as setup
from msgspec.structs import replace
from scripted_phone import File
from store_files import DISK, images, pulled, pushed
from store_setup import StorePhone
from told import raises

from hardboot.base.errors import DeviceError, InputError, RefusedError
from hardboot.device import record
from hardboot.flows.store import add, archive, clone, resize, stored
from hardboot.flows.store.mounted import mounted
from hardboot.flows.store.place import STORE
from hardboot.flows.store.write_image import NewImage


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    found = setup.with_linux(monkeypatch, tmp_path)
    found.scripted.commands.clear()
    return found


def test_a_rom_that_runs_and_one_that_is_not_there_are_refused(
    phone: StorePhone, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = "androidboot.hardboot=01234567"
    phone.scripted.start(phone.scripted.boots[0][1], cmdline=f"quiet {mark}", after_s=0)
    setup.prepare(phone.scripted)
    phone.scripted.clock.now += 60
    kernel = phone.phone.kernel()
    known = record.describe(
        kernel, "fastboot", image="linux", sha256="0" * 64, release=None, mark=mark, cmdline=""
    )
    record.remember(phone.phone, known)
    for access in ("rw", "replay"):
        with (
            raises(
                RefusedError,
                "the phone runs linux, not its own system",
                "Nothing was mounted.",
                "Reach the files of a running ROM by adb; or restart the phone: hardboot reboot",
            ),
            mounted(phone.phone, "linux", None, access),
        ):
            pass
    # Another ROM, which shares the phone's data, keeps nobody away.
    record.remember(phone.phone, replace(known, image="kernel"))
    with mounted(phone.phone, "linux", None, "replay"):
        pass
    with pytest.raises(RefusedError, match="the phone runs kernel"), mounted(phone.phone, "x", None, "ro"):
        pass


def test_blocks_that_have_moved_are_never_mounted(phone: StorePhone) -> None:
    node = phone.scripted.files.find(f"{STORE}/linux/root.img")
    assert isinstance(node, File)
    phone.blocks.move(node)
    with pytest.raises(RefusedError, match="have moved"), mounted(phone.phone, "linux", None, "replay"):
        pass
    assert images(phone).mounts == []


def test_an_image_that_it_does_not_have_is_refused(phone: StorePhone) -> None:
    told = "linux has no image data: it has root", "Nothing was mounted.", "Choose one: --image root"
    with raises(InputError, *told), mounted(phone.phone, "linux", "data", "replay"):
        pass


def test_a_kernel_has_no_image_and_a_system_is_read_only(phone: StorePhone, tmp_path: Path) -> None:
    boot = scripted_setup.rom_image(tmp_path).read_bytes()
    kernel = add.NewRom(name="kernel", kind="kernel", boot={"boot": boot}, images={})
    add.add(phone.phone, kernel, add.check(phone.phone, kernel))
    with (
        raises(
            InputError,
            "kernel has no image of its own: it is a kernel for the phone's own system",
            "Nothing was mounted.",
            "Its files are the phone's: adb shell",
        ),
        mounted(phone.phone, "kernel", None, "replay"),
    ):
        pass
    system = NewImage(setup.ROOT, changes=False, read_only=True)
    boot = scripted_setup.rom_image(tmp_path, ramdisk=setup.ANDROID_RAMDISK).read_bytes()
    android = add.NewRom(
        name="android",
        kind="android",
        boot={"boot": boot},
        images={"system": system, "data": NewImage(setup.ROOT)},
    )
    add.add(phone.phone, android, add.check(phone.phone, android))
    with mounted(phone.phone, "android", "system", "replay") as one:
        assert one.mount.access == "ro"
    with mounted(phone.phone, "android", None, "rw") as one:
        assert (one.image.name, one.mount.access) == ("data", "rw")
    with (
        pytest.raises(RefusedError, match="the image system of android is read-only"),
        mounted(phone.phone, "android", "system", "rw"),
    ):
        pass


def test_an_image_in_use_is_refused_and_what_a_cut_left_is_cleared(phone: StorePhone, tmp_path: Path) -> None:
    def leave() -> None:
        phone.scripted.add_file("/sys/block/dm-0/dm/name", f"{DISK}\n")

    leave()
    with mounted(phone.phone, "linux", None, "replay") as one:
        assert one.list([b"/"], below=True)
    assert phone.scripted.files.find("/sys/block/dm-0/dm/name") is None
    leave()
    stored.remove(phone.phone, "linux")
    add_again = setup.linux(tmp_path)
    add.add(phone.phone, add_again, add.check(phone.phone, add_again))
    leave()
    images(phone).used.add(DISK)
    told = (
        "an image of linux is mounted on the phone",
        "Nothing was changed.",
        "End what uses it, or restart the phone: hardboot reboot",
    )
    with raises(RefusedError, *told), mounted(phone.phone, "linux", None, "replay"):
        pass
    with raises(RefusedError, *told):  # its blocks would be given to other files
        stored.remove(phone.phone, "linux")
    known = stored.find(phone.phone, "linux")
    with raises(RefusedError, *told):  # what is in memory of its file may be older than its blocks
        clone.clone(phone.phone, known, "copy")
    with raises(RefusedError, *told):
        resize.resize(phone.phone, known, 8 << 20)
    with raises(RefusedError, *told):
        archive.save(phone.phone, known, tmp_path / "backup.tar.zst")
    assert phone.names() == ["linux"]
    phone.scripted.files.nodes.pop("/sys/block/dm-0/dm/name")
    with raises(RefusedError, *told), mounted(phone.phone, "linux", None, "replay") as one:
        one.list([b"/"], below=True)


def test_an_image_that_stays_mounted_is_told(phone: StorePhone) -> None:
    with (
        raises(
            DeviceError,
            "the image root of linux is still mounted on the phone",
            "A program that was started in it may still run.",
            "End it, or restart the phone: hardboot reboot",
        ),
        mounted(phone.phone, "linux", None, "replay"),
    ):
        phone.scripted.add_file("/sys/block/dm-7/dm/name", f"{DISK}\n")


@pytest.mark.parametrize(
    ("said", "what"),
    [
        (
            ("no device mapper", errno.ENODEV),
            "the host kernel has no device mapper, and through the file its blocks could move",
        ),
        (
            (f"mount {DISK}", errno.ENODEV),
            f"the image root of linux cannot be mounted: mount {DISK}: no such device (ENODEV)",
        ),
        (("in use x", errno.EBUSY), "an image of linux is mounted on the phone"),
    ],
)
def test_a_host_that_cannot_mount_it_is_refused(
    phone: StorePhone, tmp_path: Path, said: tuple[str, int], what: str
) -> None:
    images(phone).unmountable = said
    for use in (lambda: pulled(phone, ["/"], tmp_path), lambda: pushed(phone, [tmp_path], "/")):
        with pytest.raises(RefusedError) as caught:
            use()
        assert caught.value.what == what
