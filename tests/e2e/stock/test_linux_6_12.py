"""Full circle on a phone out of the box, with a host kernel of Linux 6.12: its flag is another one."""

import hashlib
from pathlib import Path

import pytest
from phones import BUILD_TIMEOUT_S, HostKernels, VirtualPhone

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(BUILD_TIMEOUT_S)]


def test_a_host_kernel_is_flashed_boots_a_rom_and_goes_again(
    stock_phone: VirtualPhone, host_kernels: HostKernels, roms: dict[str, Path], tmp_path: Path
) -> None:
    phone, image = stock_phone, tmp_path / "host.img"
    before, stock = phone.boot_partition_sha256(), phone.kernel["kernel"]
    phone("host-image", phone.status.factory_image, "--kernel", host_kernels["arm-6.12"].image, "-o", image)
    done = phone("--json", "flash-host-kernel", image, "--yes", "--reboot").json
    assert done["written"] is True
    assert done["host"]["hardboot"] is True
    assert done["sha256"] == hashlib.sha256(image.read_bytes()).hexdigest()
    saved = Path(done["backup"]["path"])
    assert hashlib.sha256(saved.read_bytes()).hexdigest() == before == done["backup"]["sha256"]
    assert done["backup"]["serial"] == "HBVIRT-ARM"
    host, resets = phone.kernel, phone.status.resets
    assert host["kernel"]["release"].startswith("6.12.")
    known = {"supported": True, "page": 0x44000000, "flag": 0x8000, "version": "1", "probe_errno": 0}
    assert host["hardboot"] == known
    assert phone("--json", "flash-host-kernel", image, "--yes").json["written"] is False

    booted = phone("--json", "boot", roms["minimal"]).json
    assert booted["outcome"] == "guest-up"
    assert booted["guest"]["release"].startswith("6.1.")
    assert phone.status.resets == resets + 1

    back = phone("--json", "restore", saved, "--yes", "--reboot").json
    assert back["host"]["hardboot"] is False
    assert phone.boot_partition_sha256() == before
    assert phone.kernel["kernel"]["release"] == stock["release"]
