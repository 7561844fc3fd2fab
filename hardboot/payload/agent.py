"""Speak with the agent: its command lines, its answers, and what its errors mean."""

import re
import shlex
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import DeviceError, InputError
from hardboot.base.memory import PAGE_SIZE

KEXEC_ON_CRASH = 0x1  # include/uapi/linux/kexec.h
KEXEC_ARCH_DEFAULT = 0x0
KEXEC_SEGMENT_MAX = 16  # include/linux/kexec.h
PAGES_MAX = 4096  # of one `pages_command`; pages.c

_PAYLOAD = Path(__file__).parent
_ERROR = re.compile(r"^error=(?P<what>.*) errno=(?P<errno>\d{1,10})\r?$", re.MULTILINE)
_STILL_RUNS = "The phone still runs its own kernel; nothing was written or reset."


@dataclass(frozen=True)
class AgentSegment:
    """A file on the phone and where it goes: physical address and size in RAM, both page aligned."""

    file: str
    addr: int
    size: int


@dataclass(frozen=True)
class AgentInfo:
    """What `agent info` found. None stands for what the phone does not tell."""

    release: str
    boot_id: str | None
    kexec_loaded: bool | None
    kexec_crash_loaded: bool | None
    hardboot_page: int | None
    hardboot_flag: int | None
    hardboot_version: str | None
    probe: int | None
    """The errno of an empty load with the flag, 0 if it was accepted; None if it was not tried."""


@dataclass(frozen=True)
class AgentFailure:
    """The agent's own last line: what failed, and Linux's error number."""

    what: str
    errno: int


def binary(arch: str) -> Path:
    """The agent built for `arch` ("arm" or "arm64").

    Raises:
        InputError: If there is none.
    """
    path = _PAYLOAD / f"agent-{arch}"
    if not re.fullmatch(r"[a-z0-9]+", arch) or not path.is_file():
        raise InputError(
            f"there is no agent for the architecture {arch!r}",
            state="Nothing was sent.",
            fix="Correct the arch in the profile of this phone; hardboot knows arm and arm64.",
        )
    return path


def load_command(agent: str, flags: int, entry: int, segments: Iterable[AgentSegment]) -> str:
    """The shell command that loads `segments`; `agent` is the path of the agent on the phone."""
    words = [agent, "load", f"{flags:#x}", f"{entry:#x}"]
    words += [f"{segment.file}@{segment.addr:#x}:{segment.size:#x}" for segment in segments]
    return shlex.join(words)


def unload_command(agent: str, flags: int) -> str:
    """The shell command that drops what is loaded: the crash kernel with KEXEC_ON_CRASH in `flags`."""
    return shlex.join([agent, "unload", f"{flags:#x}"])


def exec_command(agent: str) -> str:
    """The shell command that starts what is loaded; it does not return unless it fails."""
    return shlex.join([agent, "exec"])


def info_command(agent: str, flag: int | None = None) -> str:
    """The shell command that asks the kernel; with `flag`, also whether it is accepted."""
    return shlex.join([agent, "info"] if flag is None else [agent, "info", f"{flag:#x}"])


def pages_command(agent: str, file: str, runs: str, first: int, count: int, output: str) -> str:
    """The shell command that writes pages of a large file, without those that are zero, to the file `output`.

    Args:
        agent: Path of the agent on the phone.
        file: What is read.
        runs: A file that `build_runs` made.
        first: The first page wanted, counted over all runs.
        count: How many pages, at most PAGES_MAX.
        output: Written in the form that `parse_pages` reads.
    """
    words = [agent, "pages", file, runs, f"{first:#x}", f"{count:#x}"]
    return f"{shlex.join(words)} > {shlex.quote(output)}"


def build_runs(runs: Iterable[tuple[int, int]]) -> bytes:
    """The list of runs of pages: the number of the first page in the file, and how many."""
    return b"".join(struct.pack("<II", first, count) for first, count in runs)


