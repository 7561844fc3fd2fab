"""The tables of a profile file, as frozen structs. Addresses are physical, sizes bytes."""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from hardboot.base.memory import Range

Unsigned = Annotated[int, Meta(ge=0, le=(1 << 48) - 1)]
Text = Annotated[str, Meta(min_length=1, max_length=400)]
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}\Z")]
Trust = Literal["verified", "secondary", "inferred", "unknown"]
IdCells = Annotated[
    tuple[Annotated[int, Meta(ge=0, le=(1 << 32) - 1)], ...], Meta(min_length=2, max_length=4)
]


class Span(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named range as written in TOML: `{ name = "ramoops", start = 0x44100000, size = 0x100000 }`."""

    name: Name
    start: Unsigned
    size: Annotated[int, Meta(ge=1, le=(1 << 48) - 1)]

    @property
    def range(self) -> Range:
        """The same as a half-open range."""
        return Range.sized(self.start, self.size, self.name)


class KernelAddresses(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[kernel]: where this phone's own kernels run.

    Attributes:
        phys_offset: First address of the RAM the kernel maps (PHYS_OFFSET).
        zreladdr: Where a zImage unpacks itself; fixed at build time without AUTO_ZRELADDR.
        params: Where the bootloader puts the ATAGS (r2), on a phone without a device tree.
    """

    phys_offset: Unsigned | None = None
    zreladdr: Unsigned | None = None
    params: Unsigned | None = None


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One model of a phone that is sold with different amounts of RAM.

    Attributes:
        page: Its hardboot page.
        ram_end: No RAM of this model lies at or above this address.
    """

    name: Name
    page: Unsigned
    ram_end: Unsigned


class Buffer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the segments wait for the reset, if not in their final places."""

    start: Unsigned
    size: Annotated[int, Meta(ge=1, le=1 << 32)]

    @property
    def range(self) -> Range:
        """The same as a half-open range."""
        return Range.sized(self.start, self.size, "hardboot buffer")


class Hardboot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[hardboot]: what the host kernel does with the record.

    Attributes:
        page: Address of the hardboot page; None if unknown, or different for each model.
        page_size: Bytes reserved there.
        models: The page of each model, where they differ.
        flag: The kexec_load(2) flag: 0x4 before Linux 6.6, 0x8000 from there on.
        host_abi: `direct`: the host kernel only jumps. `copy-dtb`: it copies the DTB to where the bootloader
            put its own and, with `kernel_loc`, the kernel there. `copy-atags`: it copies ATAGS.
            `atags-in-r0`: it jumps with their address in r0; only a patched guest looks there.
            `buffer`: on arm64, it copies the segments from `buffer` to their final places. None if unknown.
        kernel_loc: Where a `copy-dtb` host kernel moves the guest's zImage; None if it does not.
        dtb_loc: Where the bootloader puts its DTB (r2): a `copy-dtb` host kernel moves the guest's there.
        buffer: Where the segments wait with a `buffer` host kernel; no final place of a segment is there.
    """

    page: Unsigned | None = None
    page_size: Annotated[int, Meta(ge=1, le=1 << 30)]
    models: tuple[Model, ...] = ()
    flag: Literal[0x4, 0x8000]
    host_abi: Literal["direct", "copy-dtb", "copy-atags", "atags-in-r0", "buffer"] | None = None
    kernel_loc: Unsigned | None = None
    dtb_loc: Unsigned | None = None
    buffer: Buffer | None = None


SLOTS = ("a", "b")


class Partition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block device of [partitions].

    Attributes:
        path: Of its device node; with `slots` without the slot's suffix.
        size: Bytes; None if unknown.
        slots: True if there is one in each slot: the path continues with _a or _b.
    """

    path: Annotated[str, Meta(pattern=r"^/dev/[A-Za-z0-9_./-]+\Z", max_length=200)]
    size: Annotated[int, Meta(ge=1)] | None = None
    slots: bool = False


class ImageParameters(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[image]: how boot images for this phone are made, mkbootimg's parameters; None where unknown.

    Attributes:
        header_trusted: True if the bootloader loads to the addresses of the header.
        mtk_headers: True if kernel and ramdisk each begin with MediaTek's header of 512 bytes.
    """

    page_size: Literal[2048, 4096, 8192, 16384] | None = None
    base: Unsigned | None = None
    kernel_offset: Unsigned | None = None
    ramdisk_offset: Unsigned | None = None
    tags_offset: Unsigned | None = None
    second_offset: Unsigned | None = None
    header_trusted: bool | None = None
    mtk_headers: bool = False

    @property
    def tags_addr(self) -> int | None:
        """Where the header of an image puts the device tree; None if unknown."""
        if self.base is None or self.tags_offset is None:
            return None
        return self.base + self.tags_offset


class CarriedProperties(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Properties of the bootloader's device tree that a guest needs; a name may end in `*`."""

    name: Name
    node: Annotated[str, Meta(pattern=r"^/[^\s]*\Z", max_length=200)]
    properties: Annotated[tuple[Text, ...], Meta(min_length=1)]


class DeviceTrees(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[dtb]: how this phone's kernels get their device tree.

    Attributes:
        kind: `live`: from the bootloader; `appended`: to the zImage; `section`: a part of the boot image;
            `none`: the kernel gets ATAGS instead. None if unknown.
        msm_ids: Entries of qcom,msm-id in this phone's own trees: 2 or 3 words, 4 with LG's board revision.
        board_ids: Entries of qcom,board-id there: 2 words, Oppo's 4. They need msm_ids of 2 words.
    """

    kind: Literal["live", "appended", "section", "none"] | None = None
    msm_ids: tuple[IdCells, ...] = ()
    board_ids: tuple[IdCells, ...] = ()
    carry: tuple[CarriedProperties, ...] = ()


class ResetMethod(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[reset]: how the relocation code resets the SoC so that RAM survives.

    Attributes:
        method: `psci`: PSCI SYSTEM_RESET. `mmio`: write `value` to `address`, or set `set_bits` there.
            `watchdog`: a hook of the board arms the watchdog and waits. None if unknown.
        address: The register of `mmio`; with `watchdog` its first register, if the hook needs it.
        hooks: What the board must do before, for people.
    """

    method: Literal["psci", "mmio", "watchdog"] | None = None
    address: Unsigned | None = None
    value: Unsigned | None = None
    set_bits: Unsigned | None = None
    hooks: tuple[Text, ...] = ()


class SoftKexec(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[soft]: whether a kernel can be started by kexec alone, without a reset.

    Attributes:
        works: False if it hung or crashed; None if it has not been tried.
        unbind: Folders in /sys of drivers whose devices would go on writing to RAM while the next kernel
            runs: all devices are unbound from them first.
    """

    works: bool | None = None
    unbind: tuple[
        Annotated[str, Meta(pattern=r"(?a)^/sys/bus/[\w-]+/drivers/[\w-]+\Z", max_length=200)], ...
    ] = ()


class FastbootBoot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[fastboot]: whether the bootloader boots an image without flashing it, by `fastboot boot`.

    Attributes:
        works: False if it refuses or comes back instead; None if it has not been tried.
    """

    works: bool | None = None


class SurvivedRestarts(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[survives]: whether RAM keeps its content over each kind of restart; None where that was not measured.

    Attributes:
        plain: `reboot`.
        warm: `reboot` after "warm" was written to /sys/kernel/reboot/mode.
        command: `reboot` with a word for the bootloader.
        panic: A crash of the kernel.
    """

    plain: bool | None = None
    warm: bool | None = None
    command: bool | None = None
    panic: bool | None = None


class CommandLineQuirks(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """[cmdline]: what the bootloader does to the kernel command line.

    Attributes:
        stock: The command line in the header of the boot images made for this phone.
        skip: Number of characters lost at its start.
        replaced: Parameters to which the bootloader gives another value: console, "null".
        dropped: Parameters that it removes.
        ignored: True if it does not pass on the image's command line at all.
        notes: Anything else, for people.
    """

    stock: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    skip: Annotated[int, Meta(ge=0, le=1024)] = 0
    replaced: dict[Text, str] = {}
    dropped: tuple[Text, ...] = ()
    ignored: bool = False
    notes: tuple[Text, ...] = ()


class ConflictingValue(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A different value stated elsewhere for the same fact; without a value if it is computed there."""

    value: Unsigned | None = None
    source: Text


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a fact was read and how far it can be trusted; for an unknown fact, how to find it.

    Attributes:
        others: Values that other sources state.
    """

    status: Trust
    source: Text
    others: tuple[ConflictingValue, ...] = ()
