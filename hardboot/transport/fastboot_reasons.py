"""Why bootloaders refuse `fastboot boot`, in words that help: what they answer, and what it means.

Sources: Qualcomm's ABL (QcomModulePkg/Library/FastbootLib/FastbootCmds.c, CmdBoot) and the Little Kernel's
aboot.c (cmd_boot); U-Boot drivers/fastboot; reports of owners for MediaTek's and Xiaomi's.
"""

import re
from dataclasses import dataclass


@dataclass(frozen=True)
class Meaning:
    """What a refusal means, and what to do."""

    what: str
    fix: str


_LOCKED = Meaning(
    "its bootloader is locked",
    "Unlock the bootloader the way its maker intends; that erases the phone's data.",
)
_FORBIDDEN = Meaning(
    "its bootloader does not allow it", "Boot it another way: hardboot boot IMAGE --dry-run shows which."
)
_UNSUPPORTED = Meaning(
    "its bootloader cannot boot an image without flashing it",
    "Boot it another way: hardboot boot IMAGE --dry-run shows which.",
)
_SIGNED = Meaning(
    "its bootloader does not accept this image, by its format or its signature",
    "Use an image of the same header version and security patch level as the phone's own.",
)
_HEADER = Meaning(
    "its bootloader does not take this kind of image", "Use an image of the same header version as its own."
)
_LARGE = Meaning("the image is too large for its bootloader", "Use a smaller kernel or ramdisk.")
_PACKED = Meaning(
    "its bootloader cannot unpack this kernel",
    "Pack the kernel as the phone's own is: hardboot info BOOT.IMG shows how.",
)
_TREE = Meaning(
    "its bootloader finds no device tree for this phone in the image",
    "Use an image for this very model; from header v3 on the tree is in vendor_boot.",
)
_MDTP = Meaning(
    "the phone's theft protection forbids it", "Turn off the theft protection (MDTP) in the phone's settings."
)
# The first one that fits counts: "not allowed in locked state" is no unknown command.
_KNOWN = tuple(
    (re.compile(pattern, re.IGNORECASE), meaning)
    for pattern, meaning in (
        (r"mdtp", _MDTP),
        (r"\block(?:ed)?\b|unlock", _LOCKED),
        (r"compress|unzip", _PACKED),
        (r"unknown|unrecogni[sz]ed|unsupported|not support|not implemented|invalid command", _UNSUPPORTED),
        (r"not allowed|permission|not available|not permitted", _FORBIDDEN),
        (r"too (?:large|big)|exceed|greater than|not enough", _LARGE),
        (r"\bdtb\b|\bdtbo\b|device tree|\bfdt\b", _TREE),
        (r"header|magic|incomplete|bad boot|invalid (?:boot|kernel|image)", _HEADER),
        (r"authenticate|verif|signature|signed|load error|device error", _SIGNED),
    )
)


def explain(reason: str) -> Meaning | None:
    """Return what a bootloader means with `reason`; None if that is not known."""
    return next((meaning for pattern, meaning in _KNOWN if pattern.search(reason)), None)
