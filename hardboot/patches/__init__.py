"""Kernel series in a tree: put one in, ask for it, take it out again.

All or nothing: a series is fitted to copies in memory first, and files are written only if every hunk of
every patch fits exactly.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from hardboot.errors import RefusedError
from hardboot.patches import series, unified
from hardboot.patches.series import CONFIG_MARK, Series, Values, all_series, dotted, load
from hardboot.patches.tree import Tree, Version

__all__ = [
    "CONFIG_NAME",
    "Offset",
    "PatchStatus",
    "Problem",
    "Report",
    "Series",
    "State",
    "Status",
    "Values",
    "Version",
    "all_series",
    "apply",
    "dotted",
    "find",
    "load",
    "revert",
    "status",
]

CONFIG_NAME = "hardboot.config"  # the config fragment, at the top of the tree

State = Literal["applied", "absent", "partial", "conflict"]


@dataclass(frozen=True, slots=True)
class Problem:
    """Where a patch does not fit: `hunk` and `line` count from 1; 0 is the file as a whole."""

    file: str
    hunk: int
    line: int
    reason: str

    def __str__(self) -> str:
        hunk = f", hunk {self.hunk}" if self.hunk else ""
        line = f", line {self.line}" if self.line else ""
        return f"{self.file}{hunk}{line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PatchStatus:
    """What a tree holds of one patch."""

    name: str
    state: State
    problems: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class Status:
    """What a tree holds of a series, read from the content of its files."""

    overall: State
    series: str
    version: Version
    patches: tuple[PatchStatus, ...]


@dataclass(frozen=True, slots=True)
class Offset:
    """A hunk that fits `offset` lines below (negative: above) where the patch names it."""

    patch: str
    file: str
    hunk: int
    offset: int


@dataclass(frozen=True, slots=True)
class Report:
    """What was done, or would be: `files` are those that changed, without the config fragment."""

    overall: State
    series: str
    version: Version
    files: tuple[str, ...]
    offsets: tuple[Offset, ...] = ()


def find(tree: Path, arch: str | None = None) -> Series:
    """The series for the kernel tree at `tree`; `arch` None takes the one that is there, else the first.

    Raises:
        InputError: If this is not the top of a kernel tree.
        RefusedError: If there is none.
    """
    found = series.find(Tree(tree), arch)
    present = (item for item in found if len(found) > 1 and status(tree, item).overall != "absent")
    return next(present, found[0])


def status(tree: Path, series: Series) -> Status:
    """What `tree` holds of `series`; nothing is changed.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read.
        RefusedError: If the tree's version is not covered, or a file is not a regular one inside the tree.
    """
    return _survey(Tree(tree), series).status


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
    survey = _survey(source, series)
    contents, modes = _result(survey, "absent")
    changed = tuple(contents)
    before = source.read(CONFIG_NAME)
    if before is not None and not before.startswith(CONFIG_MARK):
        raise RefusedError(
            f"{tree / CONFIG_NAME} exists and was not written by hardboot",
            unchanged="Nothing was changed.",
            fix="Move it away; its name is needed for the options of this series.",
        )
    fragment = series.config_fragment(phone)
    if before != fragment:
        contents[CONFIG_NAME] = fragment
    if not dry_run:
        source.write(contents, modes)
    overall: State = survey.status.overall if dry_run else "applied"
    return Report(overall, series.name, survey.status.version, changed, survey.offsets)


def revert(tree: Path, series: Series) -> Report:
    """Take `series` and the config fragment out of `tree`; a tree without them stays as it is.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read or written.
        RefusedError: If the version is not covered, or the series is there in part or was changed.
    """
    source = Tree(tree)
    survey = _survey(source, series)
    contents, modes = _result(survey, "applied")
    changed = tuple(contents)
    before = source.read(CONFIG_NAME)
    if before is not None and before.startswith(CONFIG_MARK):
        contents[CONFIG_NAME] = None
    source.write(contents, modes)
    return Report("absent", series.name, survey.status.version, changed)


class _Overlay:
    """Files of a tree, changed in memory."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._disk: dict[str, bytes | None] = {}
        self._now: dict[str, bytes | None] = {}
        self.executable: dict[str, bool] = {}

    def read(self, path: str) -> bytes | None:
        if path not in self._now:
            self._disk[path] = self._now[path] = self._tree.read(path)
        return self._now[path]

    def fit(self, patches: Sequence[unified.FilePatch]) -> list[tuple[str, int, int]] | Problem:
        """Change all files as `patches` say and return (file, hunk, offset), or change none."""
        offsets: list[tuple[str, int, int]] = []
        after: dict[str, bytes | None] = {}
        for patch in patches:
            fitted = unified.fit(self.read(patch.path), patch)
            if isinstance(fitted, unified.Misfit):
                return _problem(patch, fitted)
            after[patch.path] = fitted.content
            offsets += [(patch.path, hunk, offset) for hunk, offset in fitted.offsets]
        self._now |= after
        self.executable |= {patch.path: patch.executable for patch in patches if patch.executable is not None}
        return offsets

    def changed(self) -> dict[str, bytes | None]:
        return {path: now for path, now in sorted(self._now.items()) if now != self._disk[path]}


