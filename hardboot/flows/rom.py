"""A ROM: the images to be started, read from files or from the phone, and what the planner needs of them."""

import hashlib
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from types import MappingProxyType

from hardboot import devicetree
from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.devicetree import Candidate
from hardboot.flows import boot_image, image_set, joined_ramdisk
from hardboot.flows.image_set import ImageSet
from hardboot.formats.archives import compression
from hardboot.formats.archives.compression import Decompressor
from hardboot.formats.boot import bootconfig as bootconfigs
from hardboot.formats.boot import bootimg, vendorboot, wrappers
from hardboot.formats.boot.bootconfig import NO_ENTRIES, Entries
from hardboot.formats.boot.bootimg import BootImage, Part
from hardboot.formats.boot.vendorboot import VendorBoot
from hardboot.formats.containers import devicetrees, kernel_part
from hardboot.formats.kernels import arm64image, zimage
from hardboot.formats.kernels.atags import Tag
from hardboot.formats.kernels.kernel import identify
from hardboot.formats.kernels.kernel_image import KernelImage
from hardboot.formats.kernels.zimage import ZImage
from hardboot.formats.kernels.zimage_payload import MAX_UNPACKED
from hardboot.formats.reading import Data, sha256, view
from hardboot.formats.sniff import OVERLAY_TABLE, described, sniff
from hardboot.formats.trees.fdt import Fdt
from hardboot.images.ramdisk import unpackers
from hardboot.layout import AnyKernel, Arm64Kernel, Guest

NO_FILES: Mapping[str, Path | None] = MappingProxyType({})
NO_TREE = "none: this phone's kernels get ATAGS"  # the reason, where profile.dtb.kind is none
NEEDED = ("vendor_boot", "init_boot")  # of what a ROM lacks; without overlays it may start
_FIRST_WITH_VENDOR_BOOT = 3  # header version
# Linux init/main.c, warn_bootconfig(), without CONFIG_BOOT_CONFIG; the name was misspelt up to 5.13.
_NO_BOOTCONFIG = re.compile(rb"CONFIG_BOOT_?CONFIG is not set")


