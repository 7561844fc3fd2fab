"""The adbds that run on this computer: that of the virtual phone, and AOSP's own as Debian ships it."""

import os
import signal
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import pytest
from adb_client import free_port, listens

from hardboot.base import process
from hardboot.base.errors import ToolError
from hardboot.base.files import cache_dir, locked
from hardboot.virtual import packages

PHONE = Path(__file__).parents[2] / "hardboot" / "virtual" / "phone"
_RELEASE = "trixie"  # the first with adbd as a package
# Debian's build listens on all addresses, and lets everybody in.
_LOOPBACK_C = """
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <dlfcn.h>
#include <netinet/in.h>
int bind(int fd, const struct sockaddr *address, socklen_t size)
{
	int (*real)(int, const struct sockaddr *, socklen_t) = dlsym(RTLD_NEXT, "bind");
	struct sockaddr_in6 local = { .sin6_family = AF_INET6 };
	if (address->sa_family != AF_INET6)
		return real(fd, address, size);
	inet_pton(AF_INET6, "::ffff:127.0.0.1", &local.sin6_addr);
	local.sin6_port = ((const struct sockaddr_in6 *)address)->sin6_port;
	return real(fd, (struct sockaddr *)&local, sizeof(local));
}
"""


class Adbd:
    """A running adbd that listens."""

    def __init__(
        self, command: list[str], port: int, environment: dict[str, str], largest_file_kib: int | None
    ) -> None:
        self.port = port
        if largest_file_kib is not None:  # Python ignores SIGXFSZ: the write fails instead of killing
            limit = f'ulimit -f {largest_file_kib * 2}; exec "$@"'
            command = ["sh", "-c", limit, "sh", *command]
        self.child = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            restore_signals=False,
            process_group=0,
            env={**os.environ, **environment},
        )
        deadline = time.monotonic() + 15
        while not listens(port):
            assert self.child.poll() is None, "adbd ended"
            assert time.monotonic() < deadline, "adbd does not listen"
            time.sleep(0.01)

    @property
    def serial(self) -> str:
        return f"127.0.0.1:{self.port}"

    def freeze(self) -> None:
        """Answer nothing more, on old connections and new ones."""
        os.killpg(self.child.pid, signal.SIGSTOP)

    def thaw(self) -> None:
        os.killpg(self.child.pid, signal.SIGCONT)

    def __enter__(self) -> "Adbd":
        return self

    def __exit__(self, *_error: object) -> None:
        self.child.terminate()
        self.child.wait(10)


class AdbdProgram(Protocol):
    """An adbd that can be started."""

    def start(self, *, port: int | None = None, largest_file_kib: int | None = None) -> Adbd: ...


@dataclass(frozen=True)
class VirtualAdbd:
    """The virtual phone's adbd, built for this computer."""

    program: Path

    @classmethod
    def build(cls, output: Path) -> "VirtualAdbd":
        gcc = process.find_tool("gcc", "gcc")
        process.run([gcc, "-O2", *sorted(PHONE.glob("adbd*.c")), "-o", output], timeout_s=120)
        shell = output.with_name("sh")  # adbd sets Android's PATH, which this computer does not have
        shell.write_text('#!/bin/sh\nPATH=/usr/bin:/bin exec /bin/sh "$@"\n')
        shell.chmod(0o755)
        return cls(output)

    def start(self, *options: str, port: int | None = None, largest_file_kib: int | None = None) -> Adbd:
        port = port or free_port()
        command = [str(self.program), "-b", "127.0.0.1", "-p", str(port), "-u", "0"]
        shell = ["-s", str(self.program.with_name("sh"))]
        return Adbd([*command, *shell, *options], port, {}, largest_file_kib)


@dataclass(frozen=True)
class AospAdbd:
    """AOSP's adbd, from Debian's package of that name, with the libraries it was built for."""

    command: list[str]

    @classmethod
    def fetch(cls, output: Path) -> "AospAdbd":
        """Unpack the packages, once for this user, and make it listen on the loopback address only."""
        try:
            root = _unpacked()
            gcc = process.find_tool("gcc", "gcc")
            (output / "loopback.c").write_text(_LOOPBACK_C)
            process.run(
                [gcc, "-shared", "-fPIC", output / "loopback.c", "-o", output / "loopback.so"], timeout_s=60
            )
        except ToolError as error:
            pytest.skip(f"AOSP's adbd (Debian's package adbd) cannot be had: {error.what}")
        (loader,) = root.glob("usr/lib/*/ld-linux*")
        libraries = f"{loader.parent}:{loader.parent / 'android'}"
        daemon = root / "usr/lib/android-sdk/platform-tools/adbd"
        preload = ["--preload", str(output / "loopback.so")]
        return cls([str(loader), *preload, "--library-path", libraries, str(daemon)])

    def start(self, *, port: int | None = None, largest_file_kib: int | None = None) -> Adbd:
        port = port or free_port()
        return Adbd(self.command, port, {"ADBD_PORT": str(port)}, largest_file_kib)


def _unpacked() -> Path:
    """Return the folder with adbd and all it needs."""
    architecture = process.run([process.find_tool("dpkg", "dpkg"), "--print-architecture"], timeout_s=20)
    name = f"adbd-{_RELEASE}-{architecture.decode().strip()}"
    folder = cache_dir() / "debian" / name
    with locked(cache_dir() / name), tempfile.TemporaryDirectory(dir=cache_dir()) as unpacking:
        if not folder.exists():
            options = packages._prepare(_RELEASE, architecture.decode().strip())
            apt = [
                process.find_tool("apt-get", "apt"),
                *options,
                f"-oDir::Cache::archives={unpacking}/archives",
            ]
            (Path(unpacking) / "archives" / "partial").mkdir(parents=True)
            wanted = ["--download-only", "--no-install-recommends", "install", "adbd"]
            process.run([*apt, "-qq", "-y", *wanted], timeout_s=600)
            for archive in Path(unpacking).glob("archives/*.deb"):
                process.run(["dpkg-deb", "-x", archive, f"{unpacking}/root"], timeout_s=60)
            folder.parent.mkdir(exist_ok=True)
            (Path(unpacking) / "root").replace(folder)
    return folder
