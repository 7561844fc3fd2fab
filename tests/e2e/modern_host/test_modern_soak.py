"""Many cycles in a row on the phone with slots, two host kernels and three guests: run by `make soak`."""

from pathlib import Path

import pytest
from phones import HostKernels, VirtualPhone

pytestmark = [pytest.mark.e2e, pytest.mark.soak]

CYCLES = 100
SLOTS = ("a", "b")
HOSTS = ("6.1.", "6.12.")  # Linux in each slot


@pytest.fixture
def phone(modern_host_phone: VirtualPhone, host_kernels: HostKernels, tmp_path: Path) -> VirtualPhone:
    """Return the phone with a host kernel of another series in its other slot."""
    image = tmp_path / "host.img"
    boot = modern_host_phone.status.factory_image / "boot.img"
    modern_host_phone("host-image", boot, "--kernel", host_kernels["arm64-6.12"].image, "-o", image)
    modern_host_phone("flash-host-kernel", image, "--slot", "b", "--yes")
    return modern_host_phone


@pytest.mark.timeout(7200)
def test_a_hundred_hardboots_in_a_row_from_both_slots(
    phone: VirtualPhone, modern_debian: Path, modern_rom: Path, host_kernels: HostKernels
) -> None:
    before = [phone.read_partition(f"boot_{slot}") for slot in SLOTS]
    guests: dict[str, list[str | Path]] = {
        "debian": [modern_debian],
        "minimal": [modern_rom],
        "kernel alone": ["--kernel", host_kernels["arm64-6.12"].image],
    }
    running = 0
    for cycle in range(CYCLES):
        name = list(guests)[cycle % len(guests)]
        resets = phone.status.resets
        done = phone("--json", "boot", *guests[name]).json
        assert done["outcome"] == "guest-up"
        assert done["host"]["release"].startswith(HOSTS[running])
        assert phone.status.resets == resets + 1
        # Out of the guest into the host of the other slot.
        running = 1 - running
        phone.run(f"su -c 'bootctl set-active-boot-slot {running}; sync'")
        phone("reboot")
        assert phone.run("getprop ro.boot.slot_suffix").strip() == f"_{SLOTS[running]}"
        assert phone.status.resets == resets + 2
        seconds = sum(phase["seconds"] for phase in done["phases"])
        print(f"cycle {cycle + 1:3} of {CYCLES}: {name:12} {done['guest']['release']:16} {seconds:5.1f} s")
    assert [phone.read_partition(f"boot_{slot}") for slot in SLOTS] == before