@dataclass(frozen=True, slots=True)
class _Survey:
    """A status, and what to write for the other side: the series put in if absent, taken out if applied."""

    status: Status
    contents: dict[str, bytes | None]
    executable: dict[str, bool]
    offsets: tuple[Offset, ...]


def _survey(source: Tree, series: Series) -> _Survey:
    version = source.version()
    if not series.kernels.cover(version):
        raise RefusedError(
            f"{source.root} is Linux {dotted(version)}; {series.name} covers {series.kernels}",
            unchanged="Nothing was changed.",
            fix="Use a kernel that the series covers; `hardboot patch list` shows all.",
        )
    parts = series.read()
    overlay = _Overlay(source)
    found: dict[str, PatchStatus] = {}
    offsets: list[Offset] = []
    # Later patches build on earlier ones: take out from the top what is there ...
    for name, patches in reversed(parts.items()):
        if isinstance(overlay.fit([unified.reverse(patch) for patch in patches]), list):
            found[name] = PatchStatus(name, "applied")
    if len(found) < len(parts):
        # ... then build up from the bottom, to meet each missing patch where it belongs.
        for name, patches in parts.items():
            fitted = overlay.fit(patches)
            if name in found:
                continue
            if isinstance(fitted, list):
                found[name] = PatchStatus(name, "absent")
                offsets += [Offset(name, *item) for item in fitted]
            else:
                found[name] = _explain(overlay, name, patches, fitted)
    states = {item.state for item in found.values()}
    overall: State = "conflict" if states == {"absent", "conflict"} else "partial"
    if len(states) == 1:
        overall = states.pop()
    status = Status(overall, series.name, version, tuple(found[name] for name in parts))
    return _Survey(status, overlay.changed(), overlay.executable, tuple(offsets))


def _explain(
    overlay: _Overlay, name: str, patches: Sequence[unified.FilePatch], first: Problem
) -> PatchStatus:
    """Why a patch fits neither way: there in part, hunk by hunk, or in conflict with what stands there."""
    there = False
    missing: list[Problem] = []
    wrong: list[Problem] = []
    for patch in patches:
        content = overlay.read(patch.path)
        whole = unified.fit(content, patch)
        if not isinstance(unified.fit(content, unified.reverse(patch)), unified.Misfit):
            there = True
        elif not isinstance(whole, unified.Misfit):
            missing.append(Problem(patch.path, 0, 0, "not applied"))
        elif content is None or patch.creates:
            wrong.append(_problem(patch, whole))
        else:
            pairs = zip(patch.hunks, unified.reverse(patch).hunks, strict=True)
            for number, (hunk, undo) in enumerate(pairs, 1):
                misfit = unified.fit_alone(content, hunk)
                if unified.fit_alone(content, undo) is None:
                    there = True
                elif misfit is None:
                    missing.append(Problem(patch.path, number, hunk.old_start, "not applied"))
                else:
                    wrong.append(Problem(patch.path, number, misfit.line, misfit.reason))
    if there:
        return PatchStatus(name, "partial", tuple(missing + wrong or [first]))
    return PatchStatus(name, "conflict", tuple(wrong or [first]))


def _problem(patch: unified.FilePatch, misfit: unified.Misfit) -> Problem:
    return Problem(patch.path, misfit.hunk, misfit.line, misfit.reason)


def _result(survey: _Survey, state: State) -> tuple[dict[str, bytes | None], dict[str, bool]]:
    """What to write to leave `state`, one of absent and applied, for the other; nothing if that is there."""
    now = survey.status
    if now.overall == state:
        return survey.contents, survey.executable
    if now.overall in ("applied", "absent"):
        return {}, {}
    problems = [str(problem) for patch in now.patches for problem in patch.problems]
    problems += [f"{patch.name} is not applied" for patch in now.patches if patch.state == "absent"]
    what = "is there only in part" if now.overall == "partial" else "does not fit"
    raise RefusedError(
        f"{now.series} {what}: {problems[0]}",
        unchanged="Nothing was changed.",
        fix="`hardboot patch status` shows every place; start from a fresh source tree.",
    )
