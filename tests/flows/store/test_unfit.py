"""ROMs that cannot be stored: generic system images, and kernels without device mapper."""

import shutil
from dataclasses import replace
from pathlib import Path

import container_builders as build
import pytest
import scripted_setup
import store_setup as setup
from cpio_archives import END, newc
from image_builders import board, kernel_with_config, pack, zimage
from in_process import hardboot
from ramdisks import ARCHIVE
from store_setup import StorePhone

from hardboot.base.errors import RefusedError
from hardboot.flows.store import add
from hardboot.images import filesystem

WHOLE = "CONFIG_BLK_DEV_INITRD=y\n"


@pytest.fixture
def phone(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> StorePhone:
    return setup.connected(monkeypatch, tmp_path)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    path = tmp_path / "lineage-gsi.img"
    filesystem.make(path, 4 << 20)
    return path


def told(*words: str | Path) -> str:
    done = hardboot(*words)
    assert done.returncode == 4, done.stderr
    return " ".join(done.stderr.split())


@pytest.mark.parametrize("name", ["lineage-gsi.img", "folder/system.img"])
def test_a_system_image_alone_is_left_to_dsu_and_its_command_is_told(
    phone: StorePhone, system: Path, tmp_path: Path, name: str
) -> None:
    given = system
    if name.startswith("folder"):
        given = tmp_path / "folder"
        given.mkdir()
        shutil.copy(system, given / "system.img")
    text = told("rom", "add", "gsi", given, "--data", "6G")
    assert f"{given.name} is a system image without a kernel: a generic system image (GSI)" in text
    assert "am start-activity -n com.android.dynsystem/com.android.dynsystem.VerificationActivity" in text
    assert "--el KEY_SYSTEM_SIZE 4194304 --el KEY_USERDATA_SIZE 6442450944" in text
    assert phone.names() == []


def test_a_system_without_vendor_is_left_to_dsu_where_the_vendor_is_in_super(
    phone: StorePhone, system: Path, tmp_path: Path
) -> None:
    boot = scripted_setup.rom_image(tmp_path, ramdisk=setup.ANDROID_RAMDISK)
    words = ("rom", "add", "a", boot, "--system", system, "--data", "4M")
    phone.scripted.properties["ro.boot.dynamic_partitions"] = "true"
    text = told(*words)
    assert "a has no vendor image, and the phone's own lies in a dynamic partition" in text
    assert "KEY_SYSTEM_SIZE 4194304 --el KEY_USERDATA_SIZE 4194304" in text
    assert phone.names() == []
    del phone.scripted.properties["ro.boot.dynamic_partitions"]
    assert hardboot(*words).returncode == 0
    assert phone.names() == ["a"]
    phone.scripted.properties["ro.boot.dynamic_partitions"] = "true"
    vendor = hardboot("rom", "add", "b", *words[3:], "--vendor", system)
    assert vendor.returncode == 0, vendor.stderr


@pytest.mark.parametrize(
    ("ramdisk", "what"),
    [
        (ARCHIVE, "no fstab in the ramdisk mounts system and data"),
        (
            newc(b"fstab.mine", b"/dev/x /system ext4 ro wait\n") + ARCHIVE,
            "no fstab in the ramdisk mounts data",
        ),
        (setup.FSTAB + END, "there is no /init in the ramdisk"),
    ],
)
def test_an_android_rom_that_could_never_start_is_refused_before_anything_is_sent(
    phone: StorePhone, system: Path, tmp_path: Path, ramdisk: bytes, what: str
) -> None:
    boot = scripted_setup.rom_image(tmp_path, ramdisk=ramdisk)
    for more in ((), ("--dry-run",)):
        assert what in told("rom", "add", "a", boot, "--system", system, "--data", "4M", *more)
    assert phone.names() == []
    assert not phone.scripted.happened("push *")


def image(config: str) -> bytes:
    kernel = zimage(payload=pack(kernel_with_config("6.6.0-rom", config), "gzip"))
    return build.boot(kernel + board("mine"), scripted_setup.RAMDISK, cmdline=b"console=ttyAMA0")


@pytest.mark.parametrize(
    ("config", "refused"),
    [
        (f"{WHOLE}# CONFIG_BLK_DEV_DM is not set\n", True),
        (WHOLE, True),
        (f"{WHOLE}CONFIG_BLK_DEV_DM=y\n", False),
        (f"{WHOLE}CONFIG_BLK_DEV_DM=m\n", False),  # its ramdisk is looked at when it is started
        ("CONFIG_KEXEC=y\n", False),  # a part of a configuration tells nothing
    ],
)
def test_a_kernel_without_device_mapper_is_refused_before_anything_is_written(
    phone: StorePhone, tmp_path: Path, config: str, *, refused: bool
) -> None:
    new = replace(setup.linux(tmp_path), boot={"boot": image(config)})
    if not refused:
        add.check(phone.phone, new)
        return
    with pytest.raises(RefusedError, match=r"6\.6\.0-rom was built without CONFIG_BLK_DEV_DM"):
        add.check(phone.phone, new)
    # Another kernel for the phone's own system has no disks.
    add.check(phone.phone, replace(new, kind="kernel", images={}, root=None))


def test_device_mapper_as_a_module_must_lie_in_the_ramdisk(phone: StorePhone, tmp_path: Path) -> None:
    new = replace(setup.linux(tmp_path), boot={"boot": image(f"{WHOLE}CONFIG_BLK_DEV_DM=m\n")})
    add.add(phone.phone, new, add.check(phone.phone, new))
    text = told("rom", "boot", "linux")
    assert "has CONFIG_BLK_DEV_DM as a module, which its ramdisk does not bring" in text
