"""Series of kernel patches: what patches/*/series.toml says, read strictly, and which one covers a kernel."""

from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal, get_args

import msgspec

from hardboot.base import files
from hardboot.base.errors import InputError, RefusedError
from hardboot.patches import unified
from hardboot.patches.tree import Tree, Version

CONFIG_NAME = "hardboot.config"  # the config fragment, at the top of the tree
CONFIG_MARK = b"# Written by `hardboot patch apply`; `hardboot patch revert` removes it.\n"
_PATCH_LIMIT = 4 << 20  # bytes
_SERIES_LIMIT = 64 << 10  # bytes

Values = Mapping[str, int | str | None]  # what a profile says, by the names below; None: unknown


class Kernels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Kernel versions `min` <= v < `below`, each as "MAJOR.MINOR"."""

    min: str
    below: str

    def cover(self, version: Version) -> bool:
        """True if `version` is one of them."""
        return _minor(self.min) <= version[:2] < _minor(self.below)

    def __str__(self) -> str:
        return f"{self.min} up to, not including, {self.below}"


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
    """Kernel options, without CONFIG_: `set` to what stands here, or to what `profile` field they name."""

    set: dict[str, Literal["y", "n"]] = {}
    profile: dict[str, Number] = {}


class When(Options, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Options for those phones whose profile has one of the values `is` in `field`; without `is`, any."""

    field: Choice | Number
    values: tuple[str, ...] = msgspec.field(name="is", default=())

    def holds(self, phone: Values) -> bool:
        """True for a phone with these profile values."""
        value = phone.get(self.field)
        return value in self.values if self.values else value is not None


