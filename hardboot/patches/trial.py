"""A series tried on a tree that stays as it is: what an author wants to know before anybody else does."""

import tempfile
from pathlib import Path

from hardboot.base.errors import HardbootError
from hardboot.patches.applying import apply, revert, survey
from hardboot.patches.series import Series, Values
from hardboot.patches.status import status
from hardboot.patches.tree import Tree

# No phone's values: the fragment is only looked at.
_ANY: Values = {"hardboot.page": 0x1000, "hardboot.page_size": 0x1000}


def problems(series: Series, tree: Path) -> list[str]:
    """What is wrong with `series` on `tree`, on a copy of the files that both know; empty if nothing is.

    Raises:
        InputError: If a patch or the tree cannot be read.
        RefusedError: If the series does not cover the tree's version.
    """
    source = Tree(tree)
    marks = {variant.has for variant in series.variants}
    series = series.for_tree(source)
    missing = [path for path in series.requires if not source.has(path)]
    if missing:
        return [f"the tree has no {path}, which the series requires" for path in missing]
    before = survey(tree, series)
    if before.overall != "absent":
        at = [str(problem) for patch in before.patches for problem in patch.problems]
        return at or [f"the tree has it already ({before.overall})"]
    found = [f"{at.patch}: {at.file}, hunk {at.hunk} fits {at.offset:+} lines off" for at in before.offsets]
    touched = {patch.path for parts in series.read().values() for patch in parts}
    with tempfile.TemporaryDirectory(prefix="hardboot-check-") as folder:
        copy = Path(folder) / "linux"
        for name in sorted(touched | marks | {"Makefile", "Kconfig"}):
            content = source.read(name)
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            if content is not None:
                (copy / name).write_bytes(content)
        (copy / "arch" / series.arch).mkdir(parents=True, exist_ok=True)
        for path in series.requires:
            (copy / path).mkdir(parents=True, exist_ok=True)
        original = _content(copy)
        try:
            apply(copy, series, _phone(series))
            places = {place.name: place for place in status(copy).places}
            found += [
                f"{name} is {places[name].state} after it was applied: {places[name].detail}"
                for name in series.places
                if places[name].state != "ours"
            ]
            revert(copy, series)
        except HardbootError as error:
            found.append(error.what)
        if _content(copy) != original:
            found.append("reverting it does not give back the same files")
    return found


def _phone(series: Series) -> Values:
    names = {name for options in (series.config, *series.config.when) for name in options.profile.values()}
    return {**dict.fromkeys(names, 0x1000), **_ANY}


def _content(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
