"""Fixtures: kernels built and cached as for users, and virtual phones in a folder of their own."""

import contextlib
import os
import shutil
import tempfile
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import cast

import hypothesis
import pytest
import scripted_setup
from adb_client import Adb, free_port
from adbds import VirtualAdbd
from phones import BUILD_TIMEOUT_S, Hardboot, HostKernels, VirtualPhone, shared
from scripted_phone import ScriptedPhone
from usb_double import Bus
from xdist.remote import Producer
from xdist.scheduler.loadscope import LoadScopeScheduling

from hardboot.base import process
from hardboot.flows.store.place import STORE
from hardboot.virtual import kernel, model

# No test asserts a time: a busy machine takes longer for an example.
hypothesis.settings.register_profile(
    "hardboot", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("hardboot")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: "pytest.CallInfo[None]"
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """In CI a skipped test is a failed one: what it needs is missing there, and the reason names it."""
    report = yield
    if report.skipped and os.environ.get("CI"):
        report.outcome = "failed"
        report.longrepr = f"{item.nodeid} was skipped in CI: {report.longrepr}"
    return report


def pytest_make_parametrize_id(val: object) -> str | None:
    """Bytes are named by how many they are: their content may hold the time, and all workers must agree."""
    return f"{len(val)} bytes" if isinstance(val, bytes) else None


class OneWorkerForAPhone(LoadScopeScheduling):
    """Each folder in tests/e2e, with a phone or with kernels, runs on one worker; the rest file by file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file.rpartition("/")[0] if file.startswith("tests/e2e/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Producer) -> LoadScopeScheduling:
    return OneWorkerForAPhone(config, log)


# As installed: Python keeps what it compiled, or every command compiles all of hardboot anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# No test touches the phones of whoever runs it: nothing listens on port 1.
os.environ["ANDROID_ADB_SERVER_PORT"] = "1"
os.environ["PYTHONPATH"] = str(Path(__file__).parent / "support" / "without_usb")
if "HARDBOOT_TEST_USB" not in os.environ:
    with contextlib.suppress(ImportError):
        from adb_shell.transport.usb_transport import UsbTransport
        from usb1 import USBContext

        UsbTransport.USB1_CTX = cast(USBContext, Bus())
# Nor does it see their profiles.
os.environ["XDG_CONFIG_HOME"] = os.devnull
for name in ("ANDROID_ADB_SERVER_ADDRESS", "ANDROID_SERIAL"):
    os.environ.pop(name, None)


@pytest.fixture(scope="session")
def virtual_adbd(tmp_path_factory: pytest.TempPathFactory) -> VirtualAdbd:
    """Return the virtual phone's adbd, built for this computer."""
    return VirtualAdbd.build(tmp_path_factory.mktemp("adbd") / "adbd")


@pytest.fixture(scope="module")
def adb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    """Debian's client; its server runs, on a port of its own."""
    client = Adb(process.find_tool("adb", "adb"), free_port(), tmp_path_factory.mktemp("home"))
    client.start_server()
    yield client
    client.run("kill-server")


@pytest.fixture
def hardboot(tmp_path: Path) -> Hardboot:
    """Return hardboot without any phone."""
    return Hardboot({"XDG_STATE_HOME": str(tmp_path)})


@pytest.fixture
def scripted(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> ScriptedPhone:
    """Return a scripted phone that runs its host kernel; hardboot finds it and lives on its clock."""
    return scripted_setup.install(scripted_setup.phone_with_disk(), monkeypatch, tmp_path / "state")


@pytest.fixture(scope="session")
def linux_source() -> Path:
    """Return the virtual phone's kernel source from Debian; tests change copies of it."""
    return kernel.source()


@pytest.fixture(scope="session")
def host_kernels(tmp_path_factory: pytest.TempPathFactory) -> HostKernels:
    """Host kernels of any series for the virtual phone and its arm64 sister."""
    return HostKernels(tmp_path_factory)


@pytest.fixture(scope="session")
def host_zimage(host_kernels: HostKernels) -> Path:
    """Return the host kernel for virt-arm."""
    return host_kernels["arm-6.1"].image


@pytest.fixture(scope="session")
def roms(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """ROMs to boot, by name: Debian's kernel, and the phone's own stock kernel."""
    with shared(tmp_path_factory, "roms") as folder:
        found = {name: folder / f"{name}.img" for name in ("debian", "minimal")}
        for name, path in found.items():
            if not path.exists():
                Hardboot().process("virtual", "rom", path, "--kernel", name, timeout_s=BUILD_TIMEOUT_S)
    return found


def _deliver_with(phone: VirtualPhone, host_kernel: Path) -> None:
    """Make the phone's disk as flash-host-kernel leaves it; that it does is shown in tests/e2e/stock."""
    kind, factory = model.find(phone.name), phone.status.factory_image
    home = factory.parent
    home.mkdir(parents=True)
    kind.write_images(factory)
    boot = factory / "boot.img" if factory.is_dir() else factory
    phone("host-image", boot, "--kernel", host_kernel, "-o", home / "host.img")
    delivered = home / "host.img"
    if factory.is_dir():
        delivered = Path(shutil.copytree(factory, home / "host"))
        (home / "host.img").replace(delivered / "boot.img")
    kind.write_disk(home / "disk.img", delivered)


def _fresh_phone(host_kernel: Path | None = None, *, name: str = "virt-arm") -> Iterator[VirtualPhone]:
    # Short: the sockets of adb and QEMU lie below it.
    with tempfile.TemporaryDirectory(prefix="hb-") as folder:
        phone = VirtualPhone(Hardboot({"XDG_STATE_HOME": folder}), name)
        if host_kernel:
            _deliver_with(phone, host_kernel)
        try:
            phone.hardboot.process("virtual", "start", "--device", name, timeout_s=BUILD_TIMEOUT_S)
            yield phone
        finally:
            phone("virtual", "stop", "--device", name, code=None)


@pytest.fixture(scope="session")
def stock_phone() -> Iterator[VirtualPhone]:
    """Yield a phone out of the box; a test that changes it puts it back."""
    yield from _fresh_phone()


@pytest.fixture(scope="session")
def modern_phone() -> Iterator[VirtualPhone]:
    """Yield the phone with slots, out of the box; a test that changes it puts it back."""
    yield from _fresh_phone(name="virt-arm64")


def _modern_rom(tmp_path_factory: pytest.TempPathFactory, kernel: str) -> Path:
    with shared(tmp_path_factory, "modern-rom") as folder:
        found = folder / kernel
        if not found.exists():
            words = ("virtual", "rom", found, "--kernel", kernel, "--device", "virt-arm64")
            Hardboot().process(*words, timeout_s=BUILD_TIMEOUT_S)
    return found


@pytest.fixture(scope="session")
def modern_rom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ROM for it, a folder of images: its stock kernel, and another name of the system."""
    return _modern_rom(tmp_path_factory, "minimal")


@pytest.fixture(scope="session")
def modern_debian(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a ROM with Debian's unmodified arm64 kernel, a folder of images."""
    return _modern_rom(tmp_path_factory, "debian")


@pytest.fixture(scope="session")
def _host_phone(host_zimage: Path) -> Iterator[VirtualPhone]:
    yield from _fresh_phone(host_zimage)


def _running_host(phone: VirtualPhone) -> VirtualPhone:
    """Return the phone, running its host kernel, without the ROMs that an earlier test stored."""
    if not phone.status.running:
        phone.hardboot.process("virtual", "start", "--name", phone.name)
    elif not phone.is_host:
        phone.restart()
    phone.run(f"su -c 'rm -rf {STORE} && sync'")
    return phone


@pytest.fixture
def host_phone(_host_phone: VirtualPhone) -> VirtualPhone:
    """Return a phone with a host kernel, running it."""
    return _running_host(_host_phone)


@pytest.fixture(scope="session")
def _modern_host_phone(host_kernels: HostKernels) -> Iterator[VirtualPhone]:
    yield from _fresh_phone(host_kernels["arm64-6.1"].image, name="virt-arm64")


@pytest.fixture
def modern_host_phone(_modern_host_phone: VirtualPhone) -> VirtualPhone:
    """Return the phone with slots with a host kernel in both, running it."""
    return _running_host(_modern_host_phone)
