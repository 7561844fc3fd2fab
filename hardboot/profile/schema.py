"""The file format of a profile: frozen structs. Addresses are physical, sizes bytes."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from hardboot.base.memory import Range
from hardboot.profile.unknown import UnknownFactError

Unsigned = Annotated[int, Meta(ge=0, le=(1 << 48) - 1)]
Text = Annotated[str, Meta(min_length=1, max_length=400)]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")]
Known = Literal["verified", "secondary", "inferred", "unknown"]
Cells = Annotated[tuple[Annotated[int, Meta(ge=0, le=(1 << 32) - 1)], ...], Meta(min_length=2, max_length=4)]


class Span(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A named range as TOML can write it: `{ name = "ramoops", start = 0x44100000, size = 0x100000 }`."""

    name: Word
    start: Unsigned
    size: Annotated[int, Meta(ge=1, le=(1 << 48) - 1)]

    @property
    def range(self) -> Range:
        """The same as a half-open range."""
        return Range.sized(self.start, self.size, self.name)


class Kernel(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where this phone's own kernels run.

    Attributes:
        phys_offset: First address of the RAM the kernel maps (PHYS_OFFSET).
        zreladdr: Where a zImage unpacks itself; fixed at build time without AUTO_ZRELADDR.
        params: Where the bootloader puts the ATAGS (r2), on a phone without a device tree.
    """

    phys_offset: Unsigned | None = None
    zreladdr: Unsigned | None = None
    params: Unsigned | None = None


class Model(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A model of a phone that is sold with different amounts of RAM.

    Attributes:
        page: Its hardboot page.
        ram_end: No RAM of this model lies at or above this address.
    """

    name: Word
    page: Unsigned
    ram_end: Unsigned


class Buffer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where the segments wait for the reset, if not in their places."""

    start: Unsigned
    size: Annotated[int, Meta(ge=1, le=1 << 32)]

    @property
    def range(self) -> Range:
        """The same as a half-open range."""
        return Range.sized(self.start, self.size, "hardboot buffer")


class Hardboot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the host kernel does with the record.

    Attributes:
        page: Address of the hardboot page; None: unknown, or different for each model.
        page_size: Bytes reserved there.
        models: The page of each model, where they differ.
        flag: The kexec_load(2) flag: 0x4 before Linux 6.6, 0x8000 from there on.
        host_abi: `direct`: the host kernel only jumps. `copy-dtb`: it copies the DTB to where the bootloader
            put its own and, with `kernel_loc`, the kernel there. `copy-atags`: it copies ATAGS.
            `atags-in-r0`: it jumps with their address in r0; the guest must be patched to take them there.
            `buffer`: on arm64, it copies the segments from `buffer` to their places.
        kernel_loc: Where a copying host kernel moves the guest's zImage; None if it does not.
        dtb_loc: Where the bootloader puts its DTB (r2), which is where a `copy-dtb` host moves the guest's.
        buffer: Where a `buffer` host lets the segments wait; no segment may have its place there.
    """

    page: Unsigned | None = None
    page_size: Annotated[int, Meta(ge=1, le=1 << 30)]
    models: tuple[Model, ...] = ()
    flag: Literal[0x4, 0x8000]
    host_abi: Literal["direct", "copy-dtb", "copy-atags", "atags-in-r0", "buffer"]
    kernel_loc: Unsigned | None = None
    dtb_loc: Unsigned | None = None
    buffer: Buffer | None = None


class Partition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block device of the phone; `size` in bytes, None if unknown."""

    path: Annotated[str, Meta(pattern=r"^/dev/[A-Za-z0-9_./-]+$", max_length=200)]
    size: Annotated[int, Meta(ge=1)] | None = None


class Image(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How boot images for this phone are made: mkbootimg's parameters; None where unknown.

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
        """Where the header of an image says that the device tree goes; None if unknown."""
        if self.base is None or self.tags_offset is None:
            return None
        return self.base + self.tags_offset


class Carry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Properties of the bootloader's device tree a guest must get too; one may end in `*`."""

    name: Word
    node: Annotated[str, Meta(pattern=r"^/[^\s]*$", max_length=200)]
    properties: Annotated[tuple[Text, ...], Meta(min_length=1)]


class Dtb(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this phone's kernels get their device tree.

    Attributes:
        kind: `live`: from the bootloader; `appended`: behind the zImage; `section`: in the boot image;
            `none`: there is none, the kernel gets ATAGS.
        msm_ids: Entries of qcom,msm-id in this phone's own trees: 2 or 3 words, 4 with LG's board revision.
        board_ids: Entries of qcom,board-id there: 2 words, Oppo's 4. They go with msm_ids of 2.
    """

    kind: Literal["live", "appended", "section", "none"]
    msm_ids: tuple[Cells, ...] = ()
    board_ids: tuple[Cells, ...] = ()
    carry: tuple[Carry, ...] = ()


class Reset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the relocation code resets the SoC so that RAM survives.

    Attributes:
        method: `mmio` writes `value` to `address`, or sets `set_bits` there; `watchdog`: a hook of the board
            arms the watchdog, the code waits for it. None if unknown.
        address: The register of `mmio`; with `watchdog` the first one of the watchdog, if the hook needs it.
        hooks: What the board must do before, in words.
    """

    method: Literal["psci", "mmio", "watchdog"] | None = None
    address: Unsigned | None = None
    value: Unsigned | None = None
    set_bits: Unsigned | None = None
    hooks: tuple[Text, ...] = ()


class Soft(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whether a kernel can be started without a reset: by kexec alone.

    Attributes:
        works: False if it was seen to hang or crash; None if nobody has tried.
        unbind: Drivers whose devices go on writing to RAM behind the back of the next kernel: all of their
            devices are taken from them first. Their folders in /sys.
    """

    works: bool | None = None
    unbind: tuple[
        Annotated[str, Meta(pattern=r"^/sys/bus/[A-Za-z0-9_-]+/drivers/[A-Za-z0-9_-]+$", max_length=200)], ...
    ] = ()


class Cmdline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the bootloader does to the kernel command line.

    Attributes:
        stock: What the boot images made for this phone have in their header.
        skip: So many characters at its start are lost.
        replaced: Names of words, and the value the bootloader gives each of them: console, "null".
        dropped: Names of words that it leaves out.
        ignored: True if it does not pass the image's command line on at all.
        notes: What has no field, in words.
    """

    stock: Annotated[str, Meta(min_length=1, max_length=1024)] | None = None
    skip: Annotated[int, Meta(ge=0, le=1024)] = 0
    replaced: dict[Text, str] = {}
    dropped: tuple[Text, ...] = ()
    ignored: bool = False
    notes: tuple[Text, ...] = ()


class Other(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Another value that somebody states for the same fact, and where; without a value if it is computed."""

    value: Unsigned | None = None
    source: Text


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a fact was read and how far it can be trusted; for an unknown one, how to find it.

    Attributes:
        others: The values it is in conflict with.
    """

    status: Known
    source: Text
    others: tuple[Other, ...] = ()


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One phone. `ram`, `reserved` and `bootloader` may be empty: unknown, see `evidence`."""

    name: Word
    title: Text
    codenames: Annotated[tuple[Word, ...], Meta(min_length=1)]
    arch: Literal["arm", "arm64"]
    soc: Text
    status: Literal["untested", "emulated", "hardware"]
    presence: Annotated[str, Meta(pattern=r"^/[A-Za-z0-9_./,@-]+$")] | None = None
    mem_min: Unsigned | None = None
    kernel: Kernel = Kernel()
    hardboot: Hardboot
    reset: Reset = Reset()
    soft: Soft = Soft()
    partitions: dict[Word, Partition]
    image: Image
    dtb: Dtb
    cmdline: Cmdline = Cmdline()
    notes: tuple[Text, ...] = ()
    ram_spans: tuple[Span, ...] = field(name="ram", default=())
    reserved_spans: tuple[Span, ...] = field(name="reserved", default=())
    bootloader_spans: tuple[Span, ...] = field(name="bootloader", default=())
    evidence: dict[Text, Evidence]

    @property
    def ram(self) -> tuple[Range, ...]:
        """Banks of RAM; empty if unknown."""
        return tuple(span.range for span in self.ram_spans)

    @property
    def reserved(self) -> tuple[Range, ...]:
        """What is in use for good: ramoops, carve-outs, reserve maps."""
        return tuple(span.range for span in self.reserved_spans)

    @property
    def bootloader(self) -> tuple[Range, ...]:
        """What the way from the reset to the host kernel overwrites; empty if unknown."""
        return tuple(span.range for span in self.bootloader_spans)

    @property
    def page(self) -> Range:
        """The hardboot page.

        Raises:
            UnknownFactError: If it is not known, or depends on the model.
        """
        if self.hardboot.page is None:
            values = [f"{one.page:#x} ({one.name})" for one in self.hardboot.models]
            values += [f"{one.value:#x}" for one in self._others("hardboot.page") if one.value is not None]
            known = f" (one of {', '.join(values)})" if values else ""
            raise self.unknown("hardboot.page", f"the address of the hardboot page{known}")
        return Range.sized(self.hardboot.page, self.hardboot.page_size, "hardboot page")

    def for_ram(self, end: int) -> "Profile":
        """The profile of the model whose RAM ends at `end`; itself if all models are alike, or none fits."""
        models = sorted(self.hardboot.models, key=lambda one: one.ram_end)
        fitting = next((one for one in models if end <= one.ram_end), None)
        if fitting is None or self.hardboot.page is not None:
            return self
        return replace(self, hardboot=replace(self.hardboot, page=fitting.page))

    def without_reset(self) -> "Profile":
        """The profile for a soft start: no page, and nothing that a bootloader or host kernel does."""
        hardboot = replace(
            self.hardboot,
            page=0,
            page_size=0,
            host_abi="direct",
            kernel_loc=None,
            dtb_loc=None,
            buffer=None,
        )
        return replace(self, hardboot=hardboot, bootloader_spans=(), mem_min=0)

    def _others(self, fact: str) -> tuple[Other, ...]:
        entry = self.evidence.get(fact)
        return entry.others if entry else ()

    def trust(self, fact: str) -> Known:
        """How far a fact ("hardboot.page", "ram", "bootloader.lk") can be trusted."""
        entry = self.evidence_for(fact)
        return entry.status if entry else "unknown"

    def evidence_for(self, fact: str) -> Evidence | None:
        """The evidence of a fact: its own, else that of the group it belongs to."""
        while fact not in self.evidence and "." in fact:
            fact = fact.rpartition(".")[0]
        return self.evidence.get(fact)

    def how_to_find(self, fact: str) -> str:
        """What [evidence] says of an unknown fact."""
        entry = self.evidence.get(fact)
        return entry.source if entry else f"nothing is known about {fact} in {self.name}.toml"

    def unknown(self, fact: str, what: str, advice: str = "") -> UnknownFactError:
        """Return the refusal of a command that needs `fact`, which this profile does not know.

        Args:
            fact: Its dotted name.
            what: The fact in words: "its RAM layout".
            advice: What helps without finding it; a sentence.
        """
        return UnknownFactError(
            fact, title=self.title, what=what, how_to_find=self.how_to_find(fact), advice=advice
        )
