"""Fixtures: kernels built and cached as for users, and virtual phones in a folder of their own."""

import fcntl
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import in_process
import pytest
from real_adb import Adb, build_adbd, free_port
from xdist.scheduler.loadscope import LoadScopeScheduling

from hardboot import process
from hardboot.phone import open_transport
from hardboot.virtual import image, kernel, machine


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


class OneWorkerForAPhone(LoadScopeScheduling):  # type: ignore[misc]  # xdist has no types
    """Each folder in tests/e2e, with a phone or with kernels, runs on one worker; the rest file by file."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.partition("::")[0]
        return file.rpartition("/")[0] if file.startswith("tests/e2e/") else file


def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling:
    return OneWorkerForAPhone(config, log)


@contextmanager
def shared(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """A folder that all workers share; one of them at a time is in here."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


RUN_TIMEOUT_S = 240
BUILD_TIMEOUT_S = 3600  # a kernel on a slow machine

# As installed: Python keeps what it compiled, or every command compiles all of hardboot anew.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
# No test touches the phones of whoever runs it: nothing listens on port 1.
os.environ["ANDROID_ADB_SERVER_PORT"] = "1"
for name in ("ANDROID_ADB_SERVER_ADDRESS", "ANDROID_SERIAL"):
    os.environ.pop(name, None)


@dataclass
class Ran:
    """How a hardboot command ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def three_lines(self) -> tuple[str, str, str]:
        """The error as people see it: what, state, to do."""
        lines = self.err.strip().splitlines()[-3:]
        assert lines[0].startswith("hardboot: "), self.err
        assert lines[1].startswith("  state: "), self.err
        assert lines[2].startswith("  to do: "), self.err
        return lines[0], lines[1], lines[2]

    def checked(self, code: int | None) -> "Ran":
        """Itself, if it ended with `code`, or with any if that is None."""
        assert code is None or self.code == code, f"exit code {self.code}\n{self.out}\n{self.err}"
        return self


@dataclass
class Hardboot:
    """Runs hardboot as a user does, with state folders of the test's own."""

    environment: dict[str, str] = field(default_factory=dict)

    def start(self, *words: str | Path) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [sys.executable, "-m", "hardboot", *map(str, words)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "NO_COLOR": "1", "COLUMNS": "80", **self.environment},
        )

    def process(self, *words: str | Path, code: int | None = 0, timeout_s: float = RUN_TIMEOUT_S) -> Ran:
        """Run to the end; `code` is the exit code it must have, None for any."""
        process = self.start(*words)
        try:
            out, err = process.communicate(timeout=timeout_s)
        except BaseException:
            process.kill()
            process.communicate()
            raise
        return Ran(process.returncode, out, err).checked(code)

    def __call__(self, *words: str | Path, code: int | None = 0) -> Ran:
        """The same without a new Python, which would take as long to start as most commands take."""
        done = in_process.hardboot(*words, NO_COLOR="1", COLUMNS="80", **self.environment)
        return Ran(done.returncode, done.stdout, done.stderr).checked(code)


