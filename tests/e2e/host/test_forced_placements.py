"""What the planner refuses really fails: placements that were measured to fail, forced past the planner."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from phones import VirtualPhone

from hardboot import layout
from hardboot.base.errors import DeviceError, DeviceStateError, RefusedError
from hardboot.device.phone import Phone, connected
from hardboot.flows import load, rom
from hardboot.flows.execute import execute
from hardboot.flows.journal import Journal
from hardboot.flows.load import PreparedRom
from hardboot.virtual import classic

pytestmark = pytest.mark.e2e

CMDLINE = classic.DEBIAN_CMDLINE.replace("panic=5", "panic=0")
STARTED = "Linux version"  # the first line of a kernel that found its console
UP = "init: boot completed"
JUMP = "Starting kernel ..."  # U-Boot's last word
UNPACKED = 0x418ED000  # base + 0x18ed000: kexec-tools puts the ramdisk of Debian's kernel there


@dataclass
class Bench:
    """A host phone, connected, and its console."""

    virtual: VirtualPhone
    phone: Phone

    def forced(
        self, image: Path, *, kernel: int = 0x45000000, initrd: int = 0x46000000, dtb: int = 0x46F00000
    ) -> tuple[PreparedRom, set[str]]:
        """Return a boot of `image` with segments there, and the rules that the planner refuses it by."""
        prepared = load.prepare(self.phone, rom.read(image), Journal("virt-arm", "x"), cmdline=CMDLINE)
        tree = self.phone.device_tree()
        guest = prepared.rom.guest(tree=tree, live_tree=tree, cmdline=prepared.cmdline.text)
        where = self.phone.profile, guest, prepared.live
        plan = layout.assemble(*where, kernel=kernel, initrd=initrd, dtb=dtb)
        constraints = layout.gather_constraints(*where)
        broken = {one.rule for one in layout.violations(constraints, plan.segments)}
        if broken:
            with pytest.raises(RefusedError, match=f"layout rule ({'|'.join(broken)}):"):
                layout.check(constraints, plan.segments)
        return replace(prepared, plan=plan), broken

    def execute(self, prepared: PreparedRom, until: str, patience_s: float) -> str:
        """Load and execute; what the console shows from the jump on, until `until` or for `patience_s`."""
        journal = Journal("virt-arm", "x", host=self.phone.kernel())
        console = self.virtual.status.console
        before, resets = console.stat().st_size, self.virtual.status.resets
        load.load(self.phone, prepared, journal)
        with pytest.raises(DeviceStateError, match="silent"):  # nothing answers so soon
            execute(self.phone, journal, wait_s=0.5)
        start = time.monotonic()
        jumped, said = time.monotonic(), ""
        while until not in said and time.monotonic() < jumped + patience_s:
            time.sleep(0.1)
            _, jump, said = console.read_bytes()[before:].decode(errors="replace").partition(JUMP)
            if not jump:
                jumped = time.monotonic()
                assert jumped < start + 60, "the bootloader did not come back"
        assert self.virtual.status.resets == resets + 1, "the phone was reset, once"
        return said


@contextmanager
def _bench(virtual: VirtualPhone) -> Iterator[Bench]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_STATE_HOME", virtual.hardboot.environment["XDG_STATE_HOME"])
        with connected(virtual.serial, None) as phone:
            yield Bench(virtual, phone)


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
