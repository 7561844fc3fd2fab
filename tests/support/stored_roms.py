"""Linux root file systems for the store: the virtual phone's userland in a disk of its own."""

import subprocess
from pathlib import Path

from hardboot.images import filesystem
from hardboot.virtual import userland
from hardboot.virtual.target import Target


def system(target: Path, architecture: Target, name: str) -> Path:
    """Write a system image whose build.prop says `name`; return it."""
    root = target.parent / f"{target.name}.root"
    userland.make_system(root, architecture, f"virt-{architecture.arch}.prop")
    with (root / "build.prop").open("a") as stream:
        stream.write(f"ro.build.flavor={name}\n")
    filesystem.make(target, 24 << 20, root)
    return target


def rootfs(target: Path, architecture: Target, name: str) -> Path:
    """Write a tar archive with a root file system whose /sbin/init is the phone's; return it.

    It has no fstab: what it shows at /data and /system is its own.
    """
    root = target.parent / f"{target.name}.root"
    userland.make_root(root, architecture, name)
    userland.make_system(root / "on-disk", architecture, f"virt-{architecture.arch}.prop")
    (root / "system").rmdir()
    (root / "on-disk").rename(root / "system")
    (root / "init").rename(root / "sbin/init")
    subprocess.run(["tar", "-C", root, "--owner=0", "--group=0", "-cf", target, "."], check=True, timeout=60)
    return target
