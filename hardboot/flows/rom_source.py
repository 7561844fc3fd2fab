"""What the user wants to start: images, and parts in place of theirs; or a kernel with the phone's own."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Protocol

from hardboot import devicetree
from hardboot.base.errors import InputError
from hardboot.base.files import naming
from hardboot.base.mapping import map_file
from hardboot.device.phone import Phone
from hardboot.devicetree import Candidate
from hardboot.flows import kernel_file, kernel_modules, kernel_tree, phone_images, rom
from hardboot.flows.rom import Rom
from hardboot.formats.containers import devicetrees
from hardboot.formats.reading import Data
from hardboot.formats.sniff import TREE_KINDS, described, sniff
from hardboot.layout import AnyKernel


class Source(Protocol):
    """What is to be started, before the phone was asked."""

    def complete(self, phone: Phone) -> Rom:
        """Return the ROM, with what it lacks read from the phone.

        Raises:
            HardbootError: If that fails.
        """


@dataclass(frozen=True)
class RomFiles:
    """The files that the user named.

    Attributes:
        image: A boot image, folder or archive; None starts `kernel` with the phone's own images.
        others: More images, by the names in `image_set.OTHERS`.
        kernel: A kernel in place of the ROM's: a file, or a build tree.
        ramdisk: A ramdisk in place of the ROM's.
        own_ramdisk: Use the phone's own ramdisk in place of the ROM's.
        dtb: A device tree, or several to choose from, in place of the ROM's.
        modules: Compare the modules in the ramdisk with the kernel.
        is_path: It was written as a path (./debian), and cannot be the name of a stored ROM.
    """

    image: Path | None
    others: Mapping[str, Path | None] = field(default_factory=dict)
    kernel: Path | None = None
    ramdisk: Path | None = None
    own_ramdisk: bool = False
    dtb: Path | None = None
    modules: bool = False
    is_path: bool = False

    @property
    def image_alone(self) -> bool:
        """Whether nothing is named besides the image."""
        bare = RomFiles(self.image, is_path=self.is_path)
        return replace(self, others={}) == bare and not any(self.others.values())

    def read(self) -> "RomSource":
        """Read the files; what only the phone has is read by `RomSource.complete`.

        Raises:
            InputError: If a file cannot be read, or is something else.
        """
        kernel = _read_kernel(self.kernel) if self.kernel else None
        return RomSource(
            base=None if self.image is None else rom.read(self.image, self.others),
            path=self.image or self.kernel or Path(),
            kernel=kernel,
            ramdisk=None if self.ramdisk is None else map_file(self.ramdisk),
            own_ramdisk=self.own_ramdisk and self.image is not None,  # else it is the phone's in any case
            trees=None if self.dtb is None else _read_trees(self.dtb),
            keeps_overlays=self.dtb is None or self.others.get("dtbo") is not None,
            modules=self.modules,
        )


@dataclass(frozen=True)
class NewKernel:
    """A kernel file.

    Attributes:
        trees: The device trees appended to it.
    """

    path: Path
    data: Data = field(repr=False)
    kernel: AnyKernel
    trees: tuple[Candidate, ...] = field(repr=False)


@dataclass(frozen=True)
class NewTrees:
    """Device trees from a file."""

    data: Data = field(repr=False)
    trees: tuple[Candidate, ...] = field(repr=False)


@dataclass(frozen=True)
class RomSource:
    """What is to be started, read as far as that goes without the phone.

    Attributes:
        base: The images that were named; None for the phone's own.
        path: What the user named first.
        keeps_overlays: Whether the overlays of the ROM are applied; to a tree in place of its own they are
            only if they were named, too.
    """

    base: Rom | None
    path: Path
    kernel: NewKernel | None
    ramdisk: Data | None = field(repr=False)
    own_ramdisk: bool
    trees: NewTrees | None
    keeps_overlays: bool
    modules: bool

    def complete(self, phone: Phone) -> Rom:
        """Return the ROM, with what it lacks read from the phone.

        Raises:
            DeviceError: If a partition cannot be read.
            RefusedError: If a partition is not as the profile says.
            InputError: If an image of the phone is malformed, or one is missing.
        """
        if self.base is None:
            return self._with_parts(phone_images.own(phone, unneeded=self._unneeded), None)
        own = phone_images.own(phone, unneeded=("dtbo",)) if self.own_ramdisk else None
        return self._with_parts(phone_images.complete(phone, self.base, unneeded=self._unneeded), own)

    def alone(self) -> Rom:
        """Return the ROM without a phone.

        Raises:
            InputError: If something is needed that only the phone has.
        """
        if self.base is None or self.own_ramdisk:
            raise InputError(
                "the phone's own images are needed, and no phone is connected",
                state="Nothing was sent.",
                fix="Leave out --device and --from, and connect the phone.",
            )
        phone_images.check_complete(self.base, unneeded=self._unneeded)
        return self._with_parts(self.base, None)

    @property
    def _unneeded(self) -> tuple[str, ...]:
        """The images that would be taken from the phone for nothing: a part is replaced, or not used."""
        replaces_ramdisk = self.ramdisk is not None or self.own_ramdisk
        # Overlays are applied to the ROM's own trees; a kernel alone without any gets the phone's live tree.
        live_tree = self.base is None and not (self.kernel and self.kernel.trees)
        return (
            *(["init_boot"] if replaces_ramdisk else []),
            *(["dtbo"] if self.trees or live_tree else []),
        )

    def _with_parts(self, base: Rom, own: Rom | None) -> Rom:
        made = replace(base, path=self.path)
        parts: dict[str, Data] = {}
        if self.kernel:
            kept = () if self.base is None else base.trees
            made = replace(made, kernel=self.kernel.kernel, trees=self.kernel.trees or kept)
            parts["kernel"] = self.kernel.data
        if self.ramdisk is not None:
            parts["ramdisk"] = self.ramdisk
        elif self.own_ramdisk and own is not None:
            parts["ramdisk"] = own.ramdisks()
        if "ramdisk" in parts:
            made = replace(made, replaced_ramdisk=parts["ramdisk"])
        if self.trees:
            overlays = made.overlays if self.keeps_overlays else None
            made = replace(made, trees=self.trees.trees, overlays=overlays)
            parts["dtb"] = self.trees.data
        made = replace(made, files=replace(made.files, images={**made.files.images, **parts}))
        if self.modules:
            kernel_modules.check(made)
        return made


def _read_kernel(path: Path) -> NewKernel:
    """Read a kernel of any kind, or that of a build tree.

    Raises:
        InputError: If it is no kernel for ARM.
    """
    file = kernel_tree.find_image(path)
    data = map_file(file)
    with naming(file, state="Nothing was sent."):
        kernel_file.check(data)
        kernel = rom.parse_kernel(data)
        found = devicetrees.find(data)
    appended = found is not None and found.kind == "appended"
    return NewKernel(file, data, kernel, devicetree.candidates(found) if found and appended else ())


def _read_trees(path: Path) -> NewTrees:
    data = map_file(path)
    with naming(path, state="Nothing was sent."):
        found = devicetrees.find(data) if sniff(data) in TREE_KINDS else None
        if found is None or found.kind == "dt_table":
            raise InputError(
                f"this is {described(data)}, not a device tree",
                state="Nothing was sent.",
                fix="Give a DTB, or a file with several; overlays are given by --dtbo.",
            )
        return NewTrees(data, devicetree.candidates(found))
