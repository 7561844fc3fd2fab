"""Series of kernel patches: what patches/*/series.toml says, read strictly, and which one covers a kernel."""

from pathlib import Path, PurePosixPath
from typing import Literal

import msgspec

from hardboot import files
from hardboot.errors import InputError, RefusedError
from hardboot.patches import unified
from hardboot.patches.tree import Version

CONFIG_MARK = b"# Written by `hardboot patch apply`; `hardboot patch revert` removes it.\n"
_PATCH_LIMIT = 4 << 20  # bytes
_SERIES_LIMIT = 64 << 10  # bytes


class Kernels(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Kernel versions `min` <= v < `below`, each as "MAJOR.MINOR"."""

    min: str
    below: str

    def cover(self, version: Version) -> bool:
        """True if `version` is one of them."""
        return _minor(self.min) <= version[:2] < _minor(self.below)

    def __str__(self) -> str:
        return f"{self.min} up to, not including, {self.below}"


class Config(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Kernel options, without CONFIG_: those always set, and those whose value the profile gives."""

    always: dict[str, Literal["y"]]
    profile: dict[str, Literal["page", "page_size"]]


class Series(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One folder in patches/.

    Attributes:
        flavour: Empty for mainline.
        abi_version: Of the record and of /sys/kernel/kexec_hardboot.
        flag: The bit for kexec_load(2).
        host_abi: What the patched kernel does with the record; a profile's `hardboot.host_abi`.
        reset: How it resets the machine; a profile's `reset.method`.
    """

    name: str
    arch: Literal["arm", "arm64"]
    flavour: str
    kernels: Kernels
    abi_version: int
    flag: int
    host_abi: str
    reset: str
    author: str
    licence: str
    patches: tuple[str, ...]
    config: Config

    def read(self) -> dict[str, tuple[unified.FilePatch, ...]]:
        """The patches in their order: what each does, by name.

        Raises:
            InputError: If a patch cannot be read.
        """
        folder = files.data_dir("patches") / self.name
        return {
            name: unified.parse(files.read_bytes(folder / name, limit=_PATCH_LIMIT), f"{self.name}/{name}")
            for name in self.patches
        }

    def config_fragment(self, *, page: int, page_size: int) -> bytes:
        """The kernel options this series needs, for a hardboot page of `page_size` bytes at `page`."""
        values = {"page": page, "page_size": page_size}
        lines = [f"CONFIG_{symbol}={value}\n" for symbol, value in self.config.always.items()]
        lines += [f"CONFIG_{symbol}={values[field]:#x}\n" for symbol, field in self.config.profile.items()]
        return CONFIG_MARK + "".join(lines).encode()


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
    for patch in series.patches:
        if PurePosixPath(patch).name != patch or not (path.parent / patch).is_file():
            raise _bad(path, f"there is no patch {patch!r} beside it")
    return series


def all_series() -> list[Series]:
    """Every series that ships with hardboot, by name.

    Raises:
        InputError: If a series.toml is not valid.
    """
    return [load(path.parent.name) for path in sorted(files.data_dir("patches").glob("*/series.toml"))]


def find(arch: str | None, version: Version) -> Series:
    """The series for kernel `version`; `arch` None takes the only architecture there is one for.

    Raises:
        RefusedError: If there is none, or more than one.
    """
    known = all_series()
    found = [item for item in known if arch in (None, item.arch) and item.kernels.cover(version)]
    if len(found) == 1:
        return found[0]
    if found:
        raise RefusedError(
            f"more than one series covers Linux {dotted(version)}: {', '.join(item.name for item in found)}",
            unchanged="Nothing was changed.",
            fix="Name the phone with --device: its profile tells which one.",
        )
    covered = "; ".join(f"{item.arch} {item.kernels}" for item in known)
    raise RefusedError(
        f"no series covers Linux {dotted(version)}{f' for {arch}' if arch else ''}",
        unchanged="Nothing was changed.",
        fix=f"Use a kernel that is covered ({covered}), or port a series: docs/kernel-patches.md.",
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
    return InputError(f"{path}: {what}", unchanged="Nothing was changed.", fix="Correct this file.")
