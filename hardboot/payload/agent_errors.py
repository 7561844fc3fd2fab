"""What the agent's errors mean: the cause of each errno, and what to do about it."""

import re
from dataclasses import dataclass

from hardboot.base.errors import DeviceError

STILL_RUNS = "The phone still runs its own kernel; nothing was written or reset."
_ERROR = re.compile(r"^error=(?P<what>.*) errno=(?P<errno>\d{1,10})\r?$", re.MULTILINE)


@dataclass(frozen=True)
class AgentFailure:
    """The agent's error line: what failed, and Linux's error number."""

    what: str
    errno: int


def parse_failure(text: str) -> AgentFailure | None:
    """Return the agent's error line in its output; None if there is none."""
    found = _ERROR.search(text)
    return AgentFailure(found["what"], int(found["errno"])) if found else None


def failure(step: str, text: str) -> DeviceError:
    """Return the error for a command of the agent that failed.

    Args:
        step: "load", "unload", "exec", "info", "pages" or "probe".
        text: Output of the command; without an error line, the agent did not run.
    """
    found = parse_failure(text)
    if found is None:
        output = " ".join(text.split())[-300:] or "it printed nothing"
        return DeviceError(
            f"the agent did not run on the phone: {output}",
            state=STILL_RUNS,
            fix="Check that the root shell works (su -c id) and that programs may run from the staging folder"
            " (not mounted noexec, not forbidden by SELinux: try setenforce 0).",
        )
    if found.what in ("kexec_load", "reboot"):
        return explain(step, found.errno)
    return DeviceError(
        f"the agent on the phone failed: {found.what}: {errno_text(found.errno)}",
        state=STILL_RUNS,
        fix="Check free space (df /data) and permissions in the staging folder, then try again.",
    )


# Linux's numbers (include/uapi/asm-generic/errno-base.h, errno.h); this computer's may differ.
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
    "the caller lacks root rights, or kexec is disabled (sysctl kernel.kexec_load_disabled, or lockdown)",
    "Check `su -c id` for uid=0 and full capabilities; `sysctl kernel.kexec_load_disabled` must be 0"
    " (once set to 1, it stays 1 until the next boot); boot a host kernel without lockdown.",
)
_NO_KEXEC = (
    "the running kernel has no kexec (CONFIG_KEXEC is off)",
    "Put a host kernel with kexec into the boot partition: `hardboot patch apply` and"
    " `hardboot flash-host-kernel`.",
)
_BUSY = (
    "another program is loading or starting a kernel",
    "Wait a moment and try again; if the error stays, restart the phone.",
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

# Cause and fix by step and errno. Causes are those of kernel/kexec.c (kexec_load_check, do_kexec_load),
# kernel/kexec_core.c (sanity_check_segment_list, kernel_kexec), kernel/reboot.c and machine_kexec_prepare in
# arch/arm/kernel and arch/arm64/kernel (machine_kexec.c) of Linux 3.4 to 6.12, and of hardboot's
# own series.
_CAUSES: dict[tuple[str, int], tuple[str, str]] = {
    ("load", 1): _NOT_ROOT,
    ("load", 8): (
        "the kernel cannot start images of this architecture",
        "Check that the boot image is for this phone: `hardboot info IMAGE`.",
    ),
    ("load", 12): (
        "the phone has not enough free memory for the segments and their copies",
        "Close apps (or `stop` the Android framework), or use a smaller ramdisk, then try again.",
    ),
    ("load", 13): _SELINUX,
    ("load", 14): (
        "a file in the staging folder was truncated while it was loaded",
        "Try again; make sure that nothing else writes to the staging folder.",
    ),
    ("load", 16): _BUSY_LOADING,
    ("load", 19): (
        "the host kernel cannot reset this machine for hardboot (no PSCI node in its device tree)",
        "Use a host kernel with the device tree it was made for; see the reset method in the profile.",
    ),
    ("load", 22): (
        "the kernel refused the flags or a segment: it has no hardboot support, a segment is outside RAM or"
        " overlaps another one, they take more than half of the memory, or its CPUs cannot be taken offline",
        "Run `hardboot status` to see whether the host kernel has hardboot, and check the RAM banks and"
        " mem_min of the profile against /proc/iomem.",
    ),
    ("load", 38): _NO_KEXEC,
    ("load", 95): _NO_KEXEC,
    ("load", 99): (
        "a segment is not page aligned, is where this kernel does not load (over the hardboot page, above"
        " the last address), or a crash kernel is outside the memory reserved for it (crashkernel=)",
        "Check the hardboot page and the RAM banks of the profile against the phone: `hardboot status`,"
        " /proc/iomem.",
    ),
    ("probe", 1): _NOT_ROOT,
    ("probe", 13): _SELINUX,
    ("probe", 16): _BUSY,
    ("probe", 22): (
        "the host kernel does not know the hardboot flag: it has kexec, but no hardboot support",
        "Put a patched host kernel into the boot partition: `hardboot patch apply` and"
        " `hardboot flash-host-kernel`; or boot without a reset: `hardboot boot IMAGE --via soft`.",
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
        "the caller may not restart the phone: it lacks root rights (CAP_SYS_BOOT)",
        "Check `su -c id` for uid=0 and full capabilities.",
    ),
    ("exec", 16): _BUSY,
    ("exec", 22): (
        "nothing is loaded, this kernel has no kexec, or the agent runs in a container",
        "Load first: `hardboot load IMAGE`, then `hardboot exec`.",
    ),
    ("exec", 38): _NO_KEXEC,
}

_CALLS = {
    "load": "the kernel refused to load the ROM",
    "probe": "the kernel refused the test for hardboot support",
    "unload": "the kernel refused to unload",
    "exec": "the kernel refused to start what is loaded",
}


def errno_text(errno: int) -> str:
    """Return a Linux error number in words: "no space left (ENOSPC)"."""
    if errno not in _ERRNO:
        return f"error {errno}"
    name, words = _ERRNO[errno]
    return f"{words} ({name})"


def explain(step: str, errno: int) -> DeviceError:
    """Return the error for a kexec_load(2) or reboot(2) that failed.

    Args:
        step: "load", "probe" (an empty load with the flag), "unload" or "exec".
        errno: Linux's error number.
    """
    cause, fix = _CAUSES.get(
        (step, errno),
        (
            "unknown cause",
            "Read the kernel's messages (dmesg) right after this, and report it with -v.",
        ),
    )
    call = _CALLS.get(step, "the kernel refused the agent's call")
    return DeviceError(f"{call}: {errno_text(errno)}: {cause}", state=STILL_RUNS, fix=fix)
