"""The service `reboot:`: the phone goes where it is told, and its reason is told if it does not."""

from pathlib import Path

import pytest
from adbds import AospAdbd, VirtualAdbd
from transports import OpenPhone

from hardboot.base.errors import DeviceError

pytestmark = pytest.mark.timeout(30)  # nothing here may hang


def program(folder: Path, code: int) -> Path:
    """Return what adbd runs to restart the phone: a script that keeps what it was told."""
    script = folder / "reboot"
    script.write_text(f'#!/bin/sh\necho "$*" >{folder}/told\nexit {code}\n')
    script.chmod(0o755)
    return script


@pytest.mark.parametrize("target", ["bootloader", ""])
def test_the_phone_is_told_where_to_restart_to(
    phone: OpenPhone, virtual_adbd: VirtualAdbd, tmp_path: Path, target: str
) -> None:
    with virtual_adbd.start("-R", str(program(tmp_path, 0))) as adbd:
        here = phone(adbd.port)
        here.reboot(target)
        assert (tmp_path / "told").read_text() == f"{target}\n"
        here.close()


def test_the_reason_of_a_phone_that_does_not_restart_is_told(
    phone: OpenPhone, virtual_adbd: VirtualAdbd, tmp_path: Path
) -> None:
    with virtual_adbd.start("-R", str(program(tmp_path, 1))) as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match=r"does not restart: reboot failed \(status 0x100\)"):
            here.reboot("bootloader")
        here.close()


def test_an_adbd_that_cannot_restart_its_phone_refuses(phone: OpenPhone, aosp_adbd: AospAdbd) -> None:
    with aosp_adbd.start() as adbd:
        here = phone(adbd.port)
        with pytest.raises(DeviceError, match="refuses the service reboot"):
            here.reboot("bootloader")
        here.close()
