"""Kernels for the virtual phone, built from Debian's kernel source and cached by content.

A kernel is known by its source, its configuration and its compiler: the same three give the same
cached kernel.
"""

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError, ToolError
from hardboot.base.files import cache_dir, locked, sha256_file
from hardboot.base.process import find_tool, run
from hardboot.virtual import packages

LINUX = "6.1"  # the virtual phone's own
SUITES = {"6.1": packages.RELEASE, "6.12": packages.SECURITY}  # Debian's kernel sources, and what has them
PHONE = Path(__file__).parent / "phone"
TREE_FRAGMENT = "hardboot.config"  # what `hardboot patch apply` leaves at the top of a tree
_BUILD_TIMEOUT_S = 3 * 3600


@dataclass(frozen=True)
class Target:
    """What kernels are built for.

    Attributes:
        arch: As the kernel calls it.
        cross: What the names of the compiler's programs begin with.
        package: Debian's package of the compiler.
        config: The configuration: allnoconfig plus this fragment.
        image: What boots, in the build folder.
        lines: That `make` prints for this configuration; only for the progress display.
    """

    arch: str
    cross: str
    package: str
    config: Path
    image: str
    lines: int


ARM = Target(
    arch="arm",
    cross="arm-linux-gnueabihf-",
    package="gcc-arm-linux-gnueabihf",
    config=PHONE / "kernel.config",
    image="arch/arm/boot/zImage",
    lines=1250,
)
ARM64 = Target(
    arch="arm64",
    cross="aarch64-linux-gnu-",
    package="gcc-aarch64-linux-gnu",
    config=PHONE / "kernel-arm64.config",
    image="arch/arm64/boot/Image",
    lines=1000,
)
TARGETS = {target.arch: target for target in (ARM, ARM64)}


@dataclass(frozen=True)
class Kernel:
    """One built kernel: files in the cache, never changed once they are there."""

    folder: Path

    @property
    def image(self) -> Path:
        """The kernel as the bootloader gets it: a zImage, on arm64 an Image."""
        return self.folder / "image"

    @property
    def config(self) -> Path:
        """The complete configuration it was built with."""
        return self.folder / "config"

    @property
    def objects(self) -> Path:
        """The build folder, with which a kernel that differs little is made in seconds; may be missing."""
        return self.folder / "objects"


def unpack(folder: Path, linux: str = LINUX) -> Path:
    """Unpack the source of Linux `linux`, as Debian ships it, into `folder`; returns its top folder.

    Raises:
        InputError: If `folder` exists already.
    """
    if folder.exists():
        raise InputError(
            f"{folder} exists already",
            state="Nothing was unpacked.",
            fix="Name a folder that does not exist.",
        )
    archive = _package(linux) / "usr" / "src" / f"linux-source-{linux}.tar.xz"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (
        log.step(f"Unpacking {archive.name}"),
        tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unpack.") as unpacking,
    ):
        run([find_tool("tar", "tar"), "-xf", archive, "-C", unpacking, "--strip-components=1"], timeout_s=900)
        Path(unpacking).chmod(0o755)
        Path(unpacking).rename(folder)
        Path(unpacking).mkdir()  # the context manager removes it
    return folder


def source(linux: str = LINUX) -> Path:
    """The same source, kept in the cache; never written into."""
    folder = cache_dir() / "linux" / packages.version(_package(linux))
    with locked(folder):
        return folder if folder.exists() else unpack(folder, linux)


def stock(target: Target = ARM) -> Kernel:
    """The kernel a phone is delivered with: Debian's source, no hardboot patch."""
    origin = f"package {packages.version(_package(LINUX))}"
    config = target.config.read_text()
    kernel = _kernel(target, origin, config)
    if not kernel.image.exists():
        _build(target, source(), config, kernel, f"the stock kernel for {target.arch}", keep=True)
    return kernel


def build(tree: Path, target: Target = ARM) -> Kernel:
    """The kernel of a source tree, with the target's configuration and the tree's own hardboot.config.

    Raises:
        InputError: If `tree` is no kernel source.
        ToolError: If the compiler is missing, a wanted option does not survive, or the build fails.
    """
    if not (tree / "Kconfig").is_file() or not (tree / "arch" / target.arch).is_dir():
        raise InputError(
            f"{tree} is not a Linux source tree",
            state="Nothing was built.",
            fix="Name the top folder of a kernel source, for example from: hardboot virtual source DIR",
        )
    fragment = tree / TREE_FRAGMENT
    config = target.config.read_text() + (fragment.read_text() if fragment.exists() else "")
    kernel = _kernel(target, f"tree {_tree_digest(tree)}", config)
    if not kernel.image.exists():
        base = stock(target) if _version(tree) == _version(source()) else None
        _build(target, tree, config, kernel, f"the kernel in {tree}", base=base)
    return kernel


def _package(linux: str) -> Path:
    return packages.part(f"linux-source-{linux}", suite=SUITES[linux], architecture=packages.ALL)


