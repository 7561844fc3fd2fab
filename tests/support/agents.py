"""The agent built for this computer and for the phone, and how tests run it."""

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hardboot.base import process
from hardboot.payload import agent, build

Run = Callable[..., subprocess.CompletedProcess[Any]]


@pytest.fixture(scope="module")
def host_agent(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The agent for this computer, with the sanitizers; agent_host/arch.h keeps it off the kernel."""
    output = tmp_path_factory.mktemp("agent") / "agent"
    flags = ["-std=gnu11", "-g", "-Wall", "-Wextra", "-Werror", "-fsanitize=address,undefined"]
    flags += ["-fno-sanitize-recover=all", f"-I{Path(__file__).parent / 'agent_host'}"]
    gcc = process.find_tool("gcc", "gcc")
    sources = [build.PAYLOAD / name for name in build.PROGRAMS["agent-arm"].sources]
    process.run([gcc, *flags, *sources, "-o", output], timeout_s=120)
    return output


@pytest.fixture
def run(host_agent: Path, tmp_path: Path) -> Run:
    def call(*arguments: str, errno: int = 0, binary: bool = False) -> subprocess.CompletedProcess[Any]:
        # LeakSanitizer cannot work under every debugger and container; the agent never allocates.
        env = {"AGENT_ROOT": str(tmp_path), "AGENT_ERRNO": str(errno), "ASAN_OPTIONS": "detect_leaks=0"}
        return subprocess.run(
            [host_agent, *arguments], env=env, capture_output=True, text=not binary, timeout=20
        )

    return call


def arm(*arguments: str, binary: bool = False) -> subprocess.CompletedProcess[Any]:
    """Run the ARM binary on this computer's kernel, without any capability; never a valid load or exec."""
    assert arguments[:1] not in [("load",), ("exec",)] or len(arguments) == 2 or "/missing" in arguments[3]
    qemu, setpriv = shutil.which("qemu-arm-static") or shutil.which("qemu-arm"), shutil.which("setpriv")
    if qemu is None or setpriv is None:
        pytest.skip("needs qemu-arm (Debian: qemu-user) and setpriv (util-linux)")
    drop = ["--no-new-privs", "--inh-caps=-all"] + (["--bounding-set=-all"] if os.geteuid() == 0 else [])
    words = [setpriv, *drop, qemu, str(agent.binary("arm")), *arguments]
    return subprocess.run(words, capture_output=True, text=not binary, timeout=20)
