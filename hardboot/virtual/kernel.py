"""Kernels for the virtual phone, built from Debian's kernel source and cached by content.

A kernel is known by its source, its configuration and its compiler: the same three give the same
cached zImage.
"""

import fcntl
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardboot import log
from hardboot.errors import InputError, ToolError
from hardboot.files import cache_dir, sha256_file
from hardboot.process import find_tool, run
from hardboot.virtual import packages

SOURCE_PACKAGE = "linux-source-6.1"
CROSS_COMPILE = "arm-linux-gnueabihf-"
CROSS_PACKAGE = "gcc-arm-linux-gnueabihf"
CONFIG = Path(__file__).parent / "phone" / "kernel.config"
TREE_FRAGMENT = "hardboot.config"  # what `hardboot patch apply` leaves at the top of a tree
_TYPICAL_LINES = 1250  # lines `make` prints for this configuration; only for the progress display
_BUILD_TIMEOUT_S = 3 * 3600


@dataclass(frozen=True)
class Kernel:
    """One built kernel: files in the cache, never changed once they are there."""

    folder: Path

    @property
    def zimage(self) -> Path:
        """The kernel as the bootloader gets it."""
        return self.folder / "zImage"

    @property
    def config(self) -> Path:
        """The complete configuration it was built with."""
        return self.folder / "config"


def unpack(target: Path) -> Path:
    """Unpack the virtual phone's kernel source, as Debian ships it, into `target`; returns its top folder.

    Raises:
        InputError: If `target` exists already.
    """
    if target.exists():
        raise InputError(
            f"{target} exists already",
            unchanged="Nothing was unpacked.",
            fix="Name a folder that does not exist.",
        )
    archive = _archive()
    target.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.step(f"Unpacking {archive.name}"),
        tempfile.TemporaryDirectory(dir=target.parent, prefix=".unpack.") as folder,
    ):
        run([find_tool("tar", "tar"), "-xf", archive, "-C", folder, "--strip-components=1"], timeout_s=900)
        Path(folder).chmod(0o755)
        Path(folder).rename(target)
        Path(folder).mkdir()  # the context manager removes it
    return target


def source() -> Path:
    """The same source, kept in the cache; never written into."""
    folder = cache_dir() / "linux" / packages.version(packages.part(SOURCE_PACKAGE))
    return folder if folder.exists() else unpack(folder)


def stock() -> Kernel:
    """The kernel the phone is delivered with: Debian's source, no hardboot patch."""
    origin = f"package {SOURCE_PACKAGE} {packages.version(packages.part(SOURCE_PACKAGE))}"
    config = CONFIG.read_text()
    target = _target(origin, config)
    if not (target / "zImage").exists():
        _build(source(), config, target, "the stock kernel")
    return Kernel(target)


def build(tree: Path) -> Kernel:
    """The kernel of a source tree, with the phone's configuration and the tree's own hardboot.config.

    Raises:
        InputError: If `tree` is no kernel source.
        ToolError: If the compiler is missing, a wanted option does not survive, or the build fails.
    """
    if not (tree / "Kconfig").is_file() or not (tree / "arch" / "arm").is_dir():
        raise InputError(
            f"{tree} is not a Linux source tree",
            unchanged="Nothing was built.",
            fix="Name the top folder of a kernel source, for example from: hardboot virtual source DIR",
        )
    fragment = tree / TREE_FRAGMENT
    config = CONFIG.read_text() + (fragment.read_text() if fragment.exists() else "")
    target = _target(f"tree {_tree_digest(tree)}", config)
    if not (target / "zImage").exists():
        _build(tree, config, target, f"the kernel in {tree}")
    return Kernel(target)


def _archive() -> Path:
    return packages.part(SOURCE_PACKAGE) / "usr" / "src" / f"{SOURCE_PACKAGE}.tar.xz"