def _version(tree: Path) -> list[str]:
    text = (tree / "Makefile").read_text(errors="replace")
    return re.findall(r"^(?:VERSION|PATCHLEVEL|SUBLEVEL) = \d+$", text, re.MULTILINE)


def _work_dir() -> Path:
    folder = cache_dir() / "work"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _kernel(target: Target, source: str, config: str) -> Kernel:
    compiler = run([find_tool(f"{target.cross}gcc", target.package), "--version"], timeout_s=30).decode()
    digest = hashlib.sha256("\0".join((source, config, compiler)).encode()).hexdigest()
    return Kernel(cache_dir() / "kernels" / digest[:16])


def _tree_digest(tree: Path) -> str:
    """A digest of a source tree.

    Files as they were unpacked count by name, size and time; files newer than the top Makefile by
    their content, so that the same change made twice is the same tree.
    """
    shipped = (tree / "Makefile").stat().st_mtime
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


def _build(
    target: Target,
    tree: Path,
    config: str,
    kernel: Kernel,
    title: str,
    *,
    base: Kernel | None = None,
    keep: bool = False,
) -> None:
    """Build `tree` into the cache, from the objects of `base` where that has them; `keep` leaves objects."""
    for tool, package in (("make", "make"), ("flex", "flex"), ("bison", "bison"), ("bc", "bc")):
        find_tool(tool, package)
    with locked(kernel.folder), tempfile.TemporaryDirectory(dir=_work_dir(), prefix="build.") as folder:
        if kernel.image.exists():  # built by somebody else while we waited
            return
        # Inside the tree make names its files by relative paths: then objects fit another tree as well.
        linux, product = Path(folder) / "linux", Path(folder) / "product"
        out = linux / "out"
        wanted = Path(folder) / "wanted.config"
        wanted.write_text(config)
        with log.step(f"Building {title} (a few minutes, once)") as show:
            _link(tree, linux)
            if base and base.objects.is_dir():
                run(["cp", "-a", base.objects, out], timeout_s=600)
                _renew(linux, source())
            else:
                out.mkdir()
            _make(target, out, [f"KCONFIG_ALLCONFIG={wanted}", "allnoconfig"], None)
            _check_config(config, (out / ".config").read_text())
            _make(target, out, [f"-j{os.cpu_count() or 1}", Path(target.image).name], show)
        product.mkdir()
        for name, made in (
            ("image", target.image),
            ("config", ".config"),
            ("System.map", "System.map"),
            ("vmlinux", "vmlinux"),
        ):
            shutil.copyfile(out / made, product / name)
        if keep:
            out.rename(product / "objects")
        product.replace(kernel.folder)


def _link(tree: Path, linux: Path) -> None:
    """Make `linux` a tree of the same files: links, hard ones where that is possible."""
    kind = "-al" if tree.stat().st_dev == linux.parent.stat().st_dev else "-as"
    run(["cp", kind, tree.resolve(), linux], timeout_s=600)


def _renew(linux: Path, before: Path) -> None:
    """Make files that are not as in `before` newer than any object, or make would not compile them again."""
    old = {path: (info.st_size, info.st_mtime_ns) for path, info in _files(before, "")}
    for path, _ in list(_files(linux, "")):
        if path.startswith("out/"):
            continue
        info = (linux / path).stat()
        if old.get(path) != (info.st_size, info.st_mtime_ns):
            content = (linux / path).read_bytes()
            (linux / path).unlink()  # a link: what it leads to stays as it is
            (linux / path).write_bytes(content)
            (linux / path).chmod(info.st_mode & 0o777)


def _make(target: Target, out: Path, words: list[str], show: "log.Show | None") -> None:
    lines = 0

    def on_line(line: str) -> None:
        nonlocal lines
        lines += 1
        if show:
            show(f"{min(99, 100 * lines // target.lines)} % {line.strip()[:48]}")

    variables = {
        "ARCH": target.arch,
        "CROSS_COMPILE": target.cross,
        "KBUILD_BUILD_USER": "hardboot",
        "KBUILD_BUILD_HOST": "virtual",
        "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
        "KBUILD_BUILD_VERSION": "1",
    }
    command = ["make", "-C", str(out.parent), f"O={out.name}", *words]
    run(command, env=variables, timeout_s=_BUILD_TIMEOUT_S, on_line=on_line)


def _check_config(wanted: str, result: str) -> None:
    """Kconfig drops silently what a dependency forbids; say it."""
    have = set(result.splitlines())
    lost = [line for line in wanted.splitlines() if line.startswith("CONFIG_") and line not in have]
    if lost:
        raise ToolError(
            f"the kernel configuration lost {', '.join(lost)}",
            state="Nothing was built.",
            fix="Look for a dependency that is not met (make menuconfig, search for the symbol), "
            "or for a tree without the hardboot patches: hardboot patch status TREE",
        )
