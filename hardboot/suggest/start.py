"""How the bootloader starts the phone's kernels: their architecture, and whether they get a device tree."""

import re
from dataclasses import dataclass

from hardboot.base.errors import RefusedError
from hardboot.suggest import kernel_log
from hardboot.suggest.findings import Findings
from hardboot.suggest.kernel_log import Arch

# Of `uname -m`, and of ro.product.cpu.abi. armv8l is a 64-bit kernel that is asked by a 32-bit program.
_ARCHES: tuple[tuple[Arch, str], ...] = (
    ("arm64", r"aarch64|arm64|armv8"),
    ("arm", r"armv[67]|armeabi"),
)
_NAMES_IT = {True: "with the model of a device tree", False: "without the model of a device tree"}


@dataclass(frozen=True)
class Start:
    """How kernels are started.

    Attributes:
        arch: Of the kernel; Android may have fewer bits.
        has_tree: Whether they get a device tree, not ATAGS; None if that is unknown.
        source: Where `has_tree` was read.
    """

    arch: Arch
    has_tree: bool | None
    source: str


def find_start(found: Findings) -> Start:
    """Return how the phone's kernels are started. What was not copied says nothing.

    Raises:
        RefusedError: If the phone has no ARM processor, or nothing tells which one.
    """
    arch = _arch(found)
    log = found.text("dmesg")
    if found.tree is not None:
        return Start(arch, True, "the running device tree")
    if arch == "arm64":
        return Start(arch, True, "arm64 kernels get nothing else (Documentation/arch/arm64/booting.rst)")
    logged = kernel_log.has_tree(log)
    if logged is not None:
        return Start(arch, logged, f"the running kernel's log names its machine {_NAMES_IT[logged]}")
    if found.atags:
        return Start(arch, False, "/proc/atags of the running phone")
    return Start(arch, None, "")


def _arch(found: Findings) -> Arch:
    """Return the architecture of the kernel: as it says itself, else that of Android's programs."""
    machine, properties = found.text("uname").strip(), found.properties
    abi = properties.get("ro.product.cpu.abi") or properties.get("ro.product.cpu.abilist", "").split(",")[0]
    logged = kernel_log.arch(found.text("dmesg"))
    if not re.fullmatch(r"[a-z0-9_]{2,16}", machine):  # old toolboxes have no uname
        machine = ""
        if logged is not None:
            return logged
    for arch, pattern in _ARCHES:
        if re.match(pattern, machine or abi):
            return arch
    known = machine or abi
    raise RefusedError(
        f"{found.device} is no ARM phone, but {known}"
        if known
        else f"the architecture of {found.device} is unknown",
        state="Nothing was written.",
        fix="hardboot boots phones with arm and arm64 kernels. On the phone, `uname -m` tells its own.",
    )
