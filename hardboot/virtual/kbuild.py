"""What building a kernel and building a bootloader have in common: make, .config, and a cache by content."""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import ToolError
from hardboot.base.files import cache_dir, make_folder
from hardboot.base.process import find_tool, run
from hardboot.virtual.target import Target

_TIMEOUT_S = 3 * 3600
_TOOLS = (("make", "make"), ("flex", "flex"), ("bison", "bison"), ("bc", "bc"))


def cached(kind: str, target: Target, *content: str) -> Path:
    """Return the folder in the cache for what is built from `content` by the target's compiler.

    Args:
        kind: Folder of the cache, "kernels".
        target: What is built for.
        content: All that the product depends on.

    Raises:
        ToolError: If the compiler is missing.
    """
    compiler = run([find_tool(f"{target.cross}gcc", target.package), "--version"], timeout_s=30).decode()
    digest = hashlib.sha256("\0".join((*content, compiler)).encode()).hexdigest()
    return cache_dir() / kind / digest[:16]


def work_dir() -> Path:
    """Return the folder of the cache in which builds run."""
    folder = cache_dir() / "work"
    make_folder(folder)
    return folder


def check_tools() -> None:
    """Refuse to build without make and what it calls.

    Raises:
        ToolError: If one is missing.
    """
    for tool, package in _TOOLS:
        find_tool(tool, package)


def make(
    target: Target,
    out: Path,
    words: list[str],
    *,
    variables: Mapping[str, str],
    lines: int = 0,
    show: log.Show | None = None,
) -> None:
    """Run make in the parent of `out`, which is the build folder.

    Args:
        target: What is built for.
        out: Where all products go.
        words: Goals and variables on make's command line.
        variables: Of the environment.
        lines: How many lines make prints, about.
        show: Called with the progress.

    Raises:
        ToolError: If it fails.
    """
    done = 0

    def on_line(line: str) -> None:
        nonlocal done
        done += 1
        if show:
            show(f"{min(99, 100 * done // lines)} % {line.strip()[:48]}")

    command = ["make", "-C", str(out.parent), f"O={out.name}", *words]
    environment = {"CROSS_COMPILE": target.cross, **variables}
    run(command, env=environment, timeout_s=_TIMEOUT_S, on_line=on_line)


def parallel() -> str:
    """Return make's option to use all CPUs."""
    return f"-j{os.cpu_count() or 1}"


def check_config(wanted: str, result: str) -> None:
    """Refuse a .config that lost options: Kconfig drops silently what a dependency forbids.

    Raises:
        ToolError: If a CONFIG_ line of `wanted` is not in `result`.
    """
    have = set(result.splitlines())
    lost = [line for line in wanted.splitlines() if line.startswith("CONFIG_") and line not in have]
    if lost:
        raise ToolError(
            f"the configuration lost {', '.join(lost)}",
            state="Nothing was built.",
            fix="Look for a dependency that is not met (make menuconfig, search for the symbol), "
            "or for a tree without the hardboot patches: hardboot patch status TREE",
        )
