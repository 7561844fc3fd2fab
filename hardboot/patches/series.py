"""A series of kernel patches, as patches/*/series.toml describes it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

import msgspec

from hardboot.base import files
from hardboot.base.errors import InputError, RefusedError
from hardboot.patches import dotconfig, unified
from hardboot.patches.tree import Tree, Version

CONFIG_NAME = "hardboot.config"  # the config fragment, at the top of the tree
CONFIG_MARK = b"# Written by `hardboot patch apply`; `hardboot patch revert` removes it.\n"
_PATCH_LIMIT = 4 << 20  # bytes

_FOR = b"# For "  # begins the line that names the profile

ProfileValues = Mapping[str, int | str | None]  # by the names of `Number` and `Choice`; None: unknown


class KernelRange(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Kernel versions `min` <= v < `below`, each as "MAJOR.MINOR"."""

    min: str
    below: str

    def __post_init__(self) -> None:
        """Refuse a range without versions; msgspec adds where it stands to the ValueError."""
        if _minor(self.min) >= _minor(self.below):
            raise ValueError(f"no version is at least {self.min} and below {self.below}")

    def cover(self, version: Version) -> bool:
        """Return whether `version` is in the range."""
        return _minor(self.min) <= version[:2] < _minor(self.below)

    def __str__(self) -> str:
        """Return the versions, for messages."""
        major, minor = _minor(self.min)
        one = _minor(self.below) == (major, minor + 1)
        return self.min if one else f"{self.min} up to but not including {self.below}"


Arch = Literal["arm", "arm64"]
Number = Literal[
    "hardboot.page",
    "hardboot.page_size",
    "hardboot.kernel_loc",
    "hardboot.dtb_loc",
    "kernel.params",
    "kernel.phys_offset",
    "kernel.zreladdr",
    "mem_min",
    "reset.address",
    "reset.set_bits",
    "reset.value",
]
Choice = Literal["dtb.kind", "hardboot.host_abi", "reset.method", "soc"]
Place = Literal[
    "flag", "kimage", "load", "prepare", "relocation", "decompressor", "reservation", "kconfig", "reset"
]


