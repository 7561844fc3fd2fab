"""Check a series on a copy of a tree: apply, status, revert."""

from pathlib import Path

from hardboot.base.errors import HardbootError
from hardboot.base.temporary import temporary_folder
from hardboot.patches.apply import apply_series, revert_series
from hardboot.patches.compare import compare_series
from hardboot.patches.series import ProfileValues, Series
from hardboot.patches.status import status
from hardboot.patches.tree import Tree

_ANY = 0x1000  # a value for each field of a profile: the config fragment of the copy is not used


def find_problems(series: Series, root: Path) -> list[str]:
    """Return what is wrong with `series` on the tree at `root`, tried on a copy of the files it changes.

    Raises:
        InputError: If a patch or the tree cannot be read.
        RefusedError: If the series does not cover the tree's version.
    """
    tree = Tree(root)
    marks = {variant.has for variant in series.variants if variant.has}
    series = series.for_tree(tree)
    missing = [path for path in series.requires if not tree.has(path)]
    if missing:
        return [f"the tree has no {path}, which the series requires" for path in missing]
    before = compare_series(tree, series)
    if before.overall != "absent":
        problems = [str(problem) for patch in before.patches for problem in patch.problems]
        return problems or [f"the tree already has the series ({before.overall})"]
    found = [
        f"{at.patch}: {at.file}, hunk {at.hunk} applies {at.offset:+} lines off" for at in before.offsets
    ]
    touched = {patch.path for parts in series.read().values() for patch in parts}
    with temporary_folder() as folder:
        copy = folder / "linux"
        for name in sorted(touched | marks | {"Makefile", "Kconfig"}):
            content = tree.read(name)
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                (copy / name).write_bytes(content)
        (copy / "arch" / series.arch).mkdir(parents=True, exist_ok=True)
        for path in series.requires:
            (copy / path).mkdir(parents=True, exist_ok=True)
        original = _content(copy)
        try:
            apply_series(copy, series, _any_phone(series))
            places = {place.name: place for place in status(copy).places}
            found += [
                f"{name} is {places[name].state} after apply: {places[name].detail}"
                for name in series.places
                if places[name].state != "ours"
            ]
            revert_series(copy, series)
        except HardbootError as error:
            found.append(error.what)
        if _content(copy) != original:
            found.append("revert does not restore the files")
    return found


def _any_phone(series: Series) -> ProfileValues:
    options = (series.config, *series.config.when)
    return {field: _ANY for part in options for field in part.profile.values()}


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