@pytest.fixture(scope="session")
def real_adbd(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The virtual phone's adbd, built for this computer."""
    return build_adbd(tmp_path_factory.mktemp("adbd") / "adbd")


@pytest.fixture(scope="module")
def adb(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Adb]:
    """Debian's client; its server runs, on a port of its own."""
    client = Adb(process.find_tool("adb", "adb"), free_port(), tmp_path_factory.mktemp("home"))
    client.start_server()
    yield client
    client.run("kill-server")


@pytest.fixture
def hardboot(tmp_path: Path) -> Hardboot:
    """hardboot without any phone."""
    return Hardboot({"XDG_STATE_HOME": str(tmp_path)})


@pytest.fixture(scope="session")
def linux_source() -> Path:
    """The virtual phone's kernel source as Debian ships it. Tests work on copies of what they change."""
    return kernel.source()


@dataclass(frozen=True)
class HostKernel:
    """A kernel with hardboot support, the patched tree it was built from, and its configuration."""

    tree: Path
    image: Path
    config: Path


def host_kernel(series: str, device: str, folder: Path) -> HostKernel:
    """Patch Debian's source and build it for `device`, with the commands users run."""
    arch, _, linux = series.partition("-")
    tree, image = folder / "linux", folder / "image"
    # Hard links: hardboot replaces files, it never writes into them.
    subprocess.run(["cp", "-al", kernel.source(linux), tree], check=True, timeout=RUN_TIMEOUT_S)
    hardboot = Hardboot()
    assert hardboot("--json", "patch", "apply", tree, "--device", device).json["series"] == series
    build = ("--json", "virtual", "kernel", tree, "--arch", arch, "-o", image)
    return HostKernel(tree, image, Path(hardboot.process(*build, timeout_s=BUILD_TIMEOUT_S).json["config"]))


class HostKernels:
    """Host kernels by series, built when one is wanted, once for all workers."""

    def __init__(self, factory: pytest.TempPathFactory) -> None:
        self._factory = factory

    def __getitem__(self, series: str) -> HostKernel:
        with shared(self._factory, f"host-{series}") as folder:
            known = folder / "config-path"
            if not known.exists():
                built = host_kernel(series, f"virt-{series.partition('-')[0]}", folder)
                known.write_text(str(built.config))
            return HostKernel(folder / "linux", folder / "image", Path(known.read_text()))


@pytest.fixture(scope="session")
def host_kernels(tmp_path_factory: pytest.TempPathFactory) -> HostKernels:
    """Host kernels of any series for the virtual phone and its arm64 sister."""
    return HostKernels(tmp_path_factory)


@pytest.fixture(scope="session")
def host_zimage(host_kernels: HostKernels) -> Path:
    """The host kernel for virt-arm."""
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


@dataclass
class VirtualPhone:
    """A running virtual phone and the way to give it commands."""

    hardboot: Hardboot
    name: str = "virt-arm"

    def __call__(self, *words: str | Path, code: int | None = 0) -> Ran:
        return self.hardboot(*words, code=code)

    @property
    def status(self) -> machine.Status:
        """What `hardboot virtual status` says, without a process of its own."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("XDG_STATE_HOME", self.hardboot.environment["XDG_STATE_HOME"])
            return machine.status(self.name)

    @property
    def serial(self) -> str:
        """Where its ADB answers."""
        serial = self.status.serial
        assert serial
        return serial

    @property
    def kernel(self) -> dict[str, Any]:
        """What `hardboot status` says."""
        found: dict[str, Any] = self("--json", "status").json
        return found

    @property
    def boot_id(self) -> str:
        """The random number the running kernel drew when it started."""
        return self.run("cat /proc/sys/kernel/random/boot_id").strip()

    @property
    def is_host(self) -> bool:
        """Whether the running kernel has hardboot support."""
        return self.run("test -d /sys/kernel/kexec_hardboot && echo yes").strip() == "yes"

    def boot_partition_sha256(self) -> str:
        """Of the boot partition as it lies on the disk, read from outside."""
        import hashlib

        place = image.partition("boot")
        disk = Path(self.hardboot.environment["XDG_STATE_HOME"], "hardboot/virtual", self.name, "disk.img")
        with disk.open("rb") as stream:
            stream.seek(place.offset)
            return hashlib.sha256(stream.read(place.size)).hexdigest()

    def run(self, command: str) -> str:
        """What a command prints on the phone, run by the ADB user over a connection of its own."""
        transport = open_transport(self.serial)
        try:
            return transport.shell(command, timeout_s=30).text
        finally:
            transport.close()

    def write_unsynced(self) -> str:
        """Write a file that is in the phone's memory only; returns what is in it."""
        content = os.urandom(64).hex()
        self.run(f"echo {content} > /data/local/tmp/unsynced")
        return content

    def unsynced(self) -> str:
        """What is in that file now."""
        return self.run("cat /data/local/tmp/unsynced").strip()

    def journal_was_replayed(self) -> bool:
        """Whether the running kernel had to when it mounted the data partition, by its own log."""
        said = [line for line in self.run("su -c dmesg").splitlines() if "EXT4-fs" in line]
        assert any("mounted filesystem" in line for line in said), said
        return any("recovery" in line for line in said)

    def wait(self, resets: int) -> None:
        """Until there were more resets than `resets`, and ADB answers."""
        deadline = time.monotonic() + 60
        while self.status.resets == resets:
            assert time.monotonic() < deadline, "the phone was not reset"
            time.sleep(0.1)
        transport = open_transport(self.serial)
        try:
            transport.wait(timeout_s=60)
        finally:
            transport.close()

    def restart(self) -> None:
        """Take the battery out and put it back in."""
        self.hardboot.process("virtual", "stop", "--name", self.name)
        self.hardboot.process("virtual", "start", "--name", self.name)

    def reset_disk(self) -> None:
        """Make it a phone out of the box again."""
        self.hardboot.process("virtual", "stop", "--name", self.name)
        self.hardboot.process("virtual", "start", "--name", self.name, "--reset-disk")


def _deliver_with(phone: VirtualPhone, host_zimage: Path) -> None:
    """Make the phone's disk as flash-host-kernel leaves it; that it does is shown in tests/e2e/stock."""
    home = phone.status.factory_image.parent
    home.mkdir(parents=True)
    image.stock_boot_image(phone.status.factory_image)
    host = home / "host.img"
    phone("host-image", phone.status.factory_image, "--kernel", host_zimage, "-o", host)
    image.factory_disk(home / "disk.img", host)


def _fresh_phone(host_zimage: Path | None = None) -> Iterator[VirtualPhone]:
    # Short: the sockets of adb and QEMU lie below it.
    with tempfile.TemporaryDirectory(prefix="hb-") as folder:
        phone = VirtualPhone(Hardboot({"XDG_STATE_HOME": folder}))
        if host_zimage:
            _deliver_with(phone, host_zimage)
        try:
            phone.hardboot.process("virtual", "start", timeout_s=BUILD_TIMEOUT_S)
            yield phone
        finally:
            phone("virtual", "stop", code=None)


@pytest.fixture(scope="session")
def stock_phone() -> Iterator[VirtualPhone]:
    """A phone out of the box; a test that changes it puts it back."""
    yield from _fresh_phone()


@pytest.fixture(scope="session")
def _host_phone(host_zimage: Path) -> Iterator[VirtualPhone]:
    yield from _fresh_phone(host_zimage)


@pytest.fixture
def host_phone(_host_phone: VirtualPhone) -> VirtualPhone:
    """A phone with a host kernel, running it."""
    if not _host_phone.status.running:
        _host_phone.hardboot.process("virtual", "start")
    elif not _host_phone.is_host:
        _host_phone.restart()
    return _host_phone
