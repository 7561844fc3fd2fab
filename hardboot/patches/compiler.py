"""The compiler with which a tree's Kconfig is asked: that for which its configuration was made.

Since Linux 4.18, Kconfig runs the compiler (init/Kconfig) and turns off what it cannot do. With gcc, a
configuration that was made for clang loses CFI, shadow call stacks and LTO, and modules do not fit any more.
"""

import os
import re
import shutil
from collections.abc import Sequence

from hardboot.base.errors import ToolError
from hardboot.base.printable import printable
from hardboot.patches import dotconfig

_CHECKED_SINCE = (4, 18, 0)
_PREFIXES = {
    "arm": ("arm-linux-gnueabihf-", "arm-linux-gnueabi-", "arm-none-linux-gnueabihf-", "arm-none-eabi-"),
    "arm64": ("aarch64-linux-gnu-", "aarch64-none-linux-gnu-"),
}
_PACKAGES = {"arm": "gcc-arm-linux-gnueabihf", "arm64": "gcc-aarch64-linux-gnu"}
# The variables of the kernel's Makefile, and what LLVM=1 makes of them (Documentation/kbuild/llvm.rst).
_CLANG, _LLD = ("CC", "clang"), ("LD", "ld.lld")
_BINUTILS = ("AR", "NM", "OBJCOPY", "OBJDUMP", "READELF", "STRIP")
_CHOOSES_COMPILER = re.compile(r"(CC|LLVM)=")
_KINDS = {"CC_IS_CLANG": "clang", "CC_IS_GCC": "gcc"}
_STATE = "The tree is unchanged."


def kind(config: str) -> str | None:
    """Return the compiler that a configuration was made for, "clang" or "gcc"; None if it does not tell."""
    options = dotconfig.parse_on(config)
    return next((name for option, name in _KINDS.items() if option in options), None)


def options(arch: str, config: str, version: tuple[int, int, int], variables: Sequence[str]) -> list[str]:
    """Return the options of make that choose the compiler.

    Args:
        arch: Architecture of the kernel.
        config: The configuration.
        version: Of the tree.
        variables: Those for make that the user gives; a compiler among them is the one.

    Raises:
        ToolError: If it is not installed.
    """
    chosen = any(map(_CHOOSES_COMPILER.match, variables))
    by_clang = kind(config) == "clang" and not chosen
    if chosen or by_clang:
        prefix = _prefix(arch) or _PREFIXES[arch][0]  # clang's --target is made of it
    else:
        prefix = _prefix(arch, needed=version >= _CHECKED_SINCE)
    return [f"CROSS_COMPILE={prefix}", *(_llvm(config) if by_clang else ()), *variables]


def _prefix(arch: str, *, needed: bool = False) -> str:
    """Return the prefix of a cross compiler for `arch`: that of CROSS_COMPILE, else one that is installed."""
    own = os.environ.get("CROSS_COMPILE")
    if own:
        return own
    prefixes = _PREFIXES[arch]
    found = next((prefix for prefix in prefixes if shutil.which(f"{prefix}gcc")), "")
    if needed and not found:
        raise ToolError(
            f"no cross compiler for {arch} found: {', '.join(f'{prefix}gcc' for prefix in prefixes)}",
            state=_STATE,
            fix=f"Set CROSS_COMPILE, or install one; on Debian: apt-get install {_PACKAGES[arch]}",
        )
    return found


def _llvm(config: str) -> list[str]:
    """Return what chooses clang and the programs that come with it, as in the configuration."""
    on = dotconfig.parse_on(config)
    major = int(on["CLANG_VERSION"]) // 10000 if on.get("CLANG_VERSION", "").isdecimal() else None
    suffix = next((one for one in ("", f"-{major}") if shutil.which(f"clang{one}")), None)
    if suffix is None:
        text = printable(on.get("CC_VERSION_TEXT", '"clang"')[1:-1])
        raise ToolError(
            f"the configuration is made for {text}, and no clang of that version is installed",
            state=_STATE,
            fix="Put that clang into PATH, or name the compiler as for make: hardboot patch config TREE "
            "CC=clang-16 LD=ld.lld-16. gcc makes another kernel of it: without CFI and shadow call stacks",
        )
    tools = [_CLANG, *((name, f"llvm-{name.lower()}") for name in _BINUTILS)]
    if "LD_IS_BFD" not in on and on.get("LLD_VERSION") != "0":
        tools.append(_LLD)
    found = [f"{name}={tool}{suffix}" for name, tool in tools if shutil.which(f"{tool}{suffix}")]
    if "LTO_CLANG" in on:  # Android's 5.10 asks for LLVM itself (arch/Kconfig, HAS_LTO_CLANG)
        found += ["LLVM=1", f"HOSTCC=clang{suffix}"]
    return found if "AS_IS_GNU" in on else [*found, "LLVM_IAS=1"]