class Options(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Kernel options, without CONFIG_: `set` to a value given here, or to that of a `profile` field."""

    set: dict[str, Literal["y", "n"]] = {}
    profile: dict[str, Number] = {}


class When(Options, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options of phones whose profile has one of the values `is` in `field`; without `is`, any value."""

    field: Choice | Number
    values: tuple[str, ...] = msgspec.field(name="is", default=())

    def holds(self, phone: ProfileValues) -> bool:
        """Return whether a phone with these profile values needs the options."""
        value = phone.get(self.field)
        return value in self.values if self.values else value is not None


class SeriesConfig(Options, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options that a series needs: those of every phone, and those of some."""

    when: tuple[When, ...] = ()


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Trees in which other patches replace some of the series.

    Attributes:
        has: The path by which such a tree is recognised; empty if only its version counts.
        containing: What that file has in it; empty: anything.
        kernels: The versions of such trees; None: all that the series covers.
        instead: The replacement, by the name of the patch that it replaces.
        places: Where places of the feature are then, if elsewhere.
        reset: The reset methods of such trees' kernels, if other than those of the series.
        set: Their options for every phone, if other than those of the series.
    """

    has: str = ""
    containing: str = ""
    kernels: KernelRange | None = None
    instead: dict[str, str]
    places: dict[Place, tuple[str, ...]] = {}
    reset: tuple[str, ...] = ()
    set: dict[str, Literal["y", "n"]] = {}

    def __post_init__(self) -> None:
        """Refuse a variant that every tree is of; msgspec adds where it stands to the ValueError."""
        if not self.has and (self.containing or self.kernels is None):
            raise ValueError("a variant needs `has`, or `kernels` without `containing`")

    def matches(self, tree: Tree) -> bool:
        """Return whether `tree` is of this variant."""
        if self.kernels and not self.kernels.cover(tree.version()):
            return False
        if self.containing:
            return self.containing.encode() in (tree.read(self.has) or b"")
        return not self.has or tree.has(self.has)


class Tried(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A source tree on which the series was tried; the test record says how.

    Attributes:
        tree: Repository, or the package of a distribution.
        commit: Of the repository, at least ten digits; empty for a package.
        kernel: Its version, with the sublevel.
        soc: Chip of the phones that it is for, with its maker; empty if it is for none.
        result: How far it was taken; each includes those before it.
    """

    tree: str
    commit: str = ""
    kernel: str
    soc: str = ""
    result: Literal["applied", "compiled", "booted"]


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One folder in patches/.

    Attributes:
        requires: Paths that a tree of this flavour has; empty for mainline.
        abi_version: Version of the record and of /sys/kernel/kexec_hardboot.
        flag: The bit for kexec_load(2).
        host_abi: What the patched kernel can do with the record; values of a profile's `hardboot.host_abi`.
        reset: How it can reset the machine; values of a profile's `reset.method`.
        places: The files of each place of the feature.
        variants: What is different in some trees; see `for_tree`.
        tried: The trees on which it was tried.
    """

    name: str
    arch: Arch
    requires: tuple[str, ...] = ()
    kernels: KernelRange
    abi_version: int
    flag: Literal[0x4, 0x8000]
    host_abi: tuple[str, ...]
    reset: tuple[str, ...]
    author: str
    licence: Literal["GPL-2.0-only"]
    patches: tuple[str, ...]
    places: dict[Place, tuple[str, ...]]
    config: SeriesConfig
    variants: tuple[Variant, ...] = msgspec.field(name="variant", default=())
    tried: tuple[Tried, ...] = ()

    def for_tree(self, tree: Tree) -> "Series":
        """Return the series with the first variant that `tree` is of, if there is one."""
        variant = next((item for item in self.variants if item.matches(tree)), None)
        if variant is None:
            return self
        return msgspec.structs.replace(
            self,
            patches=tuple(variant.instead.get(name, name) for name in self.patches),
            places={**self.places, **variant.places},
            reset=variant.reset or self.reset,
            config=msgspec.structs.replace(self.config, set=variant.set or self.config.set),
            variants=(),
        )

    @property
    def resets(self) -> tuple[str, ...]:
        """The reset methods of all its kernels, variants too."""
        methods = (*self.reset, *(method for variant in self.variants for method in variant.reset))
        return tuple(dict.fromkeys(methods))

    def covers(self) -> str:
        """Return the kernels that it covers, for messages."""
        return f"{self.kernels}{''.join(f', with {path}' for path in self.requires)}"

    def read(self) -> dict[str, tuple[unified.FilePatch, ...]]:
        """Read the patches: the changes of each, by name, in their order.

        Raises:
            InputError: If a patch cannot be read, or a place is in no file that they change.
        """
        folder = files.data_dir("patches") / self.name
        read = {
            name: unified.parse(files.read_bytes(folder / name, limit=_PATCH_LIMIT), f"{self.name}/{name}")
            for name in self.patches
        }
        touched = {patch.path for parts in read.values() for patch in parts}
        for place, paths in self.places.items():
            for path in paths:
                if path not in touched:
                    raise invalid(
                        folder / "series.toml", f"no patch changes {path}, a file of [places] {place}"
                    )
        return read

    def config_fragment(self, phone: ProfileValues) -> bytes:
        """Return the kernel options that the series needs on a phone with these profile values.

        Raises:
            RefusedError: If the profile lacks a value that is needed.
        """
        lines = [f"# For {phone['name']}\n"] if phone.get("name") else []
        for options in (self.config, *(when for when in self.config.when if when.holds(phone))):
            lines += [_option(symbol, value) for symbol, value in options.set.items()]
            for symbol, name in options.profile.items():
                value = phone.get(name)
                if not isinstance(value, int):
                    raise RefusedError(
                        f"{self.name} needs {name} for CONFIG_{symbol}, and the profile does not have it",
                        state="The tree is unchanged.",
                        fix="Add it to the profile; `hardboot devices show NAME` says how to find it.",
                    )
                lines.append(_option(symbol, f"{value:#x}"))
        return CONFIG_MARK + "".join(lines).encode()


def same_options(one: bytes, other: bytes) -> bool:
    """Return whether two config fragments set the same options, whatever their comments say."""
    return dotconfig.parse_all(one.decode("latin-1")) == dotconfig.parse_all(other.decode("latin-1"))


def fragment_phone(fragment: bytes) -> str:
    """Return the name of the profile that `fragment` was written for."""
    lines = (line for line in fragment.split(b"\n") if line.startswith(_FOR))
    return next(lines, b"").removeprefix(_FOR).decode(errors="replace") or "another profile"


def _option(symbol: str, value: str) -> str:
    return f"# CONFIG_{symbol} is not set\n" if value == "n" else f"CONFIG_{symbol}={value}\n"


def _minor(text: str) -> tuple[int, int]:
    major, dot, minor = text.partition(".")
    if not (dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise ValueError(f'kernel versions are "MAJOR.MINOR", not {text!r}')
    return int(major), int(minor)


def invalid(path: Path, what: str) -> InputError:
    """Return the error for a series.toml that breaks a rule."""
    return InputError(f"{path}: {what}", state="Nothing was changed.", fix="Correct this file.")
