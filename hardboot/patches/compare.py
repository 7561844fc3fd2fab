"""Compare a tree with patches, hunk by hunk, in memory: which of them are applied."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from hardboot.base.errors import RefusedError
from hardboot.patches import hunks
from hardboot.patches.series import Series
from hardboot.patches.tree import Tree, dotted
from hardboot.patches.unified import FilePatch, reverse, split_lines

PatchState = Literal["applied", "absent", "partial", "conflict"]
Patches = Mapping[str, Sequence[FilePatch]]  # by name, in the order in which they are applied


@dataclass(frozen=True, slots=True)
class PatchProblem:
    """Where a patch does not apply: `hunk` and `line` count from 1; 0 is the file as a whole."""

    file: str
    hunk: int
    line: int
    reason: str

    def __str__(self) -> str:
        """Return place and reason, for messages."""
        hunk = f", hunk {self.hunk}" if self.hunk else ""
        line = f", line {self.line}" if self.line else ""
        return f"{self.file}{hunk}{line}: {self.reason}"


@dataclass(frozen=True, slots=True)
class PatchStatus:
    """The state of one patch in a tree, and where it does not apply."""

    name: str
    state: PatchState
    problems: tuple[PatchProblem, ...] = ()


@dataclass(frozen=True, slots=True)
class Offset:
    """A hunk that applies `offset` lines below (negative: above) its own line."""

    patch: str
    file: str
    hunk: int
    offset: int


@dataclass(frozen=True, slots=True)
class Comparison:
    """The state of some patches in a tree, and what to write to apply or revert them.

    Attributes:
        overall: `partial` if some of them are applied, `conflict` if those that are not do not apply.
        contents: New content by path; None deletes.
        executable: Paths whose executable bits change.
        not_reverted: Where the last patch that is there, but not as it was applied, was edited.
    """

    overall: PatchState
    patches: tuple[PatchStatus, ...]
    contents: dict[str, bytes | None]
    executable: dict[str, bool]
    offsets: tuple[Offset, ...]
    not_reverted: PatchProblem | None = None


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

    def apply(self, patches: Sequence[FilePatch]) -> list[tuple[str, int, int]] | PatchProblem:
        """Change all files as `patches` say and return (file, hunk, offset), or change none."""
        offsets: list[tuple[str, int, int]] = []
        after: dict[str, bytes | None] = {}
        for patch in patches:
            before = self._content(patch.old_path, after)
            result = hunks.patch_content(before, patch)
            if isinstance(result, hunks.Mismatch):
                return _problem(patch, result)
            if patch.renamed_from:
                if self._content(patch.path, after) is not None:
                    return PatchProblem(patch.path, 0, 0, "the file already exists")
                after[patch.renamed_from] = None
            after[patch.path] = result.content
            offsets += [(patch.path, hunk, offset) for hunk, offset in result.offsets]
        self._now |= after
        for patch in patches:
            if patch.executable is not None:
                self.executable[patch.path] = patch.executable
            elif patch.renamed_from:
                self.executable[patch.path] = self._is_executable(patch.renamed_from)
        return offsets

    def _is_executable(self, path: str) -> bool:
        return self.executable.get(path, self._tree.is_executable(path))

    def _content(self, path: str, after: dict[str, bytes | None]) -> bytes | None:
        return after[path] if path in after else self.read(path)

    def changed(self) -> dict[str, bytes | None]:
        return {path: now for path, now in sorted(self._now.items()) if now != self._disk[path]}


def compare_series(tree: Tree, series: Series) -> Comparison:
    """Compare `tree` with the patches of `series`.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read.
        RefusedError: If the tree's version is not covered, or a file is not a regular one inside the tree.
    """
    version = tree.version()
    if not series.kernels.cover(version):
        raise RefusedError(
            f"{tree.root} is Linux {dotted(version)}, but {series.name} covers {series.kernels}",
            state="The tree is unchanged.",
            fix="Use a kernel that the series covers; `hardboot patch list` shows all.",
        )
    return compare(tree, series.read())


def compare(tree: Tree, patches: Patches) -> Comparison:
    """Compare `tree` with `patches`.

    Raises:
        InputError: If a file cannot be read.
        RefusedError: If a file is not a regular one inside the tree.
    """
    overlay = _Overlay(tree)
    found: dict[str, PatchStatus] = {}
    offsets: list[Offset] = []
    edited: dict[str, PatchProblem] = {}  # why each patch cannot be reverted, the last one first
    # Later patches build on earlier ones: revert from the top what is applied ...
    for name, parts in reversed(list(patches.items())):
        undone = overlay.apply([reverse(patch) for patch in reversed(parts)])
        if isinstance(undone, list):
            found[name] = PatchStatus(name, "applied")
        else:
            edited.setdefault(name, undone)
    if len(found) < len(patches):
        # ... then apply from the bottom, to meet each missing patch where it belongs.
        for name, parts in patches.items():
            result = overlay.apply(parts)
            if name in found:
                continue
            if isinstance(result, list):
                found[name] = PatchStatus(name, "absent")
                offsets += [Offset(name, *item) for item in result]
            else:
                found[name] = _explain(overlay, name, parts, result)
    states = {item.state for item in found.values()}
    overall: PatchState = "conflict" if states == {"absent", "conflict"} else "partial"
    if len(states) == 1:
        overall = states.pop()
    statuses = tuple(found[name] for name in patches)
    there = (problem for name, problem in edited.items() if found[name].state != "absent")
    return Comparison(
        overall, statuses, overlay.changed(), overlay.executable, tuple(offsets), next(there, None)
    )


@dataclass(frozen=True, slots=True)
class Mixture:
    """What to write to a tree in which some files are wholly patched and the others are not at all."""

    to_apply: dict[str, bytes | None]
    to_revert: dict[str, bytes | None]
    executable: dict[str, bool]


def find_mixture(tree: Tree, patches: Patches) -> Mixture | None:
    """Return how to go on where an apply or revert was cut off between two files; None if a file is neither.

    Raises:
        InputError: If a file cannot be read.
        RefusedError: If a file is not a regular one inside the tree.
    """
    by_path: dict[str, list[FilePatch]] = {}
    for patch in (patch for parts in patches.values() for patch in parts):
        if patch.renamed_from:
            return None
        by_path.setdefault(patch.path, []).append(patch)
    ahead, back = _Overlay(tree), _Overlay(tree)
    for parts in by_path.values():
        undone = back.apply([reverse(patch) for patch in reversed(parts)])
        if not isinstance(undone, list) and not isinstance(ahead.apply(parts), list):
            return None
    return Mixture(ahead.changed(), back.changed(), ahead.executable | back.executable)


def _explain(overlay: _Overlay, name: str, patches: Sequence[FilePatch], first: PatchProblem) -> PatchStatus:
    """Say why a patch can be neither applied nor reverted: partly applied, or in conflict with the tree."""
    applied = False
    missing: list[PatchProblem] = []
    wrong: list[PatchProblem] = []
    for patch in patches:
        content = overlay.read(patch.old_path)
        forward = hunks.patch_content(content, patch)
        if not isinstance(hunks.patch_content(overlay.read(patch.path), reverse(patch)), hunks.Mismatch):
            applied = True
        elif not isinstance(forward, hunks.Mismatch):
            missing.append(PatchProblem(patch.path, 0, 0, "not applied"))
        elif content is None or patch.creates:
            wrong.append(_problem(patch, forward))
        else:
            pairs = zip(patch.hunks, reverse(patch).hunks, strict=True)
            lines, offset = split_lines(content), 0
            for number, (hunk, undo) in enumerate(pairs, 1):
                here = hunks.locate(lines, hunk, 0, offset)
                after = hunks.locate(lines, undo, 0, hunk.index + offset - undo.index)
                mismatch = here if isinstance(here, hunks.Mismatch) else None
                reverts = not isinstance(after, hunks.Mismatch)
                # A hunk that only removes lines leaves nothing to know it by: its context proves nothing.
                if reverts and not set(hunk.new) <= set(hunk.old):
                    applied = True
                elif mismatch is None:
                    missing.append(PatchProblem(patch.path, number, hunk.old_start, "not applied"))
                elif not reverts:
                    wrong.append(PatchProblem(patch.path, number, mismatch.line, mismatch.reason))
                # The next hunk is expected as far off as this one is.
                if isinstance(here, int):
                    offset = here - hunk.index
                elif isinstance(after, int):
                    offset = after - hunk.index + len(hunk.new) - len(hunk.old)
    if applied:
        return PatchStatus(name, "partial", tuple(missing + wrong or [first]))
    return PatchStatus(name, "conflict", tuple(wrong or [first]))


def _problem(patch: FilePatch, mismatch: hunks.Mismatch) -> PatchProblem:
    return PatchProblem(patch.old_path, mismatch.hunk, mismatch.line, mismatch.reason)
