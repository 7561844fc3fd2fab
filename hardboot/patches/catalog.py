"""The series that ship with hardboot: load them, and find the one for a tree."""

from pathlib import Path, PurePosixPath
from typing import get_args

import msgspec

from hardboot.base import files
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.similar import did_you_mean
from hardboot.patches.compare import Comparison, PatchState, compare
from hardboot.patches.series import Arch, Place, Series, invalid
from hardboot.patches.tree import Tree, dotted

_LIMIT = 64 << 10  # bytes of a series.toml
_ARM64_KEXEC = 4, 8, 0  # the first version with it: d28f6df1305a ("arm64/kexec: Add core kexec support")
_ARM64_MACHINE_KEXEC = "arch/arm64/kernel/machine_kexec.c"


def names() -> list[str]:
    """Return the names of all series that ship with hardboot, sorted."""
    return sorted(path.parent.name for path in files.data_dir("patches").glob("*/series.toml"))


def load(name: str) -> Series:
    """Load the series in patches/`name`.

    Raises:
        InputError: If there is none, series.toml breaks a rule, or a patch that it lists is missing.
    """
    known = names()
    if name not in known:
        raise InputError(
            f"no series named {name!r}{did_you_mean(name, known)}",
            state="Nothing was changed.",
            fix=f"Use one of: {', '.join(known)}.",
        )
    path = files.data_dir("patches") / name / "series.toml"
    try:
        series = msgspec.toml.decode(files.read_bytes(path, limit=_LIMIT), type=Series)
    except ValueError as error:  # msgspec's errors, and bytes that are not UTF-8
        raise invalid(path, str(error)) from error
    if series.name != name:
        raise invalid(path, f"the name is {series.name!r}, but the folder is {name!r}")
    if not series.patches or len(set(series.patches)) != len(series.patches):
        raise invalid(path, "`patches` is empty or names a patch twice")
    replaced = {name: new for variant in series.variants for name, new in variant.instead.items()}
    unknown = sorted(replaced.keys() - set(series.patches))
    if unknown:
        raise invalid(path, f"a variant replaces {unknown[0]!r}, which is not in the series")
    for patch in (*series.patches, *replaced.values()):
        if PurePosixPath(patch).name != patch or not (path.parent / patch).is_file():
            raise invalid(path, f"there is no patch {patch!r} beside it")
    missing = [place for place in get_args(Place) if not series.places.get(place)]
    if missing:
        raise invalid(path, f"[places] lacks {', '.join(missing)}")
    return series


def load_all() -> list[Series]:
    """Load every series that ships with hardboot, by name.

    Raises:
        InputError: If a series.toml breaks a rule.
    """
    return [load(name) for name in names()]


def find(root: Path, arch: str | None = None) -> Series:
    """Find the series for the kernel tree at `root`; `arch` None: the one that is applied, else the first.

    Series for several architectures share patches: one that is applied comes before one that is partly.

    Raises:
        InputError: If this is not the top of a kernel tree.
        RefusedError: If there is none.
    """
    tree = Tree(root)
    found = [item for one in get_args(Arch) if arch in (None, one) and (item := find_for(tree, one))]
    if not found:
        covered = "; ".join(f"{item.name}: {item.covers()}" for item in load_all())
        fix = f"Use a kernel that is covered ({covered}), or write a series: docs/adding-a-series.md."
        if arch == "arm64" and tree.version() < _ARM64_KEXEC and not tree.has(_ARM64_MACHINE_KEXEC):
            fix = (
                f"This kernel has no kexec for arm64 ({_ARM64_MACHINE_KEXEC} is missing; Linux has it since "
                "4.8). Apply another author's kexec and hardboot: hardboot patch apply TREE --patch FILE."
            )
        like = next(
            (item for one in get_args(Arch) if arch in (None, one) for item in _like(tree, one)), None
        )
        if like:
            missing = _missing_file(tree, like.for_tree(tree))
            fix = f"{like.name} is for this version, but the tree lacks {missing}: check that it is complete."
        raise RefusedError(
            f"no series covers {root} (Linux {dotted(tree.version())}{f', {arch}' if arch else ''})",
            state="The tree is unchanged.",
            fix=fix,
        )
    if len(found) == 1:
        return found[0]
    # Trees for phones may have lost the other architectures.
    found = [item for item in found if not _missing_file(tree, item)] or found
    return min(found, key=lambda item: _distance(compare(tree, item.read())))


_DISTANCE: tuple[PatchState, ...] = ("applied", "partial", "conflict", "absent")


def _distance(now: Comparison) -> tuple[int, int]:
    """Return how far a tree is from having a series, for comparison; of equals, more of one is there."""
    present = sum(patch.state in ("applied", "partial") for patch in now.patches)
    return _DISTANCE.index(now.overall), -present


def find_for(tree: Tree, arch: str) -> Series | None:
    """Return the series for the version and flavour of `tree` on `arch`; None if there is none."""
    found = [
        item
        for item in _like(tree, arch)
        if not item.requires or not _missing_file(tree, item.for_tree(tree))
    ]
    special = max(found, key=lambda item: len(item.requires), default=None)
    return special.for_tree(tree) if special else None


def _like(tree: Tree, arch: str) -> list[Series]:
    """Return the series for the version of `tree` on `arch` whose required folders it has."""
    version = tree.version()
    return [
        item
        for item in load_all()
        if item.arch == arch and item.kernels.cover(version) and all(map(tree.has, item.requires))
    ]


def _missing_file(tree: Tree, series: Series) -> str:
    """Return a file that `series` changes and `tree` lacks; empty if there is none.

    Other makers' trees share some folders.
    """
    patches = [patch for parts in series.read().values() for patch in parts]
    made = {patch.path for patch in patches if patch.creates}
    changed = (patch.old_path for patch in patches if patch.old_path not in made)
    return next((path for path in changed if not tree.has(path)), "")
