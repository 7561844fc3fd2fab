"""What of some patches is in a tree, by fitting them to copies of its files in memory, hunk by hunk."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hardboot.patches import unified
from hardboot.patches.tree import Tree

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
class Offset:
    """A hunk that fits `offset` lines below (negative: above) where the patch names it."""

    patch: str
    file: str
    hunk: int
    offset: int


@dataclass(frozen=True, slots=True)
class Survey:
    """What is there, and what to write for the other side: the patches put in, or taken out.

    Attributes:
        overall: `partial` if some of them are there, `conflict` if those that are not do not fit.
        contents: New content by path; None deletes.
        executable: Paths whose executable bits change.
    """

    overall: State
    patches: tuple[PatchStatus, ...]
    contents: dict[str, bytes | None]
    executable: dict[str, bool]
    offsets: tuple[Offset, ...]


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
            before = after[patch.path] if patch.path in after else self.read(patch.path)
            fitted = unified.fit(before, patch)
            if isinstance(fitted, unified.Misfit):
                return _problem(patch, fitted)
            after[patch.path] = fitted.content
            offsets += [(patch.path, hunk, offset) for hunk, offset in fitted.offsets]
        self._now |= after
        self.executable |= {patch.path: patch.executable for patch in patches if patch.executable is not None}
        return offsets

    def changed(self) -> dict[str, bytes | None]:
        return {path: now for path, now in sorted(self._now.items()) if now != self._disk[path]}


def take(source: Tree, parts: Mapping[str, Sequence[unified.FilePatch]]) -> Survey:
    """What `source` has of `parts`, the patches by name in the order in which they go in.

    Raises:
        InputError: If a file cannot be read.
        RefusedError: If a file is not a regular one inside the tree.
    """
    overlay = _Overlay(source)
    found: dict[str, PatchStatus] = {}
    offsets: list[Offset] = []
    # Later patches build on earlier ones: take out from the top what is there ...
    for name, patches in reversed(list(parts.items())):
        if isinstance(overlay.fit([unified.reverse(patch) for patch in reversed(patches)]), list):
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
    patches_found = tuple(found[name] for name in parts)
    return Survey(overall, patches_found, overlay.changed(), overlay.executable, tuple(offsets))


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
                fits_back = unified.fit_alone(content, undo) is None
                # What only takes lines out leaves nothing to know it by: its context proves nothing.
                if fits_back and not set(hunk.new) <= set(hunk.old):
                    there = True
                elif misfit is None:
                    missing.append(Problem(patch.path, number, hunk.old_start, "not applied"))
                elif not fits_back:
                    wrong.append(Problem(patch.path, number, misfit.line, misfit.reason))
    if there:
        return PatchStatus(name, "partial", tuple(missing + wrong or [first]))
    return PatchStatus(name, "conflict", tuple(wrong or [first]))


def _problem(patch: unified.FilePatch, misfit: unified.Misfit) -> Problem:
    return Problem(patch.path, misfit.hunk, misfit.line, misfit.reason)
