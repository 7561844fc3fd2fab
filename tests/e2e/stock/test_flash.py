"""flash-host-kernel and restore on a phone out of the box."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from flashing import flashed, restored
from phones import VirtualPhone

from hardboot.base.errors import DeviceStateError, RefusedError
from hardboot.device.phone import Phone, connect
from hardboot.flows import backup
from hardboot.flows.backup import Backup
from hardboot.transport.base import Output
from hardboot.virtual import machine

pytestmark = pytest.mark.e2e


@pytest.fixture
def host_image(stock_phone: VirtualPhone, host_zimage: Path, tmp_path: Path) -> Path:
    made = tmp_path / "host.img"
    stock_phone("host-image", stock_phone.status.factory_image, "--kernel", host_zimage, "-o", made)
    return made


@pytest.fixture
def phone(stock_phone: VirtualPhone, monkeypatch: pytest.MonkeyPatch) -> Iterator[Phone]:
    """Yield the same phone, held in this process to put faults between it and the flow."""
    monkeypatch.setenv("XDG_STATE_HOME", stock_phone.hardboot.environment["XDG_STATE_HOME"])
    found = connect(stock_phone.serial, None)
    yield found
    found.transport.close()


@pytest.fixture
def saved(phone: Phone) -> Backup:
    """Return a backup of this phone's boot partition."""
    if not backup.find(phone.serialno, "boot"):
        factory = machine.status().factory_image
        flashed(phone, factory)  # it is there already: only backed up
    return backup.find(phone.serialno, "boot")[0]


def test_a_phone_out_of_the_box_is_no_host(stock_phone: VirtualPhone, roms: dict[str, Path]) -> None:
    refused = stock_phone("boot", roms["minimal"], "--via", "hardboot", code=4)
    assert "has no hardboot support" in refused.three_lines[0]
    assert "flash-host-kernel" in refused.three_lines[2]


def test_the_stock_image_is_refused_as_a_host(stock_phone: VirtualPhone) -> None:
    before = stock_phone.boot_partition_sha256()
    refused = stock_phone("flash-host-kernel", stock_phone.status.factory_image, "--yes", code=4)
    assert "has no hardboot support" in refused.three_lines[0]
    assert stock_phone.boot_partition_sha256() == before


def test_a_damaged_image_is_refused(stock_phone: VirtualPhone, host_image: Path, tmp_path: Path) -> None:
    data = bytearray(host_image.read_bytes())
    data[len(data) // 2] ^= 1
    bad = tmp_path / "bad.img"
    bad.write_bytes(data)
    assert "id in its header" in stock_phone("flash-host-kernel", bad, "--yes", code=3).three_lines[0]


def test_nothing_is_written_without_a_yes(stock_phone: VirtualPhone, host_image: Path) -> None:
    before = stock_phone.boot_partition_sha256()
    assert "--yes" in stock_phone("flash-host-kernel", host_image, code=4).three_lines[2]
    assert stock_phone.boot_partition_sha256() == before


class BadFlash:
    """The phone's root shell, with a flash memory that changes a byte of what is written `times` times."""

    def __init__(self, phone: Phone, times: int) -> None:
        self._root = phone.root
        self._left = times

    def __call__(self, command: str, *, timeout_s: float = 30) -> Output:
        output = self._root(command, timeout_s=timeout_s)
        if "of=/dev/vda2" in command and self._left:
            self._left -= 1
            damage = "echo x | dd of=/dev/vda2 bs=1 seek=5000 conv=notrunc,fsync 2>/dev/null"
            assert self._root(damage).code == 0
        return output


def test_a_write_that_reads_back_differently_is_rolled_back(
    stock_phone: VirtualPhone, phone: Phone, host_image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = stock_phone.boot_partition_sha256()
    monkeypatch.setattr(phone, "root", BadFlash(phone, 1))
    with pytest.raises(DeviceStateError, match="does not hold what was written") as caught:
        flashed(phone, host_image)
    assert "The backup was written" in caught.value.state
    assert stock_phone.boot_partition_sha256() == before


def test_when_the_rollback_fails_too_the_error_says_what_to_do(
    stock_phone: VirtualPhone, phone: Phone, host_image: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as fault:
        fault.setattr(phone, "root", BadFlash(phone, 2))
        with pytest.raises(DeviceStateError, match="does not hold what was written") as caught:
            flashed(phone, host_image)
    assert "it is not known which" in caught.value.state
    # The way out that the error names.
    saved = backup.find("HBVIRT-ARM", "boot")[-1]
    assert str(saved.path) in caught.value.fix
    refused = stock_phone("reboot", code=4)
    assert "boot holds neither the old nor the new content" in refused.three_lines[0]
    assert "now holds what it held before" in stock_phone("home").out
    assert stock_phone.boot_partition_sha256() == saved.sha256


def test_a_backup_of_another_phone_is_refused(phone: Phone, saved: Backup) -> None:
    phone.serialno = "SOMEBODYELSES"
    with pytest.raises(RefusedError, match="SOMEBODYELSES"):
        restored(phone, saved)


def test_a_changed_backup_is_refused(stock_phone: VirtualPhone, saved: Backup) -> None:
    content = saved.path.read_bytes()
    try:
        saved.path.write_bytes(content[:-1] + b"x")
        refused = stock_phone("restore", saved.path, "--yes", code=3)
        assert "is damaged: its SHA-256" in refused.three_lines[0]
    finally:
        saved.path.write_bytes(content)


def test_an_image_larger_than_the_partition_is_refused(phone: Phone, tmp_path: Path) -> None:
    large = tmp_path / "large.img"
    with large.open("wb") as stream:
        stream.truncate((16 << 20) + 1)
    with pytest.raises(RefusedError, match="16777217 bytes"):
        flashed(phone, large)


def test_host_image_keeps_everything_but_the_kernel(
    stock_phone: VirtualPhone, host_image: Path, host_zimage: Path, tmp_path: Path
) -> None:
    import subprocess

    parts = {}
    for name, image in (("old", stock_phone.status.factory_image), ("new", host_image)):
        command: list[str | Path] = ["unpack_bootimg", "--boot_img", image, "--out", tmp_path / name]
        said = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
        parts[name] = [line for line in said.splitlines() if not line.startswith("kernel_size")]
    assert parts["old"] == parts["new"]
    assert (tmp_path / "new/kernel").read_bytes() == host_zimage.read_bytes()
    assert (tmp_path / "new/ramdisk").read_bytes() == (tmp_path / "old/ramdisk").read_bytes()
    information = json.loads(stock_phone("--json", "info", host_image).out)
    assert str(0x44000000) in json.dumps(information)
