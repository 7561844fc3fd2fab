"""The boot parameters of a guest: its device tree, or ATAGS on a phone whose kernels get those."""

from hardboot import devicetree
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.formats.kernels import atags
from hardboot.formats.trees import fdt
from hardboot.layout.model import Guest
from hardboot.profile import Profile

# Names of the segments.
DTB = "dtb"
ATAGS = "atags"
# machine_kexec() of kernels without device tree takes the ATAGS from here: KEXEC_ARM_ZIMAGE_OFFSET 0x8000
# minus KEXEC_ARM_ATAGS_OFFSET 0x1000 below the kernel (arch/arm/include/asm/kexec.h).
ATAGS_BELOW = 0x7000
# Bytes reserved without a phone; the ATAGS of phones have some hundred bytes to a few KiB.
ATAGS_ROOM = 2 * PAGE_SIZE


def build_params(profile: Profile, guest: Guest, initrd: Range | None) -> bytes | None:
    """Build the device tree or ATAGS as the guest gets them; None if they are not known.

    Their length does not depend on where the ramdisk lies.

    Args:
        profile: The phone.
        guest: The ROM to start.
        initrd: Physical addresses of the ramdisk, exact to the byte; None without one.

    Raises:
        InputError: If tree, ATAGS or command line are malformed.
        RefusedError: If the phone's RAM cannot be written into the tree's address cells.
    """
    if profile.has_atags:
        return None if guest.atags is None else atags.build(_adapted_atags(guest, initrd))
    if guest.tree is None:
        return None
    return devicetree.adapt(
        guest.tree, cmdline=guest.cmdline, initrd=initrd, live=guest.live_tree, profile=profile
    )


def params_size(profile: Profile, guest: Guest, page: Range) -> tuple[int | None, list[Range]]:
    """Return the bytes of device tree or ATAGS (None: not known), and what a device tree reserves.

    Args:
        profile: The phone.
        guest: The ROM to start.
        page: The hardboot page: ranges of the tree around it are left out.

    Raises:
        InputError: If tree, ATAGS or command line are malformed.
        RefusedError: If the phone's RAM cannot be written into the tree's address cells.
    """
    somewhere = Range(0, len(guest.ramdisk)) if len(guest.ramdisk) else None
    if profile.has_atags:
        return None if guest.atags is None else len(atags.build(_adapted_atags(guest, somewhere))), []
    if guest.tree is None:
        return None, []
    tree = devicetree.adapted_tree(
        guest.tree, cmdline=guest.cmdline, initrd=somewhere, live=guest.live_tree, profile=profile
    )
    return len(fdt.build(tree)), [one for one in devicetree.reserved_memory(tree) if not page.contains(one)]


def _adapted_atags(guest: Guest, initrd: Range | None) -> tuple[atags.Tag, ...]:
    # A command line that is too long is for the rule cmdline-length to refuse, not for the format.
    cmdline = devicetree.encode_cmdline(guest.cmdline)[: atags.COMMAND_LINE_SIZE - 1]
    return atags.adapt(guest.atags or (), cmdline=cmdline, initrd=initrd)