@dataclass(frozen=True)
class Rom:
    """Boot images taken apart. Their parts are views of private copies of the files.

    Attributes:
        path: What the user named.
        image: The boot image, without MediaTek headers.
        kernel: The kernel as it is started; an arm64 kernel is unpacked.
        trees: The ROM's own device trees, in file order: those of vendor_boot, of the dtb or dt part, else
            those appended to its kernel. None from a vendor_boot image of the phone: its live tree is the
            same with the overlays applied.
        overlays: The overlays of dtbo; None if it has no such image.
        generic: The ramdisk of init_boot, else that of boot.
        vendor: The vendor_boot image, from header v3 on.
        files: All files it was made of, by name.
        given: Those of them that do not come from the phone.
        replaced_ramdisk: In place of the ramdisks of its images.
        lacks: Images that the bootloader would take and that are not there: `init_boot`, `vendor_boot`,
            `dtbo`.
    """

    path: Path
    image: BootImage
    kernel: AnyKernel
    trees: tuple[Candidate, ...] = field(repr=False)
    overlays: tuple[Candidate, ...] | None = field(repr=False)
    generic: Data = field(repr=False)
    vendor: VendorBoot | None = field(repr=False)
    files: ImageSet = field(repr=False)
    given: frozenset[str]
    lacks: tuple[str, ...] = ()
    replaced_ramdisk: Data | None = field(repr=False, default=None)

    @cached_property
    def sha256(self) -> str:
        """The SHA-256 of the boot image in hex; of several files that of their names and digests."""
        digests = {name: sha256(data) for name, data in sorted(self.files.images.items())}
        if list(digests) == [image_set.BOOT]:
            return digests[image_set.BOOT]
        lines = "".join(f"{digest}  {name}\n" for name, digest in digests.items())
        return hashlib.sha256(lines.encode()).hexdigest()

    @cached_property
    def identity(self) -> KernelImage:
        """The identity of the kernel."""
        kernel = self.kernel
        return identify(kernel.kernel if isinstance(kernel, ZImage) else kernel.data)

    @property
    def release(self) -> str | None:
        """The kernel's release, as `uname -r` will print it; None if the image does not tell."""
        return self.identity.release

    @property
    def unpacked_size(self) -> int | None:
        """Bytes of the decompressed kernel; None if it does not state them and cannot be unpacked."""
        stated = self.kernel.edata_size if isinstance(self.kernel, ZImage) else len(self.kernel.data)
        return stated or self.identity.unpacked_size

    @property
    def cmdline(self) -> str:
        """The ROM's own kernel command line: that of vendor_boot, then that of boot, which takes precedence.

        Source: Qualcomm's ABL, QcomModulePkg/Library/BootLib/BootLinux.c.
        """
        parts = [self.vendor.cmdline if self.vendor else "", self.image.cmdline]
        if self.ignores_bootconfig:
            parts.append(bootconfigs.words(self.bootconfig))
        return " ".join(part for part in parts if part)

    @property
    def takes_bootconfig(self) -> bool:
        """Whether the kernel finds the bootloader's words in the bootconfig."""
        return self._has_bootconfig and not self.ignores_bootconfig

    @property
    def _has_bootconfig(self) -> bool:
        return self.vendor is not None and self.vendor.header_version >= 4

    @property
    def bootconfig(self) -> Entries:
        """The ROM's own bootconfig.

        Raises:
            InputError: If it is malformed.
        """
        if self.vendor is None or not self._has_bootconfig:
            return NO_ENTRIES
        return bootconfigs.parse(bootconfigs.decode(self.vendor.bootconfig))

    @cached_property
    def ignores_bootconfig(self) -> bool:
        """Whether it has a bootconfig, and its kernel says that it was built without support for it.

        Its command line then gets what is in the bootconfig; a bootloader does not do that.
        """
        if not self._has_bootconfig:
            return False
        stated = unpackers.option(self.identity, "CONFIG_BOOT_CONFIG")
        if stated is not None or isinstance(self.kernel, ZImage):
            return stated is False
        return _NO_BOOTCONFIG.search(self.kernel.data) is not None

    def ramdisk(self, words: Entries) -> Data:
        """Return the ramdisk as the kernel gets it.

        Args:
            words: What the bootloader adds to the bootconfig.

        Raises:
            RefusedError: If vendor_boot has ramdisks for several boards.
            InputError: If its bootconfig is malformed.
        """
        if self.vendor is None or not self.takes_bootconfig:
            return self.ramdisks()
        return joined_ramdisk.with_bootconfig(self.ramdisks(), self.vendor.bootconfig, words)

    def ramdisks(self) -> Data:
        """Return the ramdisks of the images, joined as a bootloader does: the vendor's, then the generic one.

        Raises:
            RefusedError: If vendor_boot has ramdisks for several boards.
        """
        if self.replaced_ramdisk is not None:
            return self.replaced_ramdisk
        return joined_ramdisk.join(self.vendor, self.generic) if self.vendor else self.generic

    def guest(
        self,
        *,
        tree: Fdt | None,
        live_tree: Fdt | None,
        cmdline: str,
        atags: tuple[Tag, ...] | None = None,
        words: Entries = NO_ENTRIES,
    ) -> Guest:
        """Return the guest for the planner.

        Args:
            tree: As `devicetree.choose_tree` chose it; None reserves room for one.
            live_tree: The phone's own tree; None without a phone.
            cmdline: Kernel command line.
            atags: The phone's ATAGS, if its kernels get them; None reserves room for them.
            words: What the bootloader adds to the bootconfig.
        """
        return Guest(
            kernel=self.kernel,
            ramdisk=self.ramdisk(words),
            tree=tree,
            cmdline=cmdline,
            live_tree=live_tree,
            atags=atags,
            unpacked_size=self.unpacked_size,
        )


def read(path: Path, others: Mapping[str, Path | None] = NO_FILES) -> Rom:
    """Read the ROM at `path`, mapped into memory.

    Args:
        path: A boot image; or a folder, archive or OTA with the images of a ROM.
        others: Files of other images, by the names in `image_set.OTHERS`.

    Raises:
        InputError: If a file cannot be read, is another image than its name says or truncated, or if there is
            no ARM or arm64 kernel, or no ramdisk; or if the boot image would not take one of `others`.
    """
    made = assemble(image_set.find(path, others))
    version = made.image.header_version
    for name in ("init_boot", "vendor_boot") if version < _FIRST_WITH_VENDOR_BOOT else ():
        if others.get(name) is not None:
            raise InputError(
                f"{others[name]} would be left out: {path} has header v{version}, and {name} exists from "
                f"v{_FIRST_WITH_VENDOR_BOOT} on",
                state="Nothing was sent.",
                fix=f"Leave out --{name.replace('_', '-')}.",
            )
    return made


