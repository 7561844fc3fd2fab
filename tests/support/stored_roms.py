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


def make_linux(root: Path, architecture: Target, name: str) -> None:
    """Fill the folder of a root file system whose /sbin/init is that of the virtual phone.

    It has no fstab: what it shows at /data and /system is its own.
    """
    userland.make_root(root, architecture, name)
    (root / "system").rmdir()
    userland.make_system(root / "system", architecture, f"virt-{architecture.arch}.prop")
    (root / "init").rename(root / "sbin/init")


def rootfs(target: Path, architecture: Target, name: str) -> Path:
    """Write a tar archive with Debian and what `make_linux` makes; return it."""
    root = target.parent / f"{target.name}.root"
    make_linux(root, architecture, name)
    debian(root, architecture)
    words = ["tar", "-C", str(root), "--owner=0", "--group=0", "-cf", str(target), "."]
    subprocess.run(words, check=True, timeout=60)
    return target


def system(target: Path, architecture: Target, name: str, *, size: int = 24 << 20) -> Path:
    """Write a system image of `size` bytes whose build.prop says `name`; return it."""
    root = target.parent / f"{target.name}.root"
    userland.make_system(root, architecture, f"virt-{architecture.arch}.prop")
    with (root / "build.prop").open("a") as stream:
        stream.write(f"ro.build.flavor={name}\n")
    filesystem.make(target, size, root)
    return target
