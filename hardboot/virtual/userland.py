"""What runs on virtual phones above their kernels: the system partition, and ramdisks with /init and adbd."""

import gzip
import shutil
from collections.abc import Iterable, Mapping
from pathlib import Path

from hardboot.base.process import find_tool, run
from hardboot.virtual import packages
from hardboot.virtual.target import Target

PHONE = Path(__file__).parent / "phone"
_TOOLS = ("bootctl", "getprop", "setprop", "start", "stop", "reboot", "zygote")  # names of toolbox.c


def compile_program(name: str, target: Target, output: Path, mode: int) -> None:
    """Compile one of the phone's own programs, static.

    Args:
        name: Its sources are phone/NAME*.c.
        target: What it is compiled for.
        output: The program to write.
        mode: Permissions.
    """
    sources = sorted(PHONE.glob(f"{name}*.c"))
    compiler = find_tool(f"{target.cross}gcc", target.package)
    run([compiler, "-O2", "-static", "-s", "-o", output, *sources], timeout_s=120)
    output.chmod(mode)


def make_system(root: Path, target: Target, properties: str) -> None:
    """Fill the folder of the system partition: a shell, applets and Android's small tools.

    Args:
        root: The folder, which is made.
        target: The architecture.
        properties: Name of the build.prop in phone/.
    """
    binaries = root / "bin"
    binaries.mkdir(parents=True)
    (root / "xbin").mkdir()
    busybox = packages.package_dir("busybox-static", architecture=target.debian)
    _install(busybox / "bin" / "busybox", binaries / "busybox", 0o755)
    # Android's own shell; busybox's would run its applets (su, reboot) instead of the phone's programs.
    mksh = packages.package_dir("mksh", architecture=target.debian)
    _install(next(mksh.glob("usr/lib/*-linux-musl*/bin/mksh")), binaries / "sh", 0o755)
    for applet in (PHONE / "applets").read_text().split():
        (binaries / applet).symlink_to("busybox")
    compile_program("toolbox", target, binaries / "toolbox", 0o755)
    for name in _TOOLS:
        (binaries / name).symlink_to("toolbox")
    _install(PHONE / properties, root / "build.prop", 0o644)


def make_root(root: Path, target: Target, name: str) -> None:
    """Fill the folder of a ramdisk that starts the phone's userland.

    Args:
        root: The folder, which is made.
        target: The architecture.
        name: What the phone calls its system, ro.build.display.id.
    """
    for sub in ("sbin", "dev", "proc", "sys", "system", "data", "metadata", "lib/modules"):
        (root / sub).mkdir(parents=True)
    compile_program("init", target, root / "init", 0o750)
    compile_program("adbd", target, root / "sbin" / "adbd", 0o750)
    compile_program("su", target, root / "sbin" / "su", 0o6755)
    (root / "default.prop").write_text(f"ro.build.display.id={name}\n")


def add_modules(root: Path, modules: Mapping[str, Path]) -> None:
    """Put kernel modules into the folder of a ramdisk, as Android does; /init loads them in this order."""
    folder = root / "lib" / "modules"
    for module, path in modules.items():
        shutil.copyfile(path, folder / module)
    if modules:
        (folder / "modules.load").write_text("".join(f"{module}\n" for module in modules))


def find_modules(files: Path, release: str, wanted: Iterable[str], work: Path) -> dict[str, Path]:
    """Return kernel modules and all that they need, in loading order, by their file names.

    Args:
        files: Folder with the unpacked files of Debian's kernel package.
        release: Of the kernel.
        wanted: Names of modules.
        work: An empty folder.
    """
    base = work / "depmod"
    tree = base / "lib" / "modules" / release
    tree.mkdir(parents=True)
    source = files / "lib" / "modules" / release
    for name in ("modules.order", "modules.builtin"):
        shutil.copyfile(source / name, tree / name)
    (tree / "kernel").symlink_to(source / "kernel")
    run([find_tool("depmod", "kmod"), "-b", base, release], timeout_s=120)
    needs = {}
    for line in (tree / "modules.dep").read_text().splitlines():
        path, _, others = line.partition(":")
        needs[Path(path).stem.replace("-", "_")] = [*reversed(others.split()), path]
    chosen: dict[str, Path] = {}
    for module in wanted:
        for path in needs.get(module, ()):  # else it is in the kernel itself
            chosen.setdefault(Path(path).name, source / path)
    return chosen


def pack_ramdisk(root: Path, output: Path) -> None:
    """Write the folder `root` as a ramdisk: a cpio archive, packed by gzip."""
    names = "".join(f"{path.relative_to(root)}\n" for path in sorted(root.rglob("*")))
    words = [
        find_tool("cpio", "cpio"),
        "--quiet",
        "--create",
        "--format=newc",
        "--owner=0:0",
        "--reproducible",
    ]
    archive = run(words, cwd=root, stdin=names.encode(), timeout_s=120)
    output.write_bytes(gzip.compress(archive, 6, mtime=0))


def _install(source: Path, target: Path, mode: int) -> None:
    shutil.copyfile(source, target)
    target.chmod(mode)