def _work_dir() -> Path:
    folder = cache_dir() / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _target(source: str, config: str) -> Path:
    compiler = run([find_tool(f"{CROSS_COMPILE}gcc", CROSS_PACKAGE), "--version"], timeout_s=30).decode()
    digest = hashlib.sha256("\0".join((source, config, compiler)).encode()).hexdigest()
    return cache_dir() / "kernels" / digest[:16]


def _tree_digest(tree: Path) -> str:
    """A digest of a source tree.

    Files as the package ships them count by name, size and time; files newer than the package by
    their content, so that the same change made twice is the same tree.
    """
    shipped = _archive().stat().st_mtime
    digest = hashlib.sha256()
    for path, info in _files(tree, ""):
        changed = info.st_mtime > shipped
        value = sha256_file(tree / path) if changed else f"{info.st_size} {info.st_mtime_ns}"
        digest.update(f"{path}\0{value}\n".encode())
    return digest.hexdigest()


def _files(tree: Path, relative: str) -> Iterator[tuple[str, os.stat_result]]:
    with os.scandir(tree / relative) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            path = f"{relative}/{entry.name}" if relative else entry.name
            if entry.name == ".git":
                continue
            if entry.is_dir(follow_symlinks=False):
                yield from _files(tree, path)
            elif entry.is_file():
                yield path, entry.stat(follow_symlinks=False)


def _build(tree: Path, config: str, target: Path, title: str) -> None:
    for tool, package in (("make", "make"), ("flex", "flex"), ("bison", "bison"), ("bc", "bc")):
        find_tool(tool, package)
    target.parent.mkdir(parents=True, exist_ok=True)
    with _locked(target), tempfile.TemporaryDirectory(dir=_work_dir(), prefix="build.") as folder:
        if (target / "zImage").exists():  # built by somebody else while we waited
            return
        out = Path(folder) / "out"
        out.mkdir()
        wanted = Path(folder) / "wanted.config"
        wanted.write_text(config)
        with log.step(f"Building {title} (a few minutes, once)") as show:
            _make(tree, out, [f"KCONFIG_ALLCONFIG={wanted}", "allnoconfig"], None)
            _check_config(config, (out / ".config").read_text())
            _make(tree, out, [f"-j{os.cpu_count() or 1}", "zImage"], show)
        product = Path(folder) / "product"
        product.mkdir()
        for source, name in (
            ("arch/arm/boot/zImage", "zImage"),
            (".config", "config"),
            ("System.map", "System.map"),
            ("vmlinux", "vmlinux"),
        ):
            shutil.copyfile(out / source, product / name)
        product.replace(target)


def _make(tree: Path, out: Path, words: list[str], show: "log.Show | None") -> None:
    lines = 0

    def on_line(line: str) -> None:
        nonlocal lines
        lines += 1
        if show:
            show(f"{min(99, 100 * lines // _TYPICAL_LINES)} % {line.strip()[:48]}")

    variables = {
        "ARCH": "arm",
        "CROSS_COMPILE": CROSS_COMPILE,
        "KBUILD_BUILD_USER": "hardboot",
        "KBUILD_BUILD_HOST": "virtual",
        "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    }
    command = ["make", "-C", str(tree), f"O={out}", *words]
    run(command, env=variables, timeout_s=_BUILD_TIMEOUT_S, on_line=on_line)


def _check_config(wanted: str, result: str) -> None:
    """Kconfig drops silently what a dependency forbids; say it."""
    have = set(result.splitlines())
    lost = [line for line in wanted.splitlines() if line.startswith("CONFIG_") and line not in have]
    if lost:
        raise ToolError(
            f"the kernel configuration lost {', '.join(lost)}",
            unchanged="Nothing was built.",
            fix="Look for a dependency that is not met (make menuconfig, search for the symbol), "
            "or for a tree without the hardboot patches: hardboot patch status TREE",
        )


@contextmanager
def _locked(target: Path) -> Iterator[None]:
    with target.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
