"""fastboot on the 32-bit phone, by Debian's own client."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from phones import VirtualPhone

pytestmark = pytest.mark.e2e


@pytest.fixture
def waiting(stock_phone: VirtualPhone) -> Iterator[VirtualPhone]:
    """Yield the phone in fastboot; afterwards it runs again."""
    stock_phone.start("--fastboot")
    yield stock_phone
    stock_phone.restart()


def test_variables_are_those_of_a_phone_without_slots(waiting: VirtualPhone) -> None:
    assert waiting.fastboot.variable("product") == "virt-arm"
    assert waiting.fastboot.variable("slot-count") == "0"
    assert waiting.fastboot.variable("has-slot:boot") == "no"
    assert waiting.fastboot.variable("unlocked") == "yes"
    assert waiting.fastboot.refused("getvar", "current-slot") == "this device has no slots"


def test_recovery_is_flashed_and_a_rom_booted_without_flashing(
    waiting: VirtualPhone, roms: dict[str, Path]
) -> None:
    factory, before = waiting.status.factory_image, waiting.boot_partition_sha256()
    waiting.fastboot.good("flash", "recovery", roms["minimal"])
    assert waiting.read_partition("recovery").startswith(roms["minimal"].read_bytes())
    waiting.fastboot.good("flash", "recovery", factory.with_name("factory-recovery.img"))
    resets = waiting.status.resets
    waiting.fastboot.good("boot", roms["minimal"])
    waiting.wait(resets - 1)
    assert waiting.run("getprop ro.build.display.id") == "minimal\n"
    assert waiting.boot_partition_sha256() == before


def test_a_locked_phone_refuses_to_boot_a_foreign_image(
    stock_phone: VirtualPhone, roms: dict[str, Path]
) -> None:
    stock_phone.start("--locked")
    assert stock_phone.run("getprop ro.boot.flash.locked") == "1\n"
    before = stock_phone.read_partition("boot")
    stock_phone("virtual", "stop")
    stock_phone.write_partition("boot", roms["minimal"].read_bytes())
    refused = stock_phone.start("--locked", code=5)
    assert "Your device is corrupt" in refused.three_lines[0]
    assert stock_phone.fastboot.refused("erase", "misc") == "erase is not allowed in lock state"
    stock_phone("virtual", "stop")
    stock_phone.write_partition("boot", before)
    stock_phone.restart()
