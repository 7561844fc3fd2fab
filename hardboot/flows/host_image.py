"""Host images: make one from a phone's boot image and a host kernel; check one before it is flashed."""

from dataclasses import dataclass, replace
from pathlib import Path

from hardboot import devicetree
from hardboot.base import log
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.files import naming, read_bytes, write_atomic
from hardboot.flows import boot_image as boot_images
from hardboot.flows import host_kernel, kernel_file, other_phone, root_loss
from hardboot.formats.boot import bootimg, wrappers
from hardboot.formats.boot.bootid import Algorithm
from hardboot.formats.boot.bootimg import BootImage
from hardboot.formats.containers import kernel_part
from hardboot.formats.kernels.kernel import identify
from hardboot.images import rooted
from hardboot.images.ramdisk import startable
from hardboot.images.rooted import Root
from hardboot.profile import Profile

LIMIT = 256 << 20  # bytes; far above every boot partition known


@dataclass(frozen=True)
class HostImage:
    """A host image that was written.

    Attributes:
        size: Bytes.
        kernel_size: Bytes of the kernel, with what is appended to it.
        dtbs_kept: Device trees that were appended to the old kernel and now follow the new one.
        hardboot_page: Where the new kernel looks for the record; None if it has no hardboot support.
        root: Root solutions in it.
        root_lost: Those of the old image that are not in it.
    """

    path: Path
    size: int
    kernel_size: int
    dtbs_kept: int
    hardboot_page: int | None
    root: tuple[Root, ...] = ()
    root_lost: tuple[Root, ...] = ()


def make(boot_image: Path, kernel: Path, output: Path) -> HostImage:
    """Write `boot_image` with `kernel` in place of its own; all else stays, and the id is computed anew.

    Device trees appended to the old kernel are kept if the new one has none. MediaTek's, Qualcomm's and
    U-Boot's headers in front of the old kernel are written for the new one; its own are left out. An arm64
    kernel is compressed as the old one is: not at all, by gzip, by lz4.

    Raises:
        InputError: If `boot_image` is no boot image or damaged, `kernel` is no kernel of its architecture, or
            it cannot unpack the ramdisk, or `output` is one of these files or cannot be written.
        RefusedError: If `boot_image` was read from a partition that is too small for the new kernel.
    """
    for file in (boot_image, kernel):
        if output.exists() and file.exists() and output.samefile(file):
            raise InputError(
                "the new image would replace this file",
                file=str(file),
                state="Nothing was written.",
                fix="Give another name after -o: the phone's own boot image is the way back.",
            )
    fix = "Use the phone's own boot image: from its manufacturer, or from the boot partition."
    image, algorithm = _read(boot_image, boot_image, fix=fix)
    data = read_bytes(kernel, limit=LIMIT)
    with naming(boot_image):
        old = host_kernel.read_kernel(image.kernel)
    with naming(kernel):
        kernel_file.check(data)
        part = host_kernel.replace_kernel(image.kernel, old, data)
        page = host_kernel.read_support(data).page
    changed = bootimg.renew(replace(image, kernel=part.content), algorithm or "sha1")
    with naming(boot_image):  # which has the ramdisk
        _check_ramdisk(changed)
    write_atomic(output, bootimg.build(changed))
    roots = rooted.find(changed)
    return HostImage(
        path=output,
        size=output.stat().st_size,
        kernel_size=len(part.content),
        dtbs_kept=part.dtbs_kept,
        hardboot_page=page,
        root=roots,
        root_lost=root_loss.lost(rooted.find(image), roots),
    )


def check(path: Path, profile: Profile, *, name: Path | None = None) -> None:
    """Check that an image may become the host of this phone.

    A host kernel of another project does not state its hardboot page; it is enough that it was built with
    CONFIG_KEXEC_HARDBOOT, and a warning says so. That of an arm64 kernel is in its configuration.

    Args:
        path: The image.
        profile: Of the phone.
        name: What messages call it; None is `path`.

    Raises:
        InputError: If it is no boot image with a kernel, or damaged, or its kernel cannot unpack its ramdisk.
        RefusedError: If it is for another phone, or its kernel is for another architecture, has no hardboot
            support, or another page than the profile's.
    """
    name = name or path
    image, _ = _read(path, name, fix="Make it again: hardboot host-image BOOT.IMG --kernel FILE -o OUT")
    with naming(name):
        host_kernel.read_kernel(image.kernel)
        support, wanted = host_kernel.read_support(image.kernel), profile.page.start
        _check_ramdisk(image)
        source = devicetree.find_trees_in_parts(image.parts)
        trees = source.candidates if source else ()
    other_phone.check(profile, other_phone.hardware(image.cmdline), trees, live=None, running=None)
    page = support.page
    if support.arch != profile.arch:
        raise RefusedError(
            f"{name}: its kernel is for {support.arch or 'another architecture'}, {profile.title} is "
            f"{profile.arch}",
            state="Nothing was sent.",
            fix=f"Build the kernel for this phone: hardboot patch apply TREE --device {profile.name}",
        )
    if support.built_in and page is None:
        log.warn(
            f"{name}: its kernel was built with CONFIG_KEXEC_HARDBOOT, but does not state its hardboot "
            f"page: it cannot be compared with the profile's, {wanted:#x}"
        )
        return
    if page is None:
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


def _check_ramdisk(image: BootImage) -> None:
    """Refuse a kernel that cannot unpack the ramdisk of its image; warn if that is likely."""
    ramdisk = wrappers.without_mtk(image.ramdisk)
    if len(ramdisk):  # phones with init_boot have it there
        for warning in startable.check_new_kernel(ramdisk, identify(kernel_part.unwrap(image.kernel))):
            log.warn(warning)


def is_host(image: BootImage) -> bool:
    """Return whether the kernel of a boot image has hardboot support, of whichever project.

    Raises:
        InputError: If the kernel cannot be read.
    """
    return host_kernel.read_support(image.kernel).built_in


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
