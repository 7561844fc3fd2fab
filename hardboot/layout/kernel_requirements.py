"""What the guest's kernel needs in RAM, whatever its architecture."""

from typing import TypeAlias

from hardboot.base.errors import RefusedError
from hardboot.formats.kernels.zimage import ZImage
from hardboot.layout.arm64_image import ImageRequirements, image_requirements
from hardboot.layout.model import Guest
from hardboot.layout.zimage import ZImageRequirements, zimage_requirements
from hardboot.profile import Profile

KernelRequirements: TypeAlias = ZImageRequirements | ImageRequirements


def kernel_requirements(profile: Profile, guest: Guest, base: int) -> tuple[KernelRequirements, list[str]]:
    """Return what the guest's kernel needs on a phone whose RAM starts at `base`, and the assumptions made.

    Raises:
        RefusedError: If the kernel is not for the phone's architecture.
    """
    arch = "arm" if isinstance(guest.kernel, ZImage) else "arm64"
    if arch != profile.arch:
        raise RefusedError(
            f"the ROM's kernel is for {arch}, but {profile.title} ({profile.name}) is {profile.arch}",
            state="Nothing was sent.",
            fix="Use a ROM made for this phone.",
        )
    if isinstance(guest.kernel, ZImage):
        return zimage_requirements(profile, guest, guest.kernel, base)
    return image_requirements(guest.kernel, base)