def assemble(images: ImageSet, taken: Collection[str] = ()) -> Rom:
    """Take the images of a ROM apart.

    Args:
        images: The images.
        taken: Those of them that were read from the phone.

    Raises:
        InputError: See `read`.
    """
    path = images.files[image_set.BOOT]
    with naming(path, state="Nothing was sent."):
        image = boot_image.parse(path, images.images[image_set.BOOT])
        has_vendor_boot = image.header_version >= _FIRST_WITH_VENDOR_BOOT
        for part in ("kernel",) if has_vendor_boot else ("kernel", "ramdisk"):
            if not len(getattr(image, part)):
                raise InputError(
                    f"the image has no {part}",
                    state="Nothing was sent.",
                    fix="Use a complete boot image: kernel and ramdisk are needed to boot from RAM.",
                )
        image = _without_mtk(image)
        kernel, trees = parse_kernel(image.kernel), _trees(image.parts)
    generic, vendor = image.ramdisk, None
    if has_vendor_boot:
        generic = _init_ramdisk(images) or generic
        vendor = _vendor_boot(images)
        own = "vendor_boot" not in taken or ("dtbo" in images.images and "dtbo" not in taken)
        if vendor and own:
            with naming(images.files["vendor_boot"], state="Nothing was sent."):
                trees = _trees([Part("dtb", 0, vendor.dtb)]) or trees
    needed = {
        "vendor_boot": has_vendor_boot,
        "init_boot": has_vendor_boot and not len(generic),
        "dtbo": bool(trees),
    }
    return Rom(
        path=images.path,
        image=image,
        kernel=kernel,
        trees=trees,
        overlays=_overlays(images, taken),
        generic=generic,
        vendor=vendor,
        files=images,
        given=frozenset(images.images) - frozenset(taken),
        lacks=tuple(name for name, is_needed in needed.items() if is_needed and name not in images.images),
    )


def _init_ramdisk(images: ImageSet) -> Data:
    """Return the ramdisk of init_boot; empty without such an image."""
    if "init_boot" not in images.images:
        return b""
    with naming(images.files["init_boot"], state="Nothing was sent."):
        image = boot_image.warned(images.files["init_boot"], bootimg.parse(images.images["init_boot"]))
        return _bare("ramdisk", image.ramdisk)


def _vendor_boot(images: ImageSet) -> VendorBoot | None:
    if "vendor_boot" not in images.images:
        return None
    with naming(images.files["vendor_boot"], state="Nothing was sent."):
        image = vendorboot.parse(images.images["vendor_boot"])
        return boot_image.warned(images.files["vendor_boot"], image)


def _overlays(images: ImageSet, taken: Collection[str]) -> tuple[Candidate, ...] | None:
    """Return the overlays of dtbo; none if the phone's partition holds no table; None without an image."""
    if "dtbo" not in images.images:
        return None
    data = images.images["dtbo"]
    with naming(images.files["dtbo"], state="Nothing was sent."):
        if sniff(data) == OVERLAY_TABLE:
            found = devicetrees.find(data)
            return devicetree.candidates(found) if found else ()
        if "dtbo" in taken:
            return ()
        raise InputError(
            f"this is {described(data)}, not a {OVERLAY_TABLE}",
            state="Nothing was sent.",
            fix="Give a dtbo.img; a device tree is given by --dtb.",
        )


def _without_mtk(image: BootImage) -> BootImage:
    """Return the image without MediaTek's headers before kernel and ramdisk, as its bootloader starts it."""
    kernel, ramdisk = _bare("kernel", image.kernel), _bare("ramdisk", image.ramdisk)
    return replace(image, kernel=kernel, ramdisk=ramdisk)


def _bare(name: str, part: Data) -> Data:
    mtk = wrappers.split_mtk(part)
    if mtk is None:
        return part
    if mtk.warning:
        log.warn(f"{name}: {mtk.warning}")
    return mtk.data


def parse_kernel(part: Data) -> AnyKernel:
    """Return the kernel as it is started: a zImage unpacks itself, an arm64 Image must be unpacked first."""
    for warning in kernel_part.warnings(part):
        log.warn(warning)
    part = kernel_part.unwrap(part)
    if arm64image.is_arm64(part):
        size = identify(part, config=False).size
        return Arm64Kernel(view(part)[:size], arm64image.parse(part))
    kind = compression.detect(part)
    if kind is None or kind == "lzop":
        return zimage.parse(part)
    data = b"".join(Decompressor(kind, part, limit=MAX_UNPACKED))
    return Arm64Kernel(data, arm64image.parse(data)) if arm64image.is_arm64(data) else zimage.parse(part)


def _trees(parts: Sequence[Part]) -> tuple[Candidate, ...]:
    """Return the trees of the dtb or dt part; without one, those appended to the kernel."""
    source = devicetree.find_trees_in_parts(parts)
    size = sum(len(part.data) for part in parts if part.name == "dtb")
    if size and (source is None or source.part != "dtb"):
        raise InputError(
            f"the dtb part ({size} bytes) holds no device tree",
            state="Nothing was sent.",
            fix="Use an image whose dtb part holds device trees, or one without a dtb part.",
        )
    candidates = source.candidates if source else ()
    if len(candidates) == 1:
        candidates[0].tree  # noqa: B018  # it will be used: refuse it now, with the file's name
    return candidates
