"""The agent built for this computer and for phones, and how tests run it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from hardboot.base import process
from hardboot.payload import agent, build

Run = Callable[..., subprocess.CompletedProcess[Any]]

_HERE = Path(__file__).parent


def build_for_host(name: str, output: Path) -> Path:
    """Build a program of the phone for this computer, with the sanitizers; return it.

    agent_host/arch.h keeps it off the kernel.
    """
    flags = ["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    flags += ["-fno-sanitize-recover=all", f"-I{_HERE / 'agent_host'}"]
    flags += [f"-I{_HERE / 'host_mapper'}", f"-I{build.PAYLOAD}"]
    gcc = process.find_tool("gcc", "gcc")
    sources = [build.PAYLOAD / source for source in build.PROGRAMS[f"{name}-arm"].sources]
    sources.append(_HERE / "host_mapper/mapper.c")
    process.run([gcc, *flags, *sources, "-o", output], timeout_s=120)
    return output


@pytest.fixture(scope="module")
def host_agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the agent for this computer."""
    return build_for_host("agent", tmp_path_factory.mktemp("agent") / "agent")


@pytest.fixture
def run(host_agent: Path, tmp_path: Path) -> Run:
    def call(
        *arguments: str,
        errno: int = 0,
        binary: bool = False,
        stdin: bytes | None = None,
        extents: Path | None = None,
    ) -> subprocess.CompletedProcess[Any]:
        # LeakSanitizer cannot work under every debugger and container; the agent never allocates.
        env = {"AGENT_ROOT": str(tmp_path), "AGENT_ERRNO": str(errno), "ASAN_OPTIONS": "detect_leaks=0"}
        env |= {"AGENT_EXTENTS": str(extents)} if extents else {}
        return subprocess.run(
            [host_agent, *arguments],
            env=env,
            capture_output=True,
            input=stdin,
            text=not (binary or stdin is not None),
            timeout=20,
        )

    return call


@dataclass(frozen=True)
class PhoneAgent:
    """The agent as it is committed for one architecture, run on this computer's kernel by QEMU."""

    arch: str
    qemu: str
    machine: str
    """As an ELF header names it."""
    bits: int
    binary: Callable[[str], Path] = agent.binary
    """Which program it is."""

    def __call__(
        self,
        *arguments: str,
        binary: bool = False,
        strace: bool = False,
        root: Path | None = None,
        stdin: bytes | None = None,
    ) -> subprocess.CompletedProcess[Any]:
        """Run it without any capability; never exec, which would restart this computer if it had them.

        Files that are there below `root` are read in place of this computer's.
        """
        assert arguments[:1] != ("exec",) or len(arguments) == 2
        qemu, setpriv = (
            shutil.which(f"{self.qemu}-static") or shutil.which(self.qemu),
            shutil.which("setpriv"),
        )
        if qemu is None or setpriv is None:
            pytest.skip(f"needs {self.qemu} (Debian: qemu-user) and setpriv (util-linux)")
        drop = ["--no-new-privs", "--inh-caps=-all"]
        drop += ["--bounding-set=-all"] if os.geteuid() == 0 else []
        options = [*(["-strace"] if strace else []), *(["-L", str(root)] if root else [])]
        words = [setpriv, *drop, qemu, *options, str(self.binary(self.arch))]
        text = not (binary or stdin is not None)
        return subprocess.run([*words, *arguments], capture_output=True, input=stdin, text=text, timeout=20)


PHONE_AGENTS = (
    PhoneAgent("arm", "qemu-arm", "EM_ARM", 32),
    PhoneAgent("arm64", "qemu-aarch64", "EM_AARCH64", 64),
)
each_phone_agent = pytest.mark.parametrize("phone_agent", PHONE_AGENTS, ids=lambda one: one.arch)
