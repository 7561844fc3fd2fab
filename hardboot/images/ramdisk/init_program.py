"""The program that Linux starts first from a ramdisk: whether it is there and can run.

Source: Linux init/main.c, kernel_init and kernel_init_freeable; fs/exec.c and fs/binfmt_{elf,script}.c.
"""

from collections.abc import Sequence
from typing import Literal

from hardboot.base.cmdline import key
from hardboot.formats.archives.cpio import Entry
from hardboot.formats.archives.rootfs import Rootfs
from hardboot.formats.kernels.kernel_image import KernelImage
from hardboot.images.ramdisk import unpackers

_ELF = b"\x7fELF"
_ELF_HEADER = 20  # bytes up to and with e_machine
_LITTLE_ENDIAN = 1
_MACHINES = {3: "x86", 8: "MIPS", 40: "32-bit ARM", 62: "x86-64", 183: "arm64", 243: "RISC-V"}
_ARM, _ARM64 = 40, 183
_MAX_LINE = 255  # bytes of a script's first line; BINPRM_BUF_SIZE, 127 before Linux 5.1


def check(tree: Rootfs, kernel: KernelImage, words: Sequence[str]) -> list[str]:
    """Return warnings about the program that is started first.

    Args:
        tree: What Linux makes of the ramdisk.
        kernel: The kernel.
        words: Its command line.

    Raises:
        InputError: If the program is for another architecture.
    """
    values = {key(word): word.partition("=")[2] for word in words if "=" in word}
    path = values.get("rdinit", "/init")
    found = tree.find(path, follow=True)
    if found is None or found.node.entry is None or not found.node.entry.is_file:
        if values.get("root"):
            return []  # Linux mounts it, and needs no program in the ramdisk
        here = tree.find(path)
        why = "leads nowhere" if here and here.node.is_link else "is not a file" if here else "is not there"
        return [f"{path} in the ramdisk {why}, and the command line names no root=: Linux will find no init"]
    entry, content = found.node.entry, bytes(found.node.data[:_MAX_LINE])
    warnings = (
        [] if entry.mode & 0o111 else [f"{path} in the ramdisk is not executable ({entry.mode & 0o777:o})"]
    )
    if content.startswith(_ELF) and len(content) >= _ELF_HEADER:
        _check_machine(path, content, kernel)
    elif content.startswith(b"#!"):
        warnings += _missing_interpreter(path, content, tree)
    else:
        warnings.append(f"{path} in the ramdisk is neither a program nor a script")
    return warnings


def _check_machine(path: str, content: bytes, kernel: KernelImage) -> None:
    """Refuse a program of another architecture than the kernel's."""
    order: Literal["little", "big"] = "little" if content[5] == _LITTLE_ENDIAN else "big"
    machine = int.from_bytes(content[18:20], order)
    if kernel.kind == "arm64 Image":
        name, runs = "arm64", {_ARM64}
        if unpackers.option(kernel, "CONFIG_COMPAT") is not False:
            runs.add(_ARM)
    else:
        name, runs = "32-bit ARM", {_ARM}
    if order == "little" and machine in runs:
        return
    its = _MACHINES.get(machine, f"machine {machine}")
    problem = f"{path} in it is a program for {its} ({order}-endian), the kernel is for {name}"
    raise unpackers.refused(problem, "Use a ramdisk and a kernel that belong together.")


def _missing_interpreter(path: str, content: bytes, tree: Rootfs) -> list[str]:
    words = content[2:].split(b"\n")[0].split()
    name = words[0].decode("utf-8", "surrogateescape") if words else ""
    found = tree.find(name, follow=True) if name else None
    entry: Entry | None = found.node.entry if found else None
    if entry is not None and entry.is_file:
        return []
    return [f"{path} in the ramdisk is a script for {name or 'nothing'}, which is not in it"]
