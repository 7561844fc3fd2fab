"""Set a patched tree's options in a kernel configuration, by its own Kconfig, and check the result."""

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import files
from hardboot.base.errors import InputError, ToolError
from hardboot.base.process import find_tool, run
from hardboot.base.temporary import temporary_folder
from hardboot.patches import dotconfig
from hardboot.patches.kconfig import Kconfig
from hardboot.patches.series import CONFIG_NAME
from hardboot.patches.tree import Tree

_LIMIT = 4 << 20  # bytes of a configuration
_TIMEOUT_S = 900
_OLDDEFCONFIG = (3, 7, 0)  # older kernels call it oldnoconfig
_CHECKS_COMPILER = (4, 18, 0)  # since this version Kconfig runs the compiler
_COMPILERS = {
    "arm": ("arm-linux-gnueabihf-", "arm-linux-gnueabi-", "arm-none-linux-gnueabihf-", "arm-none-eabi-"),
    "arm64": ("aarch64-linux-gnu-", "aarch64-none-linux-gnu-"),
}
_OWN = re.compile(r"KEXEC_HARDBOOT(?:_\w+)?")  # options that only a series has
# Options that must be off, although no dependency says so: no image could be loaded, or none is looked for.
FORBIDDEN = {
    "XIP_KERNEL": "a kernel that runs in place has no decompressor to check the hardboot page",
    "LOCK_DOWN_KERNEL_FORCE_INTEGRITY": "lockdown refuses kexec_load(2) with EPERM",
    "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY": "lockdown refuses kexec_load(2) with EPERM",
    "SECURITY_LOADPIN_ENFORCE": "LoadPin refuses kexec_load(2) with EPERM: there is no file to check",
    "IMA_APPRAISE_REQUIRE_KEXEC_SIGS": "IMA refuses kexec_load(2) with EACCES: there is no file to appraise",
}
_PACKAGES = {"arm": "gcc-arm-linux-gnueabihf", "arm64": "gcc-aarch64-linux-gnu"}


@dataclass(frozen=True, slots=True)
class WrongOption:
    """An option whose value in the configuration is not the wanted one, and why."""

    symbol: str
    wanted: str
    found: str
    reason: str


def configure(root: Path, arch: str, path: Path) -> tuple[WrongOption, ...]:
    """Merge the tree's hardboot.config into the configuration at `path`, if Kconfig accepts all of it.

    Args:
        root: Top of a patched kernel source tree. Its Kconfig programs are built in it if it was built in
            before, otherwise outside it: it stays clean for builds with O=.
        arch: Architecture of the kernel.
        path: The configuration; read, and replaced.

    Returns:
        The options that are wrong afterwards; if there are any, `path` is unchanged.

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
            state="The tree is unchanged.",
            fix="Apply a series first: hardboot patch apply TREE --device NAME",
        )
    path = path.resolve()  # what a link leads to is replaced, not the link
    if not path.is_file():
        kind = "a folder, not a kernel configuration" if path.is_dir() else "no such kernel configuration"
        raise InputError(
            f"{path}: {kind}",
            state="The tree is unchanged.",
            fix=f"Make one first, in the tree: make ARCH={arch} …_defconfig. Or take the phone's, if it has "
            "one: adb exec-out zcat /proc/config.gz >.config",
        )
    before = files.read_bytes(path, limit=_LIMIT).decode("latin-1")
    # Options that another phone needed must not stay.
    merged = dotconfig.merge(dotconfig.without(before, _OWN), fragment.decode("latin-1"))
    make = find_tool("make", "make")
    compiler = _compiler(arch, needed=version >= _CHECKS_COMPILER)
    with temporary_folder() as folder:
        work = folder / ".config"
        work.write_text(merged, encoding="latin-1")
        # Newer kernels refuse O= in a tree that was built in.
        used = any(tree.has(name) for name in (".config", "include/config"))
        outside = [] if used else [f"O={folder}"]
        target = "olddefconfig" if version >= _OLDDEFCONFIG else "oldnoconfig"
        run(
            [
                make,
                "-C",
                root.resolve(),
                f"ARCH={arch}",
                f"CROSS_COMPILE={compiler}",
                f"KCONFIG_CONFIG={work}",
                *outside,
                *_host_compiler(tree),
                target,
            ],
            timeout_s=_TIMEOUT_S,
        )
        result = work.read_text(encoding="latin-1")
    wrong = find_wrong(tree, arch, fragment.decode("latin-1"), result)
    if not wrong:
        files.write_atomic(path, [result.encode("latin-1")])
    return wrong


def find_wrong(tree: Tree, arch: str, fragment: str, result: str) -> tuple[WrongOption, ...]:
    """Return the options of the configuration `result` that are not as `fragment` and hardboot need them."""
    have = dotconfig.parse_on(result)
    wrong = [
        WrongOption(symbol, "n", have[symbol], why) for symbol, why in FORBIDDEN.items() if symbol in have
    ]
    wanted = dotconfig.parse_all(fragment)
    lost = [symbol for symbol, value in wanted.items() if not _same(have.get(symbol, "n"), value)]
    if lost:
        kconfig = Kconfig(tree, arch)
        for symbol in lost:
            explain = kconfig.explain_on if wanted[symbol] == "n" else kconfig.explain_off
            found = have.get(symbol, "n")
            wrong.append(WrongOption(symbol, wanted[symbol], found, explain(symbol, have)))
    return tuple(wrong)


def _same(found: str, wanted: str) -> bool:
    if found.startswith("0x") and wanted.startswith("0x"):
        return int(found, 16) == int(wanted, 16)
    return found == wanted


def _host_compiler(tree: Tree) -> list[str]:
    """Return the option of make that replaces a compiler of the tree's Makefile that is not installed."""
    named = re.search(rb"^HOSTCC[ \t]*[:?]?=[ \t]*([^\s$]+)", tree.read("Makefile") or b"", re.MULTILINE)
    return ["HOSTCC=gcc"] if named and not shutil.which(named[1].decode("latin-1")) else []


def _compiler(arch: str, *, needed: bool) -> str:
    """Return the prefix of a cross compiler for `arch`: that of CROSS_COMPILE, else one that is installed."""
    own = os.environ.get("CROSS_COMPILE")
    if own:
        return own
    found = next((prefix for prefix in _COMPILERS[arch] if shutil.which(f"{prefix}gcc")), "")
    if needed and not found:
        raise ToolError(
            f"no cross compiler for {arch} found: {', '.join(f'{prefix}gcc' for prefix in _COMPILERS[arch])}",
            state="The tree is unchanged.",
            fix=f"Set CROSS_COMPILE, or install one; on Debian: apt-get install {_PACKAGES[arch]}",
        )
    return found
