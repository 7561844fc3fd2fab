"""Root file systems and system images for ROMs of the store, made of Debian's packages."""

import subprocess
from pathlib import Path

from hardboot.images import filesystem
from hardboot.virtual import packages, userland
from hardboot.virtual.target import Target

# A Debian in which a shell runs: unpacked by dpkg-deb, and not configured, as that needs its CPU.
_PACKAGES = (
    *("base-files", "bash", "coreutils", "dash", "grep", "libc6", "libc-bin", "sed"),
    *("libacl1", "libattr1", "libgmp10", "libpcre2-8-0", "libselinux1", "libtinfo6"),
)


def debian(root: Path, architecture: Target) -> None:
    """Fill the folder of a root file system with Debian for `architecture`."""
    for name in _PACKAGES:
        files = packages.package_dir(name, architecture=architecture.debian)
        subprocess.run(["cp", "-a", f"{files}/.", root], check=True, timeout=60)


def rootfs(target: Path, architecture: Target, name: str) -> Path:
    """Write a tar archive with Debian, whose /sbin/init is that of the virtual phone; return it.

    It has no fstab: what it shows at /data and /system is its own.
    """
    root = target.parent / f"{target.name}.root"
    userland.make_root(root, architecture, name)
    debian(root, architecture)
    userland.make_system(root / "on-disk", architecture, f"virt-{architecture.arch}.prop")
    (root / "system").rmdir()
    (root / "on-disk").rename(root / "system")
    (root / "init").rename(root / "sbin/init")
    words = ["tar", "-C", str(root), "--owner=0", "--group=0", "-cf", str(target), "."]
    subprocess.run(words, check=True, timeout=60)
    return target


def system(target: Path, architecture: Target, name: str) -> Path:
    """Write a system image whose build.prop says `name`; return it."""
    root = target.parent / f"{target.name}.root"
    userland.make_system(root, architecture, f"virt-{architecture.arch}.prop")
    with (root / "build.prop").open("a") as stream:
        stream.write(f"ro.build.flavor={name}\n")
    filesystem.make(target, 24 << 20, root)
    return target
