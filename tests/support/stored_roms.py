"""Root file systems and system images for ROMs of the store, made by Debian's own tools."""

import shutil
import subprocess
from pathlib import Path

from hardboot.base.files import cache_dir, locked, make_folder
from hardboot.base.process import find_tool, run
from hardboot.images import filesystem
from hardboot.virtual import userland
from hardboot.virtual.target import Target

# A Debian in which a shell runs: its packages are unpacked, and none is configured, as that needs its CPU.
_PACKAGES = "base-files,bash,coreutils,dash,grep,libc-bin,mount,sed,util-linux"


def debian(architecture: Target) -> Path:
    """Return a tar archive with Debian's root file system for `architecture`, made once."""
    target = cache_dir() / "rootfs" / f"bookworm-{architecture.debian}.tar"
    make_folder(target.parent)
    with locked(target):
        if not target.exists():
            part = target.with_name(f".{target.name}")
            words = [f"--arch={architecture.debian}", "--variant=extract", f"--include={_PACKAGES}"]
            tool = find_tool("mmdebstrap", "mmdebstrap")
            run([tool, "--quiet", *words, "--format=tar", "bookworm", part], timeout_s=300)
            part.replace(target)
    return target


def rootfs(target: Path, architecture: Target, name: str) -> Path:
    """Write a tar archive with Debian, whose /sbin/init is that of the virtual phone; return it.

    It has no fstab: what it shows at /data and /system is its own.
    """
    root = target.parent / f"{target.name}.root"
    userland.make_root(root, architecture, name)
    userland.make_system(root / "on-disk", architecture, f"virt-{architecture.arch}.prop")
    (root / "system").rmdir()
    (root / "on-disk").rename(root / "system")
    (root / "init").rename(root / "sbin/init")
    shutil.copyfile(debian(architecture), target)
    files = [
        str(path.relative_to(root)) for path in root.rglob("*") if path.is_symlink() or not path.is_dir()
    ]
    words = ["tar", "-C", str(root), "--owner=0", "--group=0", "--no-recursion", "-rf", str(target)]
    subprocess.run([*words, "data", "metadata", *files], check=True, timeout=60)
    return target


def system(target: Path, architecture: Target, name: str) -> Path:
    """Write a system image whose build.prop says `name`; return it."""
    root = target.parent / f"{target.name}.root"
    userland.make_system(root, architecture, f"virt-{architecture.arch}.prop")
    with (root / "build.prop").open("a") as stream:
        stream.write(f"ro.build.flavor={name}\n")
    filesystem.make(target, 24 << 20, root)
    return target
