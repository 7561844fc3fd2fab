"""Apply patches to a kernel tree and revert them, all or nothing.

Patches are applied to copies in memory first; files are written only if every hunk of every patch applies
exactly. git is not used: a tree inside a repository, below another one, and without one are treated alike.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from hardboot.base.errors import RefusedError
from hardboot.patches.catalog import find_for
from hardboot.patches.compare import (
    Comparison,
    Offset,
    Patches,
    PatchState,
    compare,
    compare_series,
    find_mixture,
)
from hardboot.patches.series import (
    CONFIG_MARK,
    CONFIG_NAME,
    Arch,
    ProfileValues,
    Series,
    fragment_phone,
    same_options,
)
from hardboot.patches.status import status
from hardboot.patches.tree import Tree, Version

_OTHER_SOURCE = "Use a source tree that it was made for, without changes to these lines."
_REVERT_OTHER = "Revert the other author's patch first; `hardboot patch status TREE` shows where it is."


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, or would be: `files` are those that change, without the config fragment."""

    overall: PatchState
    name: str
    version: Version
    files: tuple[str, ...]
    offsets: tuple[Offset, ...] = ()


def apply_series(root: Path, series: Series, phone: ProfileValues, *, dry_run: bool = False) -> Report:
    """Apply `series` to the tree at `root` and write the config fragment; keep the files of a patched tree.

    What was cut off between two files is completed.

    Args:
        root: Top of a kernel source tree.
        series: What to apply.
        phone: Values of the profile, for the config fragment.
        dry_run: Check everything, write nothing.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If the version is not covered, the series is partly applied or does not apply, it
            needs a value that the profile lacks, or the tree is set up for another phone.
    """
    tree = Tree(root)
    now = compare_series(tree, series)
    _check_other_series(tree, series, now)
    every_place = f"Every place: hardboot patch check {series.name} --tree TREE"
    rest = _resolve(tree, series, now, "absent")
    contents = _contents(tree, series.name, rest, "absent", f"{_OTHER_SOURCE} {every_place}")
    if now.overall == "absent":
        _check_author(tree)
    changed = tuple(contents)
    before = tree.read(CONFIG_NAME)
    if before is not None and not before.startswith(CONFIG_MARK):
        raise RefusedError(
            f"{root / CONFIG_NAME} exists and was not written by hardboot",
            state="The tree is unchanged.",
            fix="Rename it: hardboot writes the options of the series to a file of this name.",
        )
    fragment = series.config_fragment(phone)
    if before is not None and now.overall == "applied":
        _check_phone(root, before, fragment)
    if before != fragment:
        contents[CONFIG_NAME] = fragment
    if not dry_run:
        tree.write(contents, rest.executable)
    return Report(now.overall if dry_run else "applied", series.name, tree.version(), changed, now.offsets)


def _resolve(tree: Tree, series: Series, now: Comparison, state: PatchState) -> Comparison:
    """Return a partly applied series as one in `state`, absent or applied, if it was only cut off."""
    mixture = find_mixture(tree, series.read()) if now.overall == "partial" else None
    if mixture is None:
        return now
    contents = mixture.to_apply if state == "absent" else mixture.to_revert
    return replace(now, overall=state, contents=contents, executable=mixture.executable)


def _check_other_series(tree: Tree, series: Series, now: Comparison) -> None:
    """Refuse a tree that has the series for another architecture, with which `series` shares patches."""
    if now.overall != "partial":
        return
    others = (find_for(tree, arch) for arch in get_args(Arch) if arch != series.arch)
    for other in others:
        if other and compare(tree, other.read()).overall == "applied":
            raise RefusedError(
                f"{tree.root} has {other.name}, which shares patches with {series.name}",
                state="The tree is unchanged.",
                fix="Use another copy of the tree, or first: hardboot patch revert TREE",
            )


def _check_author(tree: Tree) -> None:
    """Refuse to add the series to what is left of another author's: both may fit, and define the same."""
    found = status(tree.root)
    if found.author == "foreign":
        place = next(place for place in found.places if place.state in ("foreign", "damaged"))
        raise RefusedError(
            f"{tree.root} has hardboot support by another author: {place.file}, line {place.line}",
            state="The tree is unchanged.",
            fix=_REVERT_OTHER,
        )


def _check_phone(root: Path, before: bytes, fragment: bytes) -> None:
    """Refuse to give a patched tree, which may have been built, the options of another phone unasked."""
    old, new = fragment_phone(before), fragment_phone(fragment)
    if old != new and not same_options(before, fragment):
        raise RefusedError(
            f"{root} is set up for {old}, and {new} needs other kernel options",
            state="The tree is unchanged.",
            fix="Use another copy of the tree, or first: hardboot patch revert TREE",
        )


def revert_series(root: Path, series: Series) -> Report:
    """Remove `series` and the config fragment from the tree at `root`; a tree without them stays as it is.

    What was cut off between two files is removed.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If the version is not covered, or the series is partly applied or was edited.
    """
    tree = Tree(root)
    now = compare_series(tree, series)
    _check_other_series(tree, series, now)
    now = _resolve(tree, series, now, "applied")
    contents = _contents(tree, series.name, now, "applied")
    changed = tuple(contents)
    before = tree.read(CONFIG_NAME)
    if before is not None and before.startswith(CONFIG_MARK):
        contents[CONFIG_NAME] = None
    tree.write(contents, now.executable)
    return Report("absent", series.name, tree.version(), changed)


def apply_patches(root: Path, name: str, patches: Patches, *, dry_run: bool = False) -> Report:
    """Apply any patches to the tree at `root`, without a config fragment; `name` is for messages.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If they are partly applied or do not apply.
    """
    return _change(root, name, patches, "absent", dry_run=dry_run)


def revert_patches(root: Path, name: str, patches: Patches) -> Report:
    """Remove any patches from the tree at `root`; `name` is for messages.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If they are partly applied or were edited.
    """
    return _change(root, name, patches, "applied", dry_run=False)


_OTHER: dict[Literal["absent", "applied"], PatchState] = {"absent": "applied", "applied": "absent"}


def _change(
    root: Path, name: str, patches: Patches, state: Literal["absent", "applied"], *, dry_run: bool
) -> Report:
    tree = Tree(root)
    version = tree.version()
    now = compare(tree, patches)
    contents = _contents(tree, name, now, state)
    if not dry_run:
        tree.write(contents, now.executable)
    return Report(now.overall if dry_run else _OTHER[state], name, version, tuple(contents), now.offsets)


def _contents(
    tree: Tree, name: str, now: Comparison, state: PatchState, conflict_fix: str = _OTHER_SOURCE
) -> dict[str, bytes | None]:
    """Return what to write to get from `state`, absent or applied, to the other; nothing if it is there."""
    if now.overall == state:
        return dict(now.contents)
    if now.overall in ("applied", "absent"):
        return {}
    problems = [str(problem) for patch in now.patches for problem in patch.problems]
    problems += [f"{patch.name} is not applied" for patch in now.patches if patch.state == "absent"]
    if state == "applied" and now.not_reverted:
        problems.insert(0, str(now.not_reverted))
    what = "is only partly applied" if now.overall == "partial" else "does not apply"
    if state == "applied":
        what = "cannot be reverted"
    fix = "Start from a fresh source tree; `hardboot patch status TREE` lists every place."
    if now.overall == "conflict" and state == "absent":
        fix = conflict_fix
    if status(tree.root).author == "foreign":
        fix = _REVERT_OTHER
    raise RefusedError(f"{name} {what}: {problems[0]}", state="The tree is unchanged.", fix=fix)
