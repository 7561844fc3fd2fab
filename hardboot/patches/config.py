"""Set a patched tree's options in a kernel configuration, by its own Kconfig, and check the result."""

import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base import files
from hardboot.base.errors import InputError, ToolError
from hardboot.base.process import find_tool, run
from hardboot.base.temporary import temporary_folder
from hardboot.patches import compiler, dotconfig
from hardboot.patches.kconfig import Kconfig
from hardboot.patches.series import CONFIG_NAME
from hardboot.patches.tree import Tree

_LIMIT = 4 << 20  # bytes of a configuration
_TIMEOUT_S = 900
_OLDDEFCONFIG = (3, 7, 0)  # older kernels call it oldnoconfig
_OWN = re.compile(r"KEXEC_HARDBOOT(?:_\w+)?")  # options that only a series has
# Options that must be off, although no dependency says so: no image could be loaded, or none is looked for.
FORBIDDEN = {
    "XIP_KERNEL": "a kernel that runs in place has no decompressor to check the hardboot page",
    "LOCK_DOWN_KERNEL_FORCE_INTEGRITY": "lockdown refuses kexec_load(2) with EPERM",
    "LOCK_DOWN_KERNEL_FORCE_CONFIDENTIALITY": "lockdown refuses kexec_load(2) with EPERM",
    "SECURITY_LOADPIN_ENFORCE": "LoadPin refuses kexec_load(2) with EPERM: there is no file to check",
    "IMA_APPRAISE_REQUIRE_KEXEC_SIGS": "IMA refuses kexec_load(2) with EACCES: there is no file to appraise",
}


@dataclass(frozen=True, slots=True)
class WrongOption:
    """An option whose value in the configuration is not the wanted one, and why."""

    symbol: str
    wanted: str
    found: str
    reason: str


@dataclass(frozen=True, slots=True)
class Configured:
    """What became of a configuration.

    Attributes:
        wrong: The options that are not as hardboot needs them; if there are any, nothing was written.
        dropped: Other options that were on, can be set, and are off now: the tree or the compiler lacks
            something for them.
        compilers: What it was made for and what it is made for now: "clang", "gcc", or None if not told.
    """

    wrong: tuple[WrongOption, ...]
    dropped: tuple[str, ...]
    compilers: tuple[str | None, str | None]


def configure(root: Path, arch: str, path: Path, variables: Sequence[str] = ()) -> Configured:
    """Merge the tree's hardboot.config into the configuration at `path`, if Kconfig accepts all of it.

    Args:
        root: Top of a patched kernel source tree. Its Kconfig programs are built in it if it was built in
            before, otherwise outside it: it stays clean for builds with O=.
        arch: Architecture of the kernel.
        path: The configuration; read, and replaced unless an option is wrong.
        variables: Variables for make, such as "CC=clang-16".

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
    chosen = compiler.options(arch, before, version, variables)
    with temporary_folder() as folder:
        work = folder / ".config"
        work.write_text(merged, encoding="latin-1")
        # Newer kernels refuse O= in a tree that was built in. An empty one stands above KBUILD_OUTPUT.
        used = any(tree.has(name) for name in (".config", "include/config"))
        outside = "O=" if used else f"O={folder}"
        target = "olddefconfig" if version >= _OLDDEFCONFIG else "oldnoconfig"
        command: list[str | Path] = [
            make,
            "-C",
            root.resolve(),
            *_host_compiler(tree),
            *chosen,
            f"ARCH={arch}",
            f"KCONFIG_CONFIG={work}",
            outside,
            target,
        ]
        try:
            run(command, timeout_s=_TIMEOUT_S)
        except ToolError as error:
            raise ToolError(error.what, state=f"{path} is as it was.", fix=error.fix) from error
        result = work.read_text(encoding="latin-1")
    wrong = find_wrong(tree, arch, fragment.decode("latin-1"), result)
    compilers = compiler.kind(before), compiler.kind(result)
    if wrong:
        return Configured(wrong, (), compilers)
    dropped = _find_dropped(tree, arch, merged, result)
    files.write_atomic(path, [result.encode("latin-1")])
    return Configured((), dropped, compilers)


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


def _find_dropped(tree: Tree, arch: str, before: str, result: str) -> tuple[str, ...]:
    """Return the options that are on in `before`, off in `result`, and can be set in this tree."""
    have = dotconfig.parse_on(result)
    off = [symbol for symbol in dotconfig.parse_on(before) if symbol not in have]
    if not off:
        return ()
    kconfig = Kconfig(tree, arch)
    return tuple(symbol for symbol in off if kconfig.can_be_set(symbol))


def _same(found: str, wanted: str) -> bool:
    if found.startswith("0x") and wanted.startswith("0x"):
        return int(found, 16) == int(wanted, 16)
    return found == wanted


def _host_compiler(tree: Tree) -> list[str]:
    """Return the option of make that replaces a compiler of the tree's Makefile that is not installed."""
    named = re.search(rb"^HOSTCC[ \t]*[:?]?=[ \t]*([^\s$]+)", tree.read("Makefile") or b"", re.MULTILINE)
    return ["HOSTCC=gcc"] if named and not shutil.which(named[1].decode("latin-1")) else []