def parse_pages(data: bytes, count: int) -> list[bytes | None]:
    """The pages that `pages_command` wrote, None for one that is zero.

    Raises:
        DeviceError: If it is not such an answer for `count` pages.
    """
    pages = max(0, len(data) - (count + 7) // 8)
    bits = int.from_bytes(data[pages:], "little")
    if bits.bit_count() * PAGE_SIZE != pages or bits >> count or len(data) - pages != (count + 7) // 8:
        raise _unexpected(f"{len(data)} bytes for {count} pages")
    found: list[bytes | None] = []
    at = 0
    for index in range(count):
        if bits >> index & 1:
            found.append(data[at : at + PAGE_SIZE])
            at += PAGE_SIZE
        else:
            found.append(None)
    return found


def parse_info(text: str) -> AgentInfo:
    """Read the answer to `info_command`.

    Raises:
        DeviceError: If it is not such an answer.
    """
    fields = dict(line.strip().split("=", 1) for line in text.splitlines() if "=" in line)

    def number(key: str) -> int | None:
        value = fields.get(key)
        if value is None:
            return None
        if not re.fullmatch(r"0x[0-9a-fA-F]{1,16}|[0-9]{1,20}", value):
            raise _unexpected(f"{key}={value}")
        return int(value, 16) if value.startswith("0x") else int(value)

    def loaded(key: str) -> bool | None:
        value = fields.get(key)
        if value not in ("0", "1", "unknown"):
            raise _unexpected(text)
        return None if value == "unknown" else value == "1"

    probe = fields.get("probe", "skipped")
    release = fields.get("release")
    if not release:
        raise _unexpected(text)
    boot_id = fields.get("boot_id", "unknown")
    return AgentInfo(
        release=release,
        boot_id=None if boot_id == "unknown" else boot_id,
        kexec_loaded=loaded("kexec_loaded"),
        kexec_crash_loaded=loaded("kexec_crash_loaded"),
        hardboot_page=number("hardboot_page"),
        hardboot_flag=number("hardboot_flag"),
        hardboot_version=fields.get("hardboot_version"),
        probe={"ok": 0, "skipped": None}[probe] if probe in ("ok", "skipped") else number("probe"),
    )


def _unexpected(text: str) -> DeviceError:
    shown = text.strip()[-300:] or "nothing"
    return DeviceError(
        f"the agent on the phone answered what it never says: {shown!r}",
        state=_STILL_RUNS,
        fix="Run the command again; it copies the agent anew. If it stays so, report it with -v.",
    )


def parse_failure(text: str) -> AgentFailure | None:
    """The agent's error line in its output, or None if it has none."""
    found = _ERROR.search(text)
    return AgentFailure(found["what"], int(found["errno"])) if found else None


def failure(step: str, text: str) -> DeviceError:
    """The error for a command of the agent that exited with another code than 0.

    Args:
        step: "load", "unload", "exec", "info" or "probe".
        text: Its output; without an error line of the agent, it did not run at all.
    """
    found = parse_failure(text)
    if found is None:
        said = " ".join(text.split())[-300:] or "it printed nothing"
        return DeviceError(
            f"the agent did not run on the phone: {said}",
            state=_STILL_RUNS,
            fix="Check that the root shell works (su -c id) and that programs may run from the staging folder"
            " (not mounted noexec, not forbidden by SELinux: try setenforce 0).",
        )
    if found.what in ("kexec_load", "reboot"):
        return explain(step, found.errno)
    return DeviceError(
        f"the agent on the phone failed: {found.what}: {errno_text(found.errno)}",
        state=_STILL_RUNS,
        fix="Check free space (df /data) and permissions in the staging folder, then try again.",
    )


# Linux's own numbers (include/uapi/asm-generic/errno-base.h, errno.h): this computer's may be others.
_ERRNO = {
    1: ("EPERM", "operation not permitted"),
    2: ("ENOENT", "no such file"),
    5: ("EIO", "input/output error"),
    8: ("ENOEXEC", "not an image this kernel starts"),
    11: ("EAGAIN", "try again"),
    12: ("ENOMEM", "out of memory"),
    13: ("EACCES", "permission denied"),
    14: ("EFAULT", "bad address"),
    16: ("EBUSY", "busy"),
    19: ("ENODEV", "no such device"),
    20: ("ENOTDIR", "not a folder"),
    21: ("EISDIR", "is a folder"),
    22: ("EINVAL", "invalid argument"),
    24: ("EMFILE", "too many open files"),
    28: ("ENOSPC", "no space left"),
    29: ("ESPIPE", "not a plain file"),
    38: ("ENOSYS", "not in this kernel"),
    40: ("ELOOP", "too many symbolic links"),
    75: ("EOVERFLOW", "too large"),
    95: ("EOPNOTSUPP", "not supported"),
    99: ("EADDRNOTAVAIL", "address not available"),
}

_NOT_ROOT = (
    "the caller is not really root, or kexec is shut by the sysctl kernel.kexec_load_disabled or by lockdown",
    "Check `su -c id` for uid=0 and full capabilities; `sysctl kernel.kexec_load_disabled` must be 0"
    " (once 1, it stays so until the next boot); boot a host kernel without lockdown.",
)
_NO_KEXEC = (
    "the running kernel has no kexec (CONFIG_KEXEC is off)",
    "Put a host kernel with kexec into the boot partition: `hardboot patch apply` and"
    " `hardboot flash-host-kernel`.",
)
_BUSY = (
    "another program is loading or starting a kernel right now",
    "Wait a moment and try again; if it stays so, restart the phone.",
)
_BUSY_LOADING = (
    f"{_BUSY[0]}, or (arm64) this kernel cannot take its CPUs offline",
    "Wait a moment and try again; if it stays so, restart the phone, and look for CPUs that did not start or"
    " hang in the kernel's own messages (dmesg).",
)
_SELINUX = (
    "a security module of the phone (SELinux, IMA) forbids loading a kernel",
    "Use a root shell that SELinux does not confine, or setenforce 0, then try again.",
)

# Cause and way out, by step and errno. Causes are those of kernel/kexec.c (kexec_load_check, do_kexec_load),
# kernel/kexec_core.c (sanity_check_segment_list, kernel_kexec), kernel/reboot.c and machine_kexec_prepare in
# arch/arm/kernel and arch/arm64/kernel (machine_kexec.c) of Linux 3.4 to 6.12, and of hardboot's
# own series.
_CAUSES: dict[tuple[str, int], tuple[str, str]] = {
    ("load", 1): _NOT_ROOT,
    ("load", 8): (
        "the kernel does not start images of this architecture",
        "Check that the boot image is made for this phone: `hardboot info IMAGE`.",
    ),
    ("load", 12): (
        "the phone has not enough free memory for the segments and their copies",
        "Close apps (or `stop` the Android framework), or use a smaller ramdisk, then try again.",
    ),
    ("load", 13): _SELINUX,
    ("load", 14): (
        "a file in the staging folder became shorter while it was loaded",
        "Try again; make sure that nothing else writes to the staging folder.",
    ),
    ("load", 16): _BUSY_LOADING,
    ("load", 19): (
        "the host kernel knows no way to reset this machine for hardboot (no PSCI node in its device tree)",
        "Use a host kernel and a device tree that belong together; see the reset method in the profile.",
    ),
    ("load", 22): (
        "the kernel refused the flags or a segment: it has no hardboot support, a segment lies outside RAM or"
        " over another one, they take more than half of the memory, or its CPUs cannot be taken offline",
        "Run `hardboot status` to see whether the host kernel has hardboot, and check the RAM banks and"
        " mem_min of the profile against /proc/iomem.",
    ),
    ("load", 38): _NO_KEXEC,
    ("load", 95): _NO_KEXEC,
    ("load", 99): (
        "a segment is not page aligned, lies where this kernel does not load (over the hardboot page, above"
        " the last address), or a crash kernel lies outside the memory set aside for it (crashkernel=)",
        "Check the hardboot page and the RAM banks of the profile against the phone: `hardboot status`,"
        " /proc/iomem.",
    ),
    ("probe", 1): _NOT_ROOT,
    ("probe", 13): _SELINUX,
    ("probe", 16): _BUSY,
    ("probe", 22): (
        "the host kernel does not know the hardboot flag: it has kexec, but no hardboot support",
        "Put a patched host kernel into the boot partition: `hardboot patch apply` and"
        " `hardboot flash-host-kernel`; or try without the reset: `hardboot boot IMAGE --soft`.",
    ),
    ("probe", 38): _NO_KEXEC,
    ("probe", 95): _NO_KEXEC,
    ("unload", 1): _NOT_ROOT,
    ("unload", 13): _SELINUX,
    ("unload", 16): _BUSY,
    ("unload", 22): (
        "the kernel does not know one of the flags",
        "Run `hardboot status` to see whether the host kernel has hardboot.",
    ),
    ("unload", 38): _NO_KEXEC,
    ("unload", 95): _NO_KEXEC,
    ("exec", 1): (
        "the caller may not restart the phone: it is not really root (CAP_SYS_BOOT)",
        "Check `su -c id` for uid=0 and full capabilities.",
    ),
    ("exec", 16): _BUSY,
    ("exec", 22): (
        "nothing is loaded, this kernel has no kexec, or the agent runs in a container of its own",
        "Load first: `hardboot load IMAGE`, then `hardboot exec`.",
    ),
    ("exec", 38): _NO_KEXEC,
}

_CALLS = {
    "load": "the kernel refused to load the ROM",
    "probe": "the kernel refused the test for hardboot support",
    "unload": "the kernel refused to drop what is loaded",
    "exec": "the kernel refused to start what is loaded",
}


def errno_text(errno: int) -> str:
    """A Linux error number as people read it: "no space left (ENOSPC)"."""
    if errno not in _ERRNO:
        return f"error {errno}"
    name, words = _ERRNO[errno]
    return f"{words} ({name})"


def explain(step: str, errno: int) -> DeviceError:
    """The error for a kexec_load(2) or reboot(2) that failed.

    Args:
        step: "load", "probe" (an empty load with the flag), "unload" or "exec".
        errno: Linux's error number.
    """
    cause, fix = _CAUSES.get(
        (step, errno),
        (
            "a cause that the kernel gives no other word for",
            "Look at the kernel's own messages (dmesg) right after this; report it with -v.",
        ),
    )
    call = _CALLS.get(step, "the kernel refused the agent's call")
    return DeviceError(f"{call}: {errno_text(errno)}: {cause}", state=_STILL_RUNS, fix=fix)
