"""Patches into a tree and out of it: all or nothing.

They are fitted to copies in memory first, and files are written only if every hunk of every patch fits
exactly. git is not asked: a tree is the same inside a repository, below another one, and without one.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardboot.base.errors import RefusedError
from hardboot.patches import series as known
from hardboot.patches.series import CONFIG_MARK, CONFIG_NAME, Series, Values, dotted
from hardboot.patches.survey import Offset, State, Survey, take
from hardboot.patches.tree import Tree, Version
from hardboot.patches.unified import FilePatch

Parts = Mapping[str, Sequence[FilePatch]]  # patches by name, in the order in which they go in


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, or would be: `files` are those that changed, without the config fragment."""

    overall: State
    name: str
    version: Version
    files: tuple[str, ...]
    offsets: tuple[Offset, ...] = ()


def find(tree: Path, arch: str | None = None) -> Series:
    """The series for the kernel tree at `tree`; `arch` None takes the one that is there, else the first.

    Those for two architectures share patches: one that is there as a whole comes before one that is in part.

    Raises:
        InputError: If this is not the top of a kernel tree.
        RefusedError: If there is none.
    """
    source = Tree(tree)
    found = known.find(source, arch)
    if len(found) == 1:
        return found[0]
    # Series of one version share patches: one that is there whole comes before one that is there in part.
    order: tuple[State, ...] = ("applied", "partial", "conflict", "absent")
    return min(found, key=lambda item: order.index(take(source, item.read()).overall))


def survey(tree: Path, series: Series) -> Survey:
    """What `tree` holds of `series`, patch by patch; nothing is changed.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read.
        RefusedError: If the tree's version is not covered, or a file is not a regular one inside the tree.
    """
    return _survey(Tree(tree), series)[1]


def _survey(source: Tree, series: Series) -> tuple[Version, Survey]:
    version = source.version()
    if not series.kernels.cover(version):
        raise RefusedError(
            f"{source.root} is Linux {dotted(version)}; {series.name} covers {series.kernels}",
            state="Nothing was changed.",
            fix="Use a kernel that the series covers; `hardboot patch list` shows all.",
        )
    return version, take(source, series.read())


def apply(tree: Path, series: Series, phone: Values, *, dry_run: bool = False) -> Report:
    """Put `series` into `tree` and write the config fragment; a tree that has it keeps its files.

    Args:
        tree: Top of a kernel source tree.
        series: What to apply.
        phone: What the profile says, for the config fragment.
        dry_run: Check everything, write nothing.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If the version is not covered, the series is there in part or does not fit, or it needs
            a value that the profile lacks.
    """
    source = Tree(tree)
    version, now = _survey(source, series)
    contents = _contents(tree, series.name, now, "absent")
    changed = tuple(contents)
    before = source.read(CONFIG_NAME)
    if before is not None and not before.startswith(CONFIG_MARK):
        raise RefusedError(
            f"{tree / CONFIG_NAME} exists and was not written by hardboot",
            state="Nothing was changed.",
            fix="Move it away; its name is needed for the options of this series.",
        )
    fragment = series.config_fragment(phone)
    if before != fragment:
        contents[CONFIG_NAME] = fragment
    if not dry_run:
        source.write(contents, now.executable)
    return Report(now.overall if dry_run else "applied", series.name, version, changed, now.offsets)


def revert(tree: Path, series: Series) -> Report:
    """Take `series` and the config fragment out of `tree`; a tree without them stays as it is.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If the version is not covered, or the series is there in part or was changed.
    """
    source = Tree(tree)
    version, now = _survey(source, series)
    contents = _contents(tree, series.name, now, "applied")
    changed = tuple(contents)
    before = source.read(CONFIG_NAME)
    if before is not None and before.startswith(CONFIG_MARK):
        contents[CONFIG_NAME] = None
    source.write(contents, now.executable)
    return Report("absent", series.name, version, changed)


def apply_parts(tree: Path, name: str, parts: Parts, *, dry_run: bool = False) -> Report:
    """Put any patches into `tree`, like a series but without options; `name` is for messages.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If they are there in part or do not fit.
    """
    return _change(tree, name, parts, "absent", dry_run=dry_run)


def revert_parts(tree: Path, name: str, parts: Parts) -> Report:
    """Take any patches out of `tree`.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If they are there in part or were changed.
    """
    return _change(tree, name, parts, "applied", dry_run=False)


def _change(tree: Path, name: str, parts: Parts, state: State, *, dry_run: bool) -> Report:
    source = Tree(tree)
    version = source.version()
    now = take(source, parts)
    contents = _contents(tree, name, now, state)
    if not dry_run:
        source.write(contents, now.executable)
    other: State = "applied" if state == "absent" else "absent"
    return Report(now.overall if dry_run else other, name, version, tuple(contents), now.offsets)


def _contents(tree: Path, name: str, now: Survey, state: State) -> dict[str, bytes | None]:
    """What to write to leave `state`, one of absent and applied, for the other; nothing if that is there."""
    if now.overall == state:
        return dict(now.contents)
    if now.overall in ("applied", "absent"):
        return {}
    from hardboot.patches.status import status  # slow to load, and only a refusal needs it

    problems = [str(problem) for patch in now.patches for problem in patch.problems]
    problems += [f"{patch.name} is not applied" for patch in now.patches if patch.state == "absent"]
    what = "is there only in part" if now.overall == "partial" else "does not fit"
    fix = "`hardboot patch status TREE` shows every place; start from a fresh source tree."
    if status(tree).author == "foreign":
        fix = "Take the other author's patch out first; `hardboot patch status TREE` shows its places."
    raise RefusedError(f"{name} {what}: {problems[0]}", state="Nothing was changed.", fix=fix)
