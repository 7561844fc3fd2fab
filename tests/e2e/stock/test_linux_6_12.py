"""The virtual phone with a host kernel of Linux 6.12, whose flag for kexec_load(2) is another one."""

from pathlib import Path

import pytest
from conftest import BUILD_TIMEOUT_S, HostKernels, VirtualPhone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_TIMEOUT_S)]


def test_a_host_kernel_of_linux_6_12_boots_a_rom(
    stock_phone: VirtualPhone, host_kernels: HostKernels, roms: dict[str, Path], tmp_path: Path
) -> None:
    phone, image = stock_phone, tmp_path / "host.img"
    built = host_kernels["arm-6.12"]
    phone("host-image", phone.status.factory_image, "--kernel", built.image, "-o", image)
    phone("flash-host-kernel", image, "--yes", "--reboot")
    try:
        host, resets = phone.kernel, phone.status.resets
        assert host["kernel"]["release"].startswith("6.12.")
        assert host["hardboot"] == {"page": 0x44000000, "flag": 0x8000, "version": "1", "probe_errno": 0}
        done = phone("--json", "boot", roms["minimal"]).json
        assert done["outcome"] == "guest-up"
        assert done["guest"]["release"].startswith("6.1.")
        assert phone.status.resets == resets + 1
    finally:
        phone.reset_disk()
