"""The file format of a profile: strict TOML to frozen structs. Addresses are physical, sizes bytes."""

import difflib
import re
import tomllib
from collections.abc import Iterator
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct, field

from hardboot.errors import InputError
from hardboot.memory import Range

Unsigned = Annotated[int, Meta(ge=0, le=(1 << 48) - 1)]
Text = Annotated[str, Meta(min_length=1, max_length=400)]
Word = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.+-]{0,63}$")]
Known = Literal["verified", "secondary", "inferred", "unknown"]


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
    """

    phys_offset: Unsigned | None = None
    zreladdr: Unsigned | None = None


class Hardboot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the host kernel does with the record.

    Attributes:
        page: Address of the hardboot page.
        page_size: Bytes reserved there.
        flag: The kexec_load(2) flag: 0x4 before Linux 6.6, 0x8000 from there on.
        host_abi: `direct`: the host kernel only jumps. `copy-dtb`: it copies the DTB to where the bootloader
            put its own and, with `kernel_loc`, the kernel there. `copy-atags`: it copies ATAGS.
        kernel_loc: Where a copying host kernel moves the guest's zImage; None if it does not.
        dtb_loc: Where the bootloader puts its DTB (r2), which is where a `copy-dtb` host moves the guest's.
    """

    page: Unsigned
    page_size: Annotated[int, Meta(ge=1, le=1 << 30)]
    flag: Literal[0x4, 0x8000]
    host_abi: Literal["direct", "copy-dtb", "copy-atags"]
    kernel_loc: Unsigned | None = None
    dtb_loc: Unsigned | None = None


class Partition(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A block device of the phone; `size` in bytes, None if unknown."""

    path: Annotated[str, Meta(pattern=r"^/dev/block/[A-Za-z0-9_./-]+$", max_length=200)]
    size: Annotated[int, Meta(ge=1)] | None = None


class Image(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How boot images for this phone are made: mkbootimg's parameters.

    Attributes:
        header_trusted: True if the bootloader loads to the addresses of the header; None if unknown.
    """

    page_size: Literal[2048, 4096, 8192, 16384]
    base: Unsigned
    kernel_offset: Unsigned
    ramdisk_offset: Unsigned
    tags_offset: Unsigned
    second_offset: Unsigned | None = None
    header_trusted: bool | None = None


class Carry(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Properties of the bootloader's device tree a guest must get too; a name may end in `*`."""

    node: Annotated[str, Meta(pattern=r"^/[^\s]*$", max_length=200)]
    properties: Annotated[tuple[Text, ...], Meta(min_length=1)]


class Dtb(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How this phone's kernels get their device tree.

    Attributes:
        kind: `live`: from the bootloader; `appended`: behind the zImage; `section`: in the boot image.
        rule: What tells the right one among several.
    """

    kind: Literal["live", "appended", "section"]
    rule: Literal["compatible", "msm-id"] = "compatible"
    carry: tuple[Carry, ...] = ()


class Reset(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How the relocation code resets the SoC so that RAM survives; `mmio` writes `value` to `address`."""

    method: Literal["psci", "mmio"]
    address: Unsigned | None = None
    value: Unsigned | None = None


class Cmdline(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What the bootloader does to the kernel command line, in words."""

    notes: tuple[Text, ...] = ()


class Evidence(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Where a fact was read and how far it can be trusted; for an unknown one, how to find it."""

    status: Known
    source: Text


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
    reset: Reset
    partitions: dict[Word, Partition]
    image: Image
    dtb: Dtb
    cmdline: Cmdline = Cmdline()
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
        """The hardboot page."""
        return Range.sized(self.hardboot.page, self.hardboot.page_size, "hardboot page")

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


def parse(data: bytes, origin: str) -> Profile:
    """The profile in `data`; `origin` names the file in errors.

    Raises:
        InputError: If it is no TOML, or a key or value is wrong.
    """
    try:
        text = data.decode()
        document = tomllib.loads(text)
    except UnicodeDecodeError as error:
        raise wrong(origin, f"byte {error.start} is not UTF-8") from error
    except tomllib.TOMLDecodeError as error:
        raise _syntax(origin, text, str(error)) from error
    except RecursionError as error:
        raise wrong(origin, "nested too deeply") from error
    problem = _unknown_key(document, msgspec.inspect.type_info(Profile), "")
    if problem:
        raise wrong(origin, problem)
    try:
        profile = msgspec.convert(document, Profile)
    except msgspec.ValidationError as error:
        raise wrong(origin, _in_toml_words(str(error))) from error
    return profile


def wrong(origin: str, what: str) -> InputError:
    """The error for a profile that is wrong; `origin` names its file."""
    return InputError(
        f"{origin}: {what}",
        unchanged="Nothing was sent.",
        fix="Correct the profile; hardboot devices check FILE tests it.",
    )


def _syntax(origin: str, text: str, message: str) -> InputError:
    place = re.search(r"at line (\d+), column \d+", message)
    line = text.split("\n")[int(place[1]) - 1].strip() if place else ""
    hint = ""
    bare_hex = re.search(r"=\s*(?!0[xobXOB])(\d[0-9_]*[A-Fa-f][0-9A-Fa-f_]*)\b", line)
    if re.search(r"0[xX]0[xX]", line):
        hint = "; 0x is there twice"
    elif bare_hex:
        hint = f"; a hex number starts with 0x: 0x{bare_hex[1]}"
    elif re.search(r"\b0X", line):
        hint = "; write 0x with a small x"
    return wrong(origin, f"not TOML: {message}" + (f": {line[:80]!r}" if line else "") + hint)


def _unknown_key(value: Any, kind: msgspec.inspect.Type, path: str) -> str | None:
    """The first key the schema does not have, with the nearest one it has; None if there is none."""
    if isinstance(kind, msgspec.inspect.UnionType):
        kind = next((one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType)), kind)
    if isinstance(kind, msgspec.inspect.StructType) and isinstance(value, dict):
        known = {one.encode_name: one.type for one in kind.fields}
        for key, child in value.items():
            if key not in known:
                near = difflib.get_close_matches(key, known, n=1, cutoff=0.0)
                return f"unknown key {path}{key}; the nearest known key is {path}{near[0]}"
            problem = _unknown_key(child, known[key], f"{path}{key}.")
            if problem:
                return problem
    elif isinstance(kind, msgspec.inspect.DictType) and isinstance(value, dict):
        children: Iterator[tuple[str, Any, msgspec.inspect.Type]] = (
            (key, child, kind.value_type) for key, child in value.items()
        )
        return next((p for key, c, t in children if (p := _unknown_key(c, t, f"{path}{key}."))), None)
    elif isinstance(kind, msgspec.inspect.VarTupleType) and isinstance(value, list):
        found = (_unknown_key(child, kind.item_type, f"{path}{at}.") for at, child in enumerate(value))
        return next((problem for problem in found if problem), None)
    return None


def _in_toml_words(message: str) -> str:
    """msgspec's message without its JSON words."""
    message = message.replace("Object missing required field", "missing key")
    message = (
        message.replace("`array`", "a list").replace("`object`", "a table").replace("`int`", "an integer")
    )
    return re.sub(r" - at `\$\.?([^`]*)`", r" (at \1)", message).replace(" (at )", "")
