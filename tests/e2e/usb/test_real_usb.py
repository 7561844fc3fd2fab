"""The transport suite over real USB packets: libusb, Linux's USB stack and gadget, and AOSP's adbd."""

import platform
import re
import sys
from pathlib import Path

import pytest
import usb_machine
from adbds import AospAdbd

ROOT = Path(__file__).parents[3]


@pytest.mark.e2e
@pytest.mark.usb
@pytest.mark.timeout(1200)
def test_the_transport_suite_passes_over_real_usb(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    if platform.machine() != "x86_64":
        pytest.skip("the machine with USB runs this computer's own Python, which must be for x86_64")
    command = (
        f"HARDBOOT_TEST_USB={usb_machine.SERIAL} PYTHONDONTWRITEBYTECODE=1 CI= {sys.executable} -m pytest "
        "-q --color=no -p no:cacheprovider -k real tests/transport/test_commands.py tests/e2e/usb/in_guest.py"
    )
    adbd = AospAdbd.fetch(tmp_path_factory.mktemp("adbd"))
    console = usb_machine.run(adbd, ROOT, command, scratch=tmp_path, timeout_s=1100)
    assert "ended with 0" in console, console
    passed = re.search(r"(\d+) passed", console)
    assert passed, console
    assert int(passed[1]) > 30
    assert "skipped" not in console
