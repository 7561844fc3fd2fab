"""Initial ramdisks for virtual phones in which a script of busybox is the first program."""

import shutil
from pathlib import Path

from hardboot.virtual import packages, userland
from hardboot.virtual.target import Target

START = """\
#!/mrom/busybox sh
/mrom/busybox mount -t proc proc /proc
mount -t devtmpfs devtmpfs /dev
mount -t sysfs sysfs /sys
"""
# What the initial ramdisk of a Linux distribution does with root=.
MOUNTS_ROOT = f"""{START}\
for word in $(cat /proc/cmdline); do case $word in
root=*) disk=${{word#root=}} ;;
esac; done
mount -t ext4 $disk /root
exec switch_root /root /sbin/init
"""


def pack(root: Path, architecture: Target, script: str, *folders: str) -> bytes:
    """Return a ramdisk of the files in the folder `root`, with more folders, and a script as its init."""
    for name in ("mrom", *folders):
        (root / name).mkdir()
    busybox = packages.package_dir("busybox-static", architecture=architecture.debian)
    shutil.copyfile(busybox / "bin/busybox", root / "mrom/busybox")
    (root / "init").write_text(script)
    for name in ("init", "mrom/busybox"):
        (root / name).chmod(0o755)
    output = root.with_name(f"{root.name}.gz")
    userland.pack_ramdisk(root, output)
    return output.read_bytes()
