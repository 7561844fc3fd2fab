"""Place a panic kernel: wholly inside the memory the running kernel set aside for it.

Nothing outside is written, and no bootloader runs before it starts. It takes that memory for all there is.
"""

from msgspec.structs import replace

from hardboot.base.errors import RefusedError
from hardboot.base.memory import Range
from hardboot.base.sizes import human_size
from hardboot.formats.kernels.zimage import ZImage
from hardboot.layout.kernels import WINDOW
from hardboot.layout.live import LiveMemory
from hardboot.layout.model import BootPlan, Guest
from hardboot.layout.placing import plan
from hardboot.profile import Profile
from hardboot.profile.schema import Kernel


def plan_inside(profile: Profile, guest: Guest, memory: Range) -> BootPlan:
    """Place `guest` in `memory`, whose start it will take for the start of RAM.

    Raises:
        RefusedError: If it is no kernel for this, or a rule is broken: names the rule.
        InputError: If its device tree or command line is malformed.
    """
    if memory.start % WINDOW:
        raise RefusedError(
            f"the memory set aside, {memory}, does not begin at a multiple of {human_size(WINDOW)}: the "
            "kernel would take another address for the start of its RAM",
            state="Nothing was sent.",
            fix="Leave the address out (crashkernel=64M): newer kernels choose one. Or give one yourself.",
        )
    if not isinstance(guest.kernel, ZImage) or guest.tree is None:
        raise RefusedError(
            "a panic kernel must be a 32-bit ARM kernel (zImage) that gets a device tree",
            state="Nothing was sent.",
            fix="Use such an image, or one that brings its device tree.",
        )
    if guest.kernel.zreladdr is not None:
        raise RefusedError(
            f"this kernel always unpacks to {guest.kernel.zreladdr:#x}, over the kernel that crashed",
            state="Nothing was sent.",
            fix="Build the panic kernel with CONFIG_AUTO_ZRELADDR=y (CONFIG_ARM_PATCH_PHYS_VIRT=y).",
        )
    alone = replace(profile, kernel=Kernel(), ram_spans=(), reserved_spans=())
    return plan(alone, guest, LiveMemory((memory,)), soft=True)
