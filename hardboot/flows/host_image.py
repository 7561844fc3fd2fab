"""Host images: make one from a phone's boot image and a host kernel; check one before it is flashed."""

from dataclasses import dataclass, replace
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.files import naming, read_bytes, write_atomic
from hardboot.flows import boot_image as boot_images
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.boot.bootid import Algorithm
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.containers import kernel_part
from hardboot.formats.kernels import zimage
from hardboot.formats.kernels.kernel import identify
from hardboot.formats.reading import view
from hardboot.profile import Profile

LIMIT = 256 << 20  # bytes; far above every boot partition known
_HARDBOOT_OPTION = "CONFIG_KEXEC_HARDBOOT"  # in every port of the kexec-hardboot patch


@dataclass(frozen=True)
class HostImage:
    """A host image that was written.

    Attributes:
        size: Bytes.
        kernel_size: Bytes of the kernel, with what is appended to it.
        dtbs_kept: Device trees that were appended to the old kernel and now follow the new one.
        hardboot_page: Where the new kernel looks for the record; None if it has no hardboot support.
    """

    path: Path
    size: int
    kernel_size: int
    dtbs_kept: int
    hardboot_page: int | None


def make(boot_image: Path, kernel: Path, output: Path) -> HostImage:
    """Write `boot_image` with `kernel` in place of its own; all else stays, and the id is computed anew.

    Device trees appended to the old kernel are kept if the new one has none. MediaTek's, Qualcomm's and
    U-Boot's headers in front of the old kernel are written for the new one; its own are left out.

    Raises:
        InputError: If `boot_image` is no boot image or damaged, `kernel` is no zImage, or `output` cannot be
            written.
    """
    fix = "Use the phone's own boot image: from its manufacturer, or from the boot partition."
    image, algorithm = _read(boot_image, boot_image, fix=fix)
    data = read_bytes(kernel, limit=LIMIT)
    with naming(boot_image):
        old = zimage.parse(kernel_part.unwrap(image.kernel))
    with naming(kernel):
        bare = kernel_part.unwrap(data)
        new = zimage.parse(bare)
    kept = () if new.dtbs else old.dtbs
    trees = b"".join(bytes(dtb) for dtb in kept) or bytes(view(bare)[new.size :])
    content = kernel_part.with_kernel(image.kernel, new.kernel, trees)
    changed = bootimg.renew(replace(image, kernel=content), algorithm or "sha1")
    write_atomic(output, bootimg.build(changed))
    return HostImage(
        path=output,
        size=output.stat().st_size,
        kernel_size=len(content),
        dtbs_kept=len(kept),
        hardboot_page=new.hardboot_page,
    )


def check(path: Path, profile: Profile, *, name: Path | None = None) -> None:
    """Check that an image may become the host of this phone.

    A host kernel of another project does not state its hardboot page; it is enough that it was built with
    CONFIG_KEXEC_HARDBOOT, and a warning says so.

    Args:
        path: The image.
        profile: Of the phone.
        name: What messages call it; None is `path`.

    Raises:
        InputError: If it is no boot image with an ARM kernel, or damaged.
        RefusedError: If its kernel has no hardboot support, or another page than the profile's.
    """
    name = name or path
    image, _ = _read(path, name, fix="Make it again: hardboot host-image BOOT.IMG --kernel ZIMAGE -o OUT")
    with naming(name):
        data = kernel_part.unwrap(image.kernel)
        page, wanted = zimage.parse(data).hardboot_page, profile.page.start
    if page is None:
        config = identify(data).config or {}
        if config.get(_HARDBOOT_OPTION) == "y":
            log.warn(
                f"{name}: its kernel was built with {_HARDBOOT_OPTION}, but does not state its hardboot "
                f"page: it cannot be compared with the profile's, {wanted:#x}"
            )
            return
        raise RefusedError(
            f"{name}: its kernel has no hardboot support",
            state="Nothing was sent.",
            fix="Patch and build the kernel (hardboot patch apply), then make the image: hardboot host-image",
        )
    if page != wanted:
        raise RefusedError(
            f"{name}: its kernel has the hardboot page at {page:#x}, the profile {profile.name} has it at "
            f"{wanted:#x}",
            state="Nothing was sent.",
            fix=f"Build the kernel for this phone: hardboot patch apply TREE --device {profile.name} "
            "(or --profile FILE)",
        )


def is_host(image: BootImage) -> bool:
    """Return whether the kernel of a boot image has hardboot support, of whichever project.

    Raises:
        InputError: If the kernel cannot be read.
    """
    kernel = kernel_part.unwrap(image.kernel)
    if zimage.is_zimage(kernel) and zimage.parse(kernel).hardboot_page is not None:
        return True
    return (identify(wrappers.without_mtk(image.kernel)).config or {}).get(_HARDBOOT_OPTION) == "y"


def _read(path: Path, name: Path, *, fix: str) -> tuple[BootImage, Algorithm | None]:
    """Return a boot image and the hash of its id, None if it has no id.

    Raises:
        InputError: If it is no boot image, or its id is not that of its content.
    """
    data = read_bytes(path, limit=LIMIT)
    with naming(name):
        image = boot_images.parse(name, data)
        algorithm = bootimg.check_id(image)
        if algorithm is None and any(image.id):
            raise InputError(
                "the id in its header is not that of its content: it is damaged or was edited",
                state="Nothing was written.",
                fix=fix,
            )
    return image, algorithm
