"""A profile: everything that is known about one phone."""

from typing import Annotated, Literal

from msgspec import Meta, Struct, field
from msgspec.structs import replace

from hardboot.base.memory import Range
from hardboot.profile.schema import (
    SLOTS,
    CommandLineQuirks,
    ConflictingValue,
    DeviceTrees,
    Evidence,
    FastbootBoot,
    Hardboot,
    ImageParameters,
    KernelAddresses,
    Name,
    Partition,
    ResetMethod,
    SoftKexec,
    Span,
    SurvivedRestarts,
    Text,
    Trust,
    Unsigned,
)
from hardboot.profile.unknown import UnknownFactError


class Profile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Everything known about one phone; `ram`, `reserved` and `bootloader` are empty if unknown."""

    name: Name
    title: Text
    codenames: Annotated[tuple[Name, ...], Meta(min_length=1)]
    arch: Literal["arm", "arm64"]
    soc: Text
    status: Literal["untested", "emulated", "hardware"]
    presence: Annotated[str, Meta(pattern=r"^/[A-Za-z0-9_./,@-]+\Z")] | None = None
    mem_min: Unsigned | None = None
    kernel: KernelAddresses = KernelAddresses()
    hardboot: Hardboot
    reset: ResetMethod = ResetMethod()
    soft: SoftKexec = SoftKexec()
    fastboot: FastbootBoot = FastbootBoot()
    survives: SurvivedRestarts = SurvivedRestarts()
    partitions: dict[Name, Partition]
    image: ImageParameters
    dtb: DeviceTrees
    cmdline: CommandLineQuirks = CommandLineQuirks()
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
        """RAM that is always in use: ramoops, carve-outs, reserve maps."""
        return tuple(span.range for span in self.reserved_spans)

    @property
    def bootloader(self) -> tuple[Range, ...]:
        """RAM overwritten between the reset and the host kernel; empty if unknown."""
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

    @property
    def host_abi(self) -> str:
        """What the host kernel does with the record.

        Raises:
            UnknownFactError: If it is not known.
        """
        if self.hardboot.host_abi is None:
            raise self.unknown("hardboot.host_abi", "what its host kernel does with the record")
        return self.hardboot.host_abi

    @property
    def has_atags(self) -> bool:
        """Whether the phone's kernels get ATAGS, not a device tree.

        Raises:
            UnknownFactError: If it is not known.
        """
        if self.dtb.kind is None:
            raise self.unknown("dtb.kind", "whether its kernels get a device tree")
        return self.dtb.kind == "none"

    @property
    def all_partitions(self) -> dict[str, Partition]:
        """The partitions by their names on the phone: boot_a and boot_b where boot has slots."""
        found: dict[str, Partition] = {}
        for name, one in self.partitions.items():
            if one.slots:
                paths = {f"{name}_{slot}": f"{one.path}_{slot}" for slot in SLOTS}
                found |= {key: replace(one, path=path, slots=False) for key, path in paths.items()}
            else:
                found[name] = one
        return found

    def for_ram(self, end: int) -> "Profile":
        """Return the profile of the model whose RAM ends at `end`; itself if none fits, or none differs."""
        models = sorted(self.hardboot.models, key=lambda one: one.ram_end)
        fitting = next((one for one in models if end <= one.ram_end), None)
        if fitting is None or self.hardboot.page is not None:
            return self
        return replace(self, hardboot=replace(self.hardboot, page=fitting.page))

    def without_reset(self) -> "Profile":
        """Return the profile for a soft start: no hardboot page, no bootloader, no host kernel."""
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

    def _others(self, fact: str) -> tuple[ConflictingValue, ...]:
        entry = self.evidence.get(fact)
        return entry.others if entry else ()

    def trust(self, fact: str) -> Trust:
        """Return how far a fact ("hardboot.page", "ram", "bootloader.lk") can be trusted."""
        entry = self.evidence_for(fact)
        return entry.status if entry else "unknown"

    def evidence_for(self, fact: str) -> Evidence | None:
        """Return the evidence for a fact: its own, else that of the group it belongs to; None without any."""
        while fact not in self.evidence and "." in fact:
            fact = fact.rpartition(".")[0]
        return self.evidence.get(fact)

    def how_to_find(self, fact: str) -> str:
        """Return what [evidence] says about an unknown fact."""
        entry = self.evidence.get(fact)
        return entry.source if entry else f"{self.name}.toml says nothing about {fact}"

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
