"""The state of hardboot support in a tree, place by place and as a whole, and whose it is."""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from hardboot.patches import characters, damage, places
from hardboot.patches.candidates import Candidates, PlaceFinding
from hardboot.patches.catalog import find_for
from hardboot.patches.constants import Constants, evaluate
from hardboot.patches.own_series import OwnSeries
from hardboot.patches.series import CONFIG_MARK, Arch, Place
from hardboot.patches.tree import Tree

TreeState = Literal["applied", "partial", "absent", "damaged"]
PlaceState = Literal["ours", "foreign", "absent", "damaged"]
Author = Literal["hardboot", "foreign"]
_PLACES: tuple[Place, ...] = get_args(Place)
# Other authors' support works without the rest: one cycle needs no reservation, and some SoCs need no hook.
_NEEDED: tuple[Place, ...] = ("flag", "kimage", "load", "prepare", "relocation", "decompressor", "kconfig")


@dataclass(frozen=True, slots=True)
class PlaceStatus:
    """One place; `line` from 1, None if it is absent; then there may be no file either."""

    name: Place | Literal["config"]
    state: PlaceState
    file: str | None
    line: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class SupportStatus:
    """A whole tree; `author` is None if nothing is there."""

    overall: TreeState
    author: Author | None
    places: tuple[PlaceStatus, ...]


def status(root: Path) -> SupportStatus:
    """Find the state of hardboot support in the kernel tree at `root`, reading only files it may be in.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read.
        RefusedError: If a file is not a regular one inside the tree.
    """
    tree = Tree(root)
    tree.version()
    found = {arch: _status_on(tree, arch) for arch in get_args(Arch)}
    first = _likely_arch(tree)
    return max(found.values(), key=lambda status: (_count_present(status), status is found[first]))


def _likely_arch(tree: Tree) -> Arch:
    """Return the architecture that a tree without support is for: of its configuration, else the only one."""
    config = tree.read(".config") if tree.is_regular(".config") else None
    if config is not None:
        return "arm64" if b"\nCONFIG_ARM64=y" in b"\n" + config else "arm"
    return "arm" if tree.has("arch/arm/kernel") or not tree.has("arch/arm64/kernel") else "arm64"


def _count_present(found: SupportStatus) -> int:
    return sum(place.state != "absent" for place in found.places)


def _status_on(tree: Tree, arch: Arch) -> SupportStatus:
    candidates = Candidates(tree, arch)
    constants = Constants(candidates)
    series = find_for(tree, arch)
    own = OwnSeries(candidates, series) if series else None
    author: Author | None
    if own and own.present:
        author = "hardboot"
        statuses = [_own_place(place, own.find(place)) for place in _PLACES]
    else:
        findings = places.find_places(candidates, constants)
        author = "foreign" if findings else None
        statuses = [_foreign_place(candidates, constants, place, findings.get(place)) for place in _PLACES]
    statuses = [_with_suspicious(candidates, place) for place in statuses]
    statuses.append(_config(candidates, author))
    states = {place.name: place.state for place in statuses}
    needed = [states[place] for place in (_PLACES if author == "hardboot" else _NEEDED)]
    if author is None and "damaged" not in needed:
        return SupportStatus("absent", None, tuple(statuses))
    overall: TreeState = "applied"
    if "absent" in needed:
        overall = "partial"
    elif "damaged" in states.values():
        overall = "damaged"
    return SupportStatus(overall, author or "foreign", tuple(statuses))


def _with_suspicious(candidates: Candidates, place: PlaceStatus) -> PlaceStatus:
    """Add to the detail of `place` the first character in its file that deceives the reader."""
    file = candidates.file(place.file) if place.file and place.line else None
    found = characters.in_source(file.text.encode("latin-1"), file.path) if file else []
    detail = "; ".join(filter(None, (place.detail, *map(str, found[:1]))))
    return replace(place, detail=detail)


def _own_place(place: Place, finding: PlaceFinding) -> PlaceStatus:
    if not finding.line and not finding.damage:
        return PlaceStatus(place, "absent", finding.file, None, "")
    state: PlaceState = "damaged" if finding.damage else "ours"
    return PlaceStatus(place, state, finding.file, finding.line or None, finding.damage)


def _foreign_place(
    candidates: Candidates, constants: Constants, place: Place, finding: PlaceFinding | None
) -> PlaceStatus:
    if finding:
        finding = damage.find_damage(candidates, constants, place, finding)
    else:
        usual = places.usual_files(candidates, place)
        rejected = (damage.rejected(candidates, path) for path in usual)
        finding = next(filter(None, rejected), None)
        if finding is None:
            return PlaceStatus(place, "absent", next(iter(usual), None), None, "")
    state: PlaceState = "damaged" if finding.damage else "foreign"
    return PlaceStatus(place, state, finding.file, finding.line, finding.damage or finding.note)


def _config(candidates: Candidates, author: Author | None) -> PlaceStatus:
    """Find the option in a configuration of the tree: its own, else our fragment, else a default one."""
    for file in candidates.configs:
        line = file.find(r"^CONFIG_KEXEC_HARDBOOT(?:_64|_ARM64|_SUPPORT)?=y[ \t]*$")
        off = file.find(r"^# CONFIG_KEXEC_HARDBOOT is not set")
        if off and file.path == ".config":
            return PlaceStatus("config", "absent", ".config", None, "KEXEC_HARDBOOT is not set")
        if not line:
            continue
        ours = author == "hardboot" or file.text.encode("latin-1").startswith(CONFIG_MARK)
        pages = list(re.finditer(r"^(CONFIG_KEXEC_H\w*PAGE(?:_ADDR)?)=(.*)$", file.code, re.MULTILINE))
        for page in pages[-1:]:  # the last one counts
            text = page[2].strip()
            address = evaluate(text)
            if not address and text not in ("y", "n", "m"):
                what = "the page address is 0" if address == 0 else f"{page[1]} has no address: {text[:30]}"
                at = file.line_at(page.start())
                return PlaceStatus("config", "damaged", file.path, at, what.removesuffix(": "))
        return PlaceStatus("config", "ours" if ours else "foreign", file.path, line, "")
    if candidates.tree.has(".config") and not candidates.tree.is_regular(".config"):
        return PlaceStatus("config", "absent", ".config", None, "not read: it is a link or a folder")
    return PlaceStatus("config", "absent", None, None, "")
