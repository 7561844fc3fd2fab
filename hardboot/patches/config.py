"""A patched tree's options into a kernel configuration, by its own Kconfig; what became of them."""

import os
import re
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import files
from hardboot.base.errors import InputError, ToolError
from hardboot.base.process import find_tool, run
from hardboot.patches import kconfig
from hardboot.patches.series import CONFIG_NAME
from hardboot.patches.tree import Tree

_LIMIT = 4 << 20  # bytes of a configuration
_TIMEOUT_S = 900
_OLDDEFCONFIG = (3, 7, 0)  # older kernels call it oldnoconfig
_CHECKS_COMPILER = (4, 18, 0)  # from here on Kconfig asks the compiler
_COMPILERS = {
    "arm": ("arm-linux-gnueabihf-", "arm-linux-gnueabi-", "arm-none-linux-gnueabihf-", "arm-none-eabi-"),
    "arm64": ("aarch64-linux-gnu-", "aarch64-none-linux-gnu-"),
}
_OWNED = re.compile(r"KEXEC_HARDBOOT(?:_\w+)?")  # options that only a series has
# What must be off although no series depends on it: an image is then loaded never, or never looked for.
_FORBIDDEN = {
    "XIP_KERNEL": "a kernel that runs in place has no decompressor, which is to look at the hardboot page",
    "LOCK_DOWN_KERNEL_FORCE_INTEGRITY": "lockdown refuses kexec_load(2) with EPERM",
    "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY": "lockdown refuses kexec_load(2) with EPERM",
    "SECURITY_LOADPIN_ENFORCE": "LoadPin refuses kexec_load(2) with EPERM: it brings no file to look at",
    "IMA_APPRAISE_REQUIRE_KEXEC_SIGS": "IMA refuses kexec_load(2) with EACCES: it brings no file to look at",
}
_PACKAGES = {"arm": "gcc-arm-linux-gnueabihf", "arm64": "gcc-aarch64-linux-gnu"}


@dataclass(frozen=True, slots=True)
class Lost:
    """An option that the configuration does not have as the fragment wants it, and why."""

    symbol: str
    wanted: str
    found: str
    reason: str


def configure(root: Path, arch: str, path: Path) -> tuple[Lost, ...]:
    """Merge the tree's hardboot.config into the configuration at `path`, if all of it survives.

    Args:
        root: Top of a patched kernel source tree. Its Kconfig programs are built in it, as by any make.
        arch: Of the kernel.
        path: The configuration; read, and replaced.

    Returns:
        What did not survive; then `path` is as it was.

    Raises:
        InputError: If there is no fragment or no configuration.
        ToolError: If make or a compiler is missing, or fails.
    """
    tree = Tree(root)
    version = tree.version()
    fragment = tree.read(CONFIG_NAME)
    if fragment is None:
        raise InputError(
            f"{root} has no {CONFIG_NAME}",
            state="Nothing was changed.",
            fix="Put a series in first: hardboot patch apply TREE --device NAME",
        )
    if not path.is_file():
        raise InputError(
            f"there is no configuration at {path}",
            state="Nothing was changed.",
            fix=f"Make one first, for example in the tree: make ARCH={arch} …_defconfig",
        )
    before = files.read_bytes(path, limit=_LIMIT).decode("latin-1")
    # What another phone needed and this one's fragment does not name must not stay.
    merged = kconfig.merge(kconfig.without(before, _OWNED), fragment.decode("latin-1"))
    make = find_tool("make", "make")
    compiler = _compiler(arch, needed=version >= _CHECKS_COMPILER)
    with tempfile.TemporaryDirectory(prefix="hardboot-config-") as folder:
        work = Path(folder) / ".config"
        work.write_text(merged, encoding="latin-1")
        target = "olddefconfig" if version >= _OLDDEFCONFIG else "oldnoconfig"
        run(
            [
                make,
                "-C",
                root.resolve(),
                f"ARCH={arch}",
                f"CROSS_COMPILE={compiler}",
                f"KCONFIG_CONFIG={work}",
                target,
            ],
            timeout_s=_TIMEOUT_S,
        )
        result = work.read_text(encoding="latin-1")
    lost = check(tree, arch, fragment.decode("latin-1"), result)
    if not lost:
        files.write_atomic(path, [result.encode("latin-1")])
    return lost


def check(tree: Tree, arch: str, fragment: str, result: str) -> tuple[Lost, ...]:
    """What is not in the configuration `result` as `fragment` and hardboot need it, with the reasons."""
    have = kconfig.parse_config(result)
    harm = [Lost(symbol, "n", have[symbol], why) for symbol, why in _FORBIDDEN.items() if symbol in have]
    wanted = kconfig.parse_config(fragment) | dict.fromkeys(kconfig.parse_off(fragment), "n")
    lost = [symbol for symbol, value in wanted.items() if not _same(have.get(symbol, "n"), value)]
    if not lost:
        return tuple(harm)
    known = kconfig.Kconfig(tree, arch)
    for symbol in lost:
        reason = known.reason_on if wanted[symbol] == "n" else known.reason
        harm.append(Lost(symbol, wanted[symbol], have.get(symbol, "n"), reason(symbol, have)))
    return tuple(harm)


def _same(found: str, wanted: str) -> bool:
    if found.startswith("0x") and wanted.startswith("0x"):
        return int(found, 16) == int(wanted, 16)
    return found == wanted


def _compiler(arch: str, *, needed: bool) -> str:
    """The prefix of a cross compiler for `arch`: the user's, else one that is installed."""
    own = os.environ.get("CROSS_COMPILE")
    if own:
        return own
    found = next((prefix for prefix in _COMPILERS[arch] if shutil.which(f"{prefix}gcc")), "")
    if needed and not found:
        raise ToolError(
            f"no compiler for {arch} was found: {', '.join(f'{prefix}gcc' for prefix in _COMPILERS[arch])}",
            state="Nothing was changed.",
            fix=f"Set CROSS_COMPILE, or install one, on Debian: apt-get install {_PACKAGES[arch]}",
        )
    return found