class Config(Options, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """The options a series needs: of every phone, and of some."""

    when: tuple[When, ...] = ()


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Trees that need other patches in place of some.

    Attributes:
        has: The path by which such a tree is known.
        instead: The patch that replaces one of the series, by the latter's name.
        places: Where parts of the feature live then, if elsewhere.
        reset: How kernels of such trees can reset the machine, if not as those of the series.
    """

    has: str
    instead: dict[str, str]
    places: dict[Place, tuple[str, ...]] = {}
    reset: tuple[str, ...] = ()


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One folder in patches/.

    Attributes:
        requires: Paths that a tree of this flavour has; empty for mainline.
        abi_version: Of the record and of /sys/kernel/kexec_hardboot.
        flag: The bit for kexec_load(2).
        host_abi: What the patched kernel can do with the record; values of a profile's `hardboot.host_abi`.
        reset: How it can reset the machine; values of a profile's `reset.method`.
        places: The files in which each part of the feature lives.
        variants: What is different in some trees; `for_tree` takes it into account.
    """

    name: str
    arch: Arch
    requires: tuple[str, ...] = ()
    kernels: Kernels
    abi_version: int
    flag: Literal[0x4, 0x8000]
    host_abi: tuple[str, ...]
    reset: tuple[str, ...]
    author: str
    licence: Literal["GPL-2.0-only"]
    patches: tuple[str, ...]
    places: dict[Place, tuple[str, ...]]
    config: Config
    variants: tuple[Variant, ...] = msgspec.field(name="variant", default=())

    def for_tree(self, tree: Tree) -> "Series":
        """The series as it is for `tree`: with the first variant that it is of, if there is one."""
        variant = next((item for item in self.variants if tree.has(item.has)), None)
        if variant is None:
            return self
        return msgspec.structs.replace(
            self,
            patches=tuple(variant.instead.get(name, name) for name in self.patches),
            places={**self.places, **variant.places},
            reset=variant.reset or self.reset,
            variants=(),
        )

    @property
    def resets(self) -> tuple[str, ...]:
        """How the kernels of all its trees can reset the machine, each way once."""
        return tuple(dict.fromkeys((*self.reset, *(way for one in self.variants for way in one.reset))))

    def covers(self) -> str:
        """The kernels it is for, in words."""
        return f"{self.kernels}{''.join(f', with {path}' for path in self.requires)}"

    def read(self) -> dict[str, tuple[unified.FilePatch, ...]]:
        """The patches in their order: what each does, by name.

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
                    raise _bad(folder / "series.toml", f"no patch changes {path}, the place of the {place}")
        return read

    def config_fragment(self, phone: Values) -> bytes:
        """The kernel options this series needs on a phone with these profile values.

        Raises:
            RefusedError: If the profile does not have a value that is needed.
        """
        lines = []
        for options in (self.config, *(when for when in self.config.when if when.holds(phone))):
            lines += [_option(symbol, value) for symbol, value in options.set.items()]
            for symbol, name in options.profile.items():
                value = phone.get(name)
                if not isinstance(value, int):
                    raise RefusedError(
                        f"{self.name} needs {name} for CONFIG_{symbol}; the profile does not have it",
                        state="Nothing was changed.",
                        fix="Add it to the profile; `hardboot devices show NAME` says how to find it.",
                    )
                lines.append(_option(symbol, f"{value:#x}"))
        return CONFIG_MARK + "".join(lines).encode()


def _option(symbol: str, value: str) -> str:
    return f"# CONFIG_{symbol} is not set\n" if value == "n" else f"CONFIG_{symbol}={value}\n"


def load(name: str) -> Series:
    """The series in patches/`name`.

    Raises:
        InputError: If series.toml breaks a rule, or a patch it lists is not there.
    """
    path = files.data_dir("patches") / name / "series.toml"
    try:
        series = msgspec.toml.decode(files.read_bytes(path, limit=_SERIES_LIMIT), type=Series)
        covers = _minor(series.kernels.min) < _minor(series.kernels.below)
    except (ValueError, UnicodeDecodeError) as error:  # msgspec's own errors are ValueErrors
        raise _bad(path, str(error)) from error
    if series.name != name:
        raise _bad(path, f"the name is {series.name!r}, the folder {name!r}")
    if not covers:
        raise _bad(path, f"no version lies in {series.kernels}")
    if not series.patches or len(set(series.patches)) != len(series.patches):
        raise _bad(path, "it lists no patch, or one twice")
    replaced = {name: new for variant in series.variants for name, new in variant.instead.items()}
    unknown = sorted(replaced.keys() - set(series.patches))
    if unknown:
        raise _bad(path, f"a variant replaces {unknown[0]!r}, which is not in the series")
    for patch in (*series.patches, *replaced.values()):
        if PurePosixPath(patch).name != patch or not (path.parent / patch).is_file():
            raise _bad(path, f"there is no patch {patch!r} beside it")
    missing = [place for place in get_args(Place) if not series.places.get(place)]
    if missing:
        raise _bad(path, f"it does not say where these are: {', '.join(missing)}")
    return series


def all_series() -> list[Series]:
    """Every series that ships with hardboot, by name.

    Raises:
        InputError: If a series.toml is not valid.
    """
    return [load(path.parent.name) for path in sorted(files.data_dir("patches").glob("*/series.toml"))]


def covering(tree: Tree, arch: str) -> Series | None:
    """The series for `arch` and the version and flavour of `tree`, None if there is none."""
    version = tree.version()
    found = [
        item
        for item in all_series()
        if item.arch == arch and item.kernels.cover(version) and all(map(tree.has, item.requires))
    ]
    special = max(found, key=lambda item: len(item.requires), default=None)
    return special.for_tree(tree) if special else None


def find(tree: Tree, arch: str | None) -> list[Series]:
    """The series for the version and the flavour of `tree`, one of each architecture; `arch` takes one.

    Raises:
        RefusedError: If there is none.
    """
    found = [item for one in get_args(Arch) if arch in (None, one) and (item := covering(tree, one))]
    if found:
        return found
    covered = "; ".join(f"{item.name}: {item.covers()}" for item in all_series())
    version = dotted(tree.version())
    raise RefusedError(
        f"no series covers Linux {version}{f' for {arch}' if arch else ''} as it is in {tree.root}",
        state="Nothing was changed.",
        fix=f"Use a kernel that is covered ({covered}), or write a series: docs/adding-a-series.md.",
    )


def dotted(version: Version) -> str:
    """A version as people write it: 6.1.192."""
    return ".".join(map(str, version))


def _minor(text: str) -> tuple[int, int]:
    major, dot, minor = text.partition(".")
    if not (dot and major.isascii() and major.isdigit() and minor.isascii() and minor.isdigit()):
        raise ValueError(f'a kernel version is written "MAJOR.MINOR", not {text!r}')
    return int(major), int(minor)


def _bad(path: Path, what: str) -> InputError:
    return InputError(f"{path}: {what}", state="Nothing was changed.", fix="Correct this file.")
