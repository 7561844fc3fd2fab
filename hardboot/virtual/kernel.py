"""Build kernels for the virtual phone, cached by content.

The cache key is the source, the configuration and the compiler.
"""

import hashlib
import os
import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import cache_dir, locked, make_folder, sha256_file
from hardboot.base.process import find_tool, run
from hardboot.base.temporary import temporary_folder
from hardboot.virtual import kbuild, packages
from hardboot.virtual.target import ARM, ARM64, Target

LINUX = "6.1"  # of the stock kernel
SUITES = {  # of Debian's kernel sources
    "6.1": packages.RELEASE,
    "6.12": packages.SECURITY,
    "5.10": packages.OLDER_SECURITY,
}
PHONE = Path(__file__).parent / "phone"
TREE_FRAGMENT = "hardboot.config"  # written by `hardboot patch apply` at the top of a tree
# Configuration fragments on top of allnoconfig.
CONFIGS = {ARM: PHONE / "kernel.config", ARM64: PHONE / "kernel-arm64.config"}
_VARIABLES = {
    "KBUILD_BUILD_USER": "hardboot",
    "KBUILD_BUILD_HOST": "virtual",
    "KBUILD_BUILD_TIMESTAMP": "Thu Jan  1 00:00:00 UTC 1970",
    "KBUILD_BUILD_VERSION": "1",
}


@dataclass(frozen=True)
class BuiltKernel:
    """A kernel in the cache; its files are never changed."""

    folder: Path

    @property
    def image(self) -> Path:
        """The bootable image: a zImage, on arm64 an Image."""
        return self.folder / "image"

    @property
    def config(self) -> Path:
        """The complete configuration it was built with."""
        return self.folder / "config"

    @property
    def objects(self) -> Path:
        """The build folder, for incremental builds of similar kernels; may be missing."""
        return self.folder / "objects"


def unpack_source(folder: Path, linux: str = LINUX) -> Path:
    """Unpack Debian's source of Linux `linux` into `folder`, and return its top folder.

    Raises:
        InputError: If `folder` exists already.
    """
    if folder.exists():
        raise InputError(
            f"{folder} exists already",
            state="Nothing was unpacked.",
            fix="Give a folder that does not exist.",
        )
    archive = _package(linux) / "usr" / "src" / f"linux-source-{linux}.tar.xz"
    make_folder(folder.parent)
    with (
        log.step(f"Unpacking {archive.name}"),
        temporary_folder(folder.parent) as unpacking,
    ):
        run([find_tool("tar", "tar"), "-xf", archive, "-C", unpacking, "--strip-components=1"], timeout_s=900)
        unpacking.chmod(0o755)
        unpacking.rename(folder)
    return folder


def source(linux: str = LINUX) -> Path:
    """Return the folder of Debian's source of Linux `linux` in the cache, which is never changed."""
    folder = cache_dir() / "linux" / packages.version(_package(linux))
    with locked(folder):
        return folder if folder.exists() else unpack_source(folder, linux)


def stock(target: Target = ARM) -> BuiltKernel:
    """Build the stock kernel: Debian's source without hardboot."""
    origin = f"package {packages.version(_package(LINUX))}"
    config = CONFIGS[target].read_text()
    kernel = BuiltKernel(kbuild.cached("kernels", target, origin, config))
    if not kernel.image.exists():
        _build(target, source(), config, kernel, f"the stock kernel for {target.arch}", keep=True)
    return kernel


def build(tree: Path, target: Target = ARM) -> BuiltKernel:
    """Build the kernel of a source tree with the target's configuration and the tree's hardboot.config.

    Raises:
        InputError: If `tree` is no kernel source.
        ToolError: If the compiler is missing, an option cannot be set, or the build fails.
    """
    if not (tree / "Kconfig").is_file() or not (tree / "arch" / target.arch).is_dir():
        raise InputError(
            f"{tree} is not a Linux source tree",
            state="Nothing was built.",
            fix="Give the top folder of a kernel source, for example of: hardboot virtual source DIR",
        )
    fragment = tree / TREE_FRAGMENT
    config = CONFIGS[target].read_text() + (fragment.read_text() if fragment.exists() else "")
    kernel = BuiltKernel(kbuild.cached("kernels", target, f"tree {_tree_digest(tree)}", config))
    if not kernel.image.exists():
        base = stock(target) if _version(tree) == _version(source()) else None
        _build(target, tree, config, kernel, f"the kernel in {tree}", base=base)
    return kernel


def _package(linux: str) -> Path:
    return packages.package_dir(f"linux-source-{linux}", suite=SUITES[linux], architecture=packages.ALL)


def _version(tree: Path) -> list[str]:
    text = (tree / "Makefile").read_text(errors="replace")
    return re.findall(r"^(?:VERSION|PATCHLEVEL|SUBLEVEL) = \d+$", text, re.MULTILINE)


def _tree_digest(tree: Path) -> str:
    """Return a digest of a source tree.

    Unchanged files count with name, size and time; files newer than the top Makefile count with their
    content, so that two trees with the same changes have the same digest.
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
    kernel: BuiltKernel,
    title: str,
    *,
    base: BuiltKernel | None = None,
    keep: bool = False,
) -> None:
    """Build `tree` into the cache.

    Args:
        target: Architecture.
        tree: Source tree.
        config: Configuration fragments.
        kernel: The place in the cache.
        title: The kernel in words, for the progress display.
        base: A similar kernel whose objects are reused.
        keep: Keep the objects for builds of similar kernels.
    """
    kbuild.check_tools()
    with locked(kernel.folder), temporary_folder(kbuild.work_dir()) as folder:
        if kernel.image.exists():  # another process built it meanwhile
            return
        # Inside the tree, make uses relative paths, so that the objects can be reused for another tree.
        linux, product = folder / "linux", folder / "product"
        out = linux / "out"
        wanted = folder / "wanted.config"
        wanted.write_text(config)
        with log.step(f"Building {title} (a few minutes, once)") as show:
            _link(tree, linux)
            if base and base.objects.is_dir():
                run(["cp", "-a", base.objects, out], timeout_s=600)
                _touch_changed(linux, source())
            else:
                out.mkdir()
            variables = {"ARCH": target.arch, **_VARIABLES}
            kbuild.make(target, out, [f"KCONFIG_ALLCONFIG={wanted}", "allnoconfig"], variables=variables)
            kbuild.check_config(config, (out / ".config").read_text())
            goal = [kbuild.parallel(), Path(target.image).name]
            kbuild.make(target, out, goal, variables=variables, lines=target.lines, show=show)
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
    """Make `linux` a copy of `tree` with links to its files, hard links where possible."""
    kind = "-al" if tree.stat().st_dev == linux.parent.stat().st_dev else "-as"
    run(["cp", kind, tree.resolve(), linux], timeout_s=600)


def _touch_changed(linux: Path, before: Path) -> None:
    """Give files that differ from those in `before` a new time, so that make compiles them again."""
    old = {path: (info.st_size, info.st_mtime_ns) for path, info in _files(before, "")}
    for path, _ in list(_files(linux, "")):
        if path.startswith("out/"):
            continue
        info = (linux / path).stat()
        if old.get(path) != (info.st_size, info.st_mtime_ns):
            content = (linux / path).read_bytes()
            (linux / path).unlink()  # a link, whose target stays as it is
            (linux / path).write_bytes(content)
            (linux / path).chmod(info.st_mode & 0o777)
