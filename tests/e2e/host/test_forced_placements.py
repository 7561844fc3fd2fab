"""What the planner refuses really fails: placements that were measured to fail, forced past the planner."""

import re
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

import pytest
from forced_boots import STARTED, UP, Bench, forced_boots
from phones import VirtualPhone

from hardboot.base.errors import DeviceError
from hardboot.flows import load
from hardboot.flows.journal import Journal
from hardboot.virtual import classic

pytestmark = pytest.mark.e2e

CMDLINE = classic.DEBIAN_CMDLINE.replace("panic=5", "panic=0")
UNPACKED = 0x418ED000  # base + 0x18ed000: kexec-tools puts the ramdisk of Debian's kernel there


def _bench(virtual: VirtualPhone) -> AbstractContextManager[Bench]:
    places = {"kernel": 0x45000000, "initrd": 0x46000000, "dtb": 0x46F00000}
    return forced_boots(virtual, CMDLINE, places)


@pytest.fixture
def bench(host_phone: VirtualPhone) -> Iterator[Bench]:
    with _bench(host_phone) as found:
        yield found
    host_phone.restart()


@dataclass
class Above:
    """A boot with the zImage above the first 128 MiB: it comes up, but not as it should.

    Attributes:
        broken: The rules that the planner refuses it by.
        said: What the guest said until it was up.
        seconds: From the command to load it until then.
    """

    broken: set[str]
    said: str
    seconds: float


@pytest.fixture(scope="module")
def above(_host_phone: VirtualPhone, roms: dict[str, Path]) -> Above:
    if not _host_phone.is_host:
        _host_phone.restart()
    with _bench(_host_phone) as bench:
        prepared, broken = bench.forced(roms["minimal"], kernel=0x50000000, initrd=0x54000000, dtb=0x53000000)
        start = time.monotonic()
        found = Above(broken, bench.execute(prepared, UP, 60), time.monotonic() - start)
    _host_phone.restart()
    return found


@pytest.fixture
def patience_s(above: Above) -> float:
    """Longer than a kernel takes from the jump to its first word: half of all that a boot takes."""
    return max(2, above.seconds / 2)


def test_a_zimage_above_the_first_128_mib_loses_the_ram_below_it(above: Above) -> None:
    assert above.broken == {"zimage-window"}
    assert UP in above.said
    memory = re.search(r"Memory: \d+K/(\d+)K available", above.said)
    assert memory
    assert int(memory[1]) == (1024 - 256) * 1024, "of 1 GiB, what lies below the kernel is missing"


@pytest.mark.parametrize("initrd", [0x74000000, 0x7F000000])
def test_a_ramdisk_in_highmem_hangs_without_a_word(
    bench: Bench, roms: dict[str, Path], patience_s: float, initrd: int
) -> None:
    prepared, broken = bench.forced(roms["minimal"], initrd=initrd)
    lost = {"outside-bootloader"} if initrd == 0x7F000000 else set()
    assert broken == {"initrd-lowmem"} | lost
    assert STARTED not in bench.execute(prepared, STARTED, patience_s)


def test_a_ramdisk_where_the_bootloader_loads_its_own_is_lost(bench: Bench, roms: dict[str, Path]) -> None:
    prepared, broken = bench.forced(roms["debian"], initrd=0x43000000)
    assert broken == {"outside-bootloader"}
    said = bench.execute(prepared, "Initramfs unpacking failed", 60)
    assert "Initramfs unpacking failed" in said


def test_a_ramdisk_where_the_kernel_unpacks_itself_is_lost(bench: Bench, roms: dict[str, Path]) -> None:
    # The zImage lies where it unpacks to, so it moves itself first, over the ramdisk.
    prepared, broken = bench.forced(roms["debian"], kernel=0x40600000, initrd=UNPACKED)
    assert broken == {"decompression-clear"}
    said = bench.execute(prepared, "Kernel panic", 60)
    assert "Kernel panic - not syncing: VFS: Unable to mount root fs" in said


def test_a_segment_over_the_hardboot_page_is_refused_by_the_kernel(
    host_phone: VirtualPhone, roms: dict[str, Path]
) -> None:
    with _bench(host_phone) as bench:
        page = bench.phone.profile.page.start
        prepared, broken = bench.forced(roms["minimal"], initrd=page - 0x1000)
        assert "outside-page" in broken
        with pytest.raises(DeviceError, match="EADDRNOTAVAIL"):
            load.load(bench.phone, prepared, Journal("virt-arm", "x", host=bench.phone.kernel()))
    assert host_phone.kernel["kexec_loaded"] is False
