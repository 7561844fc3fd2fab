"""hardboot as tests run it, the kernels it builds for them, and virtual phones."""

import fcntl
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import in_process
import pytest
from fastboot_client import Fastboot

from hardboot.device.connection import open_transport
from hardboot.virtual import kernel, machine, model

RUN_TIMEOUT_S = 240
BUILD_TIMEOUT_S = 3600  # a kernel on a slow machine


@contextmanager
def shared(tmp_path_factory: pytest.TempPathFactory, name: str) -> Iterator[Path]:
    """Yield a folder that all workers share; one of them at a time is in here."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    folder /= name
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield folder


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
        """Return the same without a new Python, which would take as long to start as most commands take."""
        done = in_process.hardboot(*words, NO_COLOR="1", COLUMNS="80", **self.environment)
        return Ran(done.returncode, done.stdout, done.stderr).checked(code)


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
    def fastboot(self) -> Fastboot:
        """Its bootloader."""
        serial = self.status.fastboot
        assert serial
        return Fastboot(serial)

    @property
    def kernel(self) -> dict[str, Any]:
        """What `hardboot status` says."""
        found: dict[str, Any] = self("--json", "status").json
        return found

    def doctor(self) -> tuple[dict[str, str], list[str]]:
        """Return what `hardboot doctor` says: the states of its lines by name, and the next commands."""
        report = self("--json", "doctor").json
        lines = [line for group in report.values() if isinstance(group, list) for line in group]
        states = {line["name"]: line["state"] for line in lines if "state" in line}
        return states, [step["command"] for step in report["next_steps"]]

    @property
    def boot_id(self) -> str:
        """The random number the running kernel drew when it started."""
        return self.run("cat /proc/sys/kernel/random/boot_id").strip()

    @property
    def is_host(self) -> bool:
        """Whether the running kernel has hardboot support."""
        return self.run("test -d /sys/kernel/kexec_hardboot && echo yes").strip() == "yes"

    @property
    def disk(self) -> Path:
        """The file that is its flash memory."""
        return Path(self.hardboot.environment["XDG_STATE_HOME"], "hardboot/virtual", self.name, "disk.img")

    def read_partition(self, name: str) -> bytes:
        """Return the content of a partition, read from outside."""
        place = model.find(self.name).table.place(name)
        with self.disk.open("rb") as stream:
            stream.seek(place.offset)
            return stream.read(place.size)

    def write_partition(self, name: str, content: bytes, offset: int = 0) -> None:
        """Change a partition from outside; the phone must be off."""
        place = model.find(self.name).table.place(name)
        assert offset + len(content) <= place.size
        with self.disk.open("r+b") as stream:
            stream.seek(place.offset + offset)
            stream.write(content)

    def boot_partition_sha256(self) -> str:
        """Of the boot partition as it lies on the disk."""
        return hashlib.sha256(self.read_partition("boot")).hexdigest()

    def start(self, *options: str, code: int = 0) -> Ran:
        """Switch it off, and start it with other options of `hardboot virtual start`."""
        self.hardboot.process("virtual", "stop", "--name", self.name)
        return self.hardboot.process("virtual", "start", "--name", self.name, *options, code=code)

    def said(self, seen: int = 0) -> str:
        """Return what is on its console, from byte `seen` of the log on."""
        return self.status.console.read_bytes()[seen:].decode(errors="replace")

    def run(self, command: str) -> str:
        """Return what a command prints on the phone, run by the ADB user over a connection of its own."""
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
        """Return what is in that file now."""
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
