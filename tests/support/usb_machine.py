"""A QEMU machine with USB on both sides: Debian's kernel, dummy_hcd, FunctionFS and AOSP's adbd.

It runs on this computer's own files, which it can read and not change, so what runs in it is the Python and
the hardboot of the tests. Its kernel's dummy_hcd is a USB controller and a device port that are joined.
"""

import gzip
import os
import shutil
from pathlib import Path

import pytest
from adbds import AospAdbd

from hardboot.base import process
from hardboot.base.errors import ToolError
from hardboot.virtual import packages

SERIAL = "0123456789"
_ARCHITECTURE = "amd64"
_MODULES = ("virtio_pci", "9pnet_virtio", "9p", "overlay", "dummy_hcd", "usb_f_fs")
_INIT = """#!/bin/busybox sh
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sys /sys
mount -t devtmpfs dev /dev
ip link set lo up
for module in /modules/*; do insmod $module; done
mount -t 9p -o trans=virtio,version=9p2000.L,ro,cache=loose,msize=262144 host /host
mount -t tmpfs tmp /changes
mkdir /changes/upper /changes/work
mount -t overlay -o lowerdir=/host,upperdir=/changes/upper,workdir=/changes/work both /root
for folder in proc sys dev; do mount --move /$folder /root/$folder; done
cp /guest.sh /root/guest.sh
chroot /root /bin/sh /guest.sh
poweroff -f
"""
# As Android's init does it: the function is bound to the controller whenever adbd has opened it. Debian's
# adbd never ends a connection that the host reset: its StopWorker (usb.cpp) waits for pthread_kill to say
# ESRCH of a thread that has ended, which glibc 2.34 and newer do not say. So it is started anew then.
_GUEST = """
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root
mkdir -p /dev/pts && mount -t devpts pts /dev/pts && ln -s /proc/self/fd /dev/fd
mount -t configfs configfs /sys/kernel/config
mkdir /sys/kernel/config/usb_gadget/phone && cd /sys/kernel/config/usb_gadget/phone
echo 0x18d1 > idVendor && echo 0x4ee7 > idProduct
mkdir strings/0x409 configs/c.1 functions/ffs.adb
echo {serial} > strings/0x409/serialnumber
ln -s functions/ffs.adb configs/c.1/
mkdir -p /dev/usb-ffs/adb && mount -t functionfs adb /dev/usb-ffs/adb
while true; do
    {adbd} > /adbd.log 2>&1 &
    until grep -q 'being destroyed' /adbd.log || ! kill -0 $! 2> /dev/null; do
        read -r bound < UDC
        [ "$bound" ] || echo dummy_udc.0 2> /dev/null > UDC
        sleep 0.5
    done
    kill -9 $! 2> /dev/null
    wait $!
done &
cd {folder}
until grep -qs {serial} /sys/bus/usb/devices/*/serial; do sleep 0.1; done
{command}
echo "ended with $?"
"""


def run(adbd: AospAdbd, folder: Path, command: str, *, scratch: Path, timeout_s: float) -> str:
    """Run a command of the shell in `folder` on the machine; return what its console shows.

    Args:
        adbd: What is the phone.
        folder: On this computer, and so on the machine.
        command: For `sh`, while the phone is on USB.
        scratch: A folder for what the machine starts from.
        timeout_s: For all of it, seconds.
    """
    qemu = shutil.which("qemu-system-x86_64")
    if qemu is None:
        pytest.skip("qemu-system-x86_64 is not installed (Debian: qemu-system-x86)")
    try:
        kernel = _kernel(scratch)
        busybox = packages.package_dir("busybox-static", architecture=_ARCHITECTURE) / "bin/busybox"
    except ToolError as error:
        pytest.skip(f"Debian's kernel for {_ARCHITECTURE} cannot be had: {error.what}")
    guest = _GUEST.format(serial=SERIAL, adbd=" ".join(adbd.command), folder=folder, command=command)
    _write_ramdisk(scratch, busybox, guest)
    console = scratch / "console"
    options = (
        "-machine q35 -accel tcg,thread=multi -cpu max -smp 2 -m 1024 -nodefaults -no-reboot -display none"
    )
    shared = "local,path=/,mount_tag=host,security_model=none,readonly=on,multidevs=remap"
    command_line = [qemu, *options.split(), "-serial", f"file:{console}", "-virtfs", shared]
    command_line += ["-kernel", str(kernel), "-initrd", str(scratch / "ramdisk")]
    command_line += ["-append", "console=ttyS0 quiet panic=-1"]
    try:
        process.run(command_line, timeout_s=timeout_s)
    except ToolError as error:
        pytest.fail(f"{error.what}\n{console.read_text(errors='replace')}")
    return console.read_text(errors="replace")


def _kernel(scratch: Path) -> Path:
    """Return Debian's kernel; its modules are laid into the ramdisk, in the order they need."""
    name = packages.find_dependency("linux-image-amd64", "linux-image-6", architecture=_ARCHITECTURE)
    root = packages.package_dir(name, architecture=_ARCHITECTURE)
    release = name.removeprefix("linux-image-")
    links = scratch / "kernel" / "lib" / "modules"  # depmod writes beside the modules
    links.mkdir(parents=True)
    process.run(["cp", "-al", root / "lib/modules" / release, links], timeout_s=60)
    process.run(["depmod", "-b", scratch / "kernel", release], timeout_s=60)
    modules = scratch / "ramdisk-files" / "modules"
    modules.mkdir(parents=True)
    ordered: list[str] = []
    for module in _MODULES:
        show: list[str | Path] = [
            "modprobe",
            "-d",
            scratch / "kernel",
            "-S",
            release,
            "--show-depends",
            module,
        ]
        ordered += [line.split()[1] for line in process.run(show, timeout_s=20).decode().splitlines()]
    for number, path in enumerate(dict.fromkeys(ordered)):
        shutil.copy(path, modules / f"{number:02}-{Path(path).name}")
    return root / "boot" / f"vmlinuz-{release}"


def _write_ramdisk(scratch: Path, busybox: Path, guest: str) -> None:
    files = scratch / "ramdisk-files"
    for name in ("bin", "proc", "sys", "dev", "host", "changes", "root"):
        (files / name).mkdir()
    shutil.copy(busybox, files / "bin" / "busybox")
    (files / "init").write_text(_INIT)
    (files / "init").chmod(0o755)
    (files / "guest.sh").write_text(guest)
    names = "\n".join(os.fspath(path.relative_to(files)) for path in sorted(files.rglob("*")))
    cpio = process.run(["cpio", "-o", "-H", "newc", "--quiet"], cwd=files, stdin=names.encode(), timeout_s=60)
    (scratch / "ramdisk").write_bytes(gzip.compress(cpio, 1))
