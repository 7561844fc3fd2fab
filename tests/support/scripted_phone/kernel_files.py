"""What a running kernel shows in /proc and /sys, and what it does when these are written."""

from collections.abc import Callable
from typing import TYPE_CHECKING

from scripted_phone.files import BlockDevice, Folder, Special
from scripted_phone.kernels import Running

if TYPE_CHECKING:
    from scripted_phone.phone import ScriptedPhone

IOMEM = "40000000-7fffffff : System RAM\n  40300000-412fffff : Kernel code\n"
_CPU = "/sys/devices/system/cpu"


def show_kernel(phone: "ScriptedPhone", running: Running) -> None:
    """Put the files of the kernel `running` on the phone."""
    kernel = running.kernel
    phone.show("/proc/cmdline", lambda: f"{running.cmdline}\n")
    phone.show("/proc/iomem", lambda: IOMEM)
    phone.show("/proc/uptime", lambda: f"{phone.clock.now - running.started:.2f} 0.00\n")
    phone.show("/proc/version", lambda: f"Linux version {kernel.release} (x@y) #1 SMP\n")
    phone.show("/proc/sys/kernel/version", lambda: "#1 SMP\n")
    phone.show("/proc/sys/kernel/osrelease", lambda: f"{running.kernel.release}\n")
    phone.show("/proc/sys/kernel/random/boot_id", lambda: f"{running.boot_id}\n")
    phone.show("/proc/1/mounts", lambda: "".join(f"{mount}\n" for mount in phone.files.mounts))
    _kept(phone, "/proc/sys/kernel/panic", "0")
    phone.files.add("/dev/null", Special(mode=0o666, shows=lambda: b"", does=lambda _: None))
    if kernel.tells_loaded:
        phone.show("/sys/kernel/kexec_loaded", lambda: f"{running.loaded is not None:d}\n")
        phone.show("/sys/kernel/kexec_crash_loaded", lambda: f"{running.on_crash is not None:d}\n")
    for name, number in (("page", kernel.page), ("flag", kernel.flag)):
        if number is not None:
            _kept(phone, f"/sys/kernel/kexec_hardboot/{name}", f"{number:#x}")
    if phone.battery:
        for name, value in zip(("type", "capacity", "status"), ("Battery", *phone.battery), strict=True):
            phone.add_file(f"/sys/class/power_supply/battery/{name}", f"{value}\n")
    _show_cpus(phone)
    _show_switches(phone)
    for path, content in (phone.trees | kernel.files).items():
        phone.files.nodes.pop(path, None)
        if content is not None:
            phone.files.add(path, Special(mode=0o600, shows=_constant(content)))


def _kept(phone: "ScriptedPhone", path: str, content: str) -> None:
    """Return a value that can be written and read."""
    values = [content.encode() + b"\n"]
    phone.show(path, lambda: values[-1], values.append)


def _show_cpus(phone: "ScriptedPhone") -> None:
    """Two CPUs, of which the second can be taken offline."""
    phone.files.add(f"{_CPU}/cpu0", Folder())
    _kept(phone, f"{_CPU}/cpu1/online", "1")

    def online() -> bytes:
        second = phone.files.find(f"{_CPU}/cpu1/online")
        return b"0-1\n" if second and second.read().strip() == b"1" else b"0\n"

    phone.show(f"{_CPU}/online", online)


def _show_switches(phone: "ScriptedPhone") -> None:
    def drop_caches(data: bytes) -> None:
        for node in phone.files.nodes.values():
            if isinstance(node, BlockDevice):
                node.drop()

    def sysrq(data: bytes) -> None:
        if data.strip() == b"u":
            for mount in phone.files.mounts:
                mount.read_only = mount.read_only or not mount.stubborn
        elif data.strip() == b"c":
            phone.crash()

    phone.show("/proc/sys/vm/drop_caches", lambda: "0\n", drop_caches)
    phone.show("/proc/sysrq-trigger", lambda: "", sysrq)


def _constant(content: bytes) -> Callable[[], bytes]:
    return lambda: content
