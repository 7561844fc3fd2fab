"""Place a panic kernel: wholly inside the memory the running kernel set aside for it.

Nothing outside is written, and no bootloader runs before it starts. It uses that memory as all of its RAM.
"""

from msgspec.structs import replace

from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.base.sizes import human_size
from hardboot.formats.kernels.zimage import ZImage
from hardboot.layout.iomem import LiveMemory
from hardboot.layout.model import BootPlan, Guest
from hardboot.layout.placement import plan
from hardboot.layout.zimage import WINDOW
from hardboot.profile import Profile
from hardboot.profile.schema import KernelAddresses


def plan_panic_kernel(profile: Profile, guest: Guest, memory: Range) -> BootPlan:
    """Place `guest` in `memory`, whose start it will take for the start of RAM.

    Args:
        profile: The phone.
        guest: The panic kernel.
        memory: Physical addresses set aside by crashkernel=.

    Raises:
        RefusedError: If the kernel cannot be a panic kernel, or a rule is broken: names the rule.
        InputError: If its device tree or command line are malformed.
    """
    zimage = isinstance(guest.kernel, ZImage)
    if zimage and memory.start % WINDOW:
        raise RefusedError(
            f"the memory set aside, {memory}, does not start at a multiple of {human_size(WINDOW)}: the "
            "panic kernel would take another address for the start of RAM",
            state="Nothing was sent.",
            fix="Give crashkernel= without an address (crashkernel=64M), so that newer kernels choose one; "
            "or with a suitable address.",
        )
    if guest.tree is None:
        raise RefusedError(
            "a panic kernel must have a device tree",
            state="Nothing was sent.",
            fix="Use an image that contains one.",
        )
    if isinstance(guest.kernel, ZImage) and guest.kernel.zreladdr is not None:
        raise RefusedError(
            f"this kernel always decompresses to {guest.kernel.zreladdr:#x}, over the kernel that crashed",
            state="Nothing was sent.",
            fix="Build the panic kernel with CONFIG_AUTO_ZRELADDR=y (CONFIG_ARM_PATCH_PHYS_VIRT=y).",
        )
    alone = replace(profile, kernel=KernelAddresses(), reserved_spans=())
    return plan(alone, guest, LiveMemory((memory,)), soft=True)
