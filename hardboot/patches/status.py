"""The state of hardboot support in a tree: place by place, and in one word; whose it is."""

import re
from collections import Counter
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, get_args

from hardboot.patches import damage, probes
from hardboot.patches.constants import Constants, value
from hardboot.patches.look import Look, Spot
from hardboot.patches.series import CONFIG_MARK, Arch, Place, Series, covering
from hardboot.patches.tree import Tree

Overall = Literal["applied", "partial", "absent", "misapplied"]
Author = Literal["hardboot", "foreign"]
State = Literal["ours", "foreign", "absent", "damaged"]
# Another author may do without the rest: no reservation is needed for one cycle, and some SoCs need no hook.
_NEEDED = ("flag", "kimage", "load", "prepare", "relocation", "decompressor", "kconfig")
_OURS = 0.2  # of our lines; other authors' patches share up to 0.09 of them, in the public trees tried
_CHANCE = 0.3  # of our lines of one file; short ones are in other code as well
_COMMON = re.compile(rb"\W*(?:#\s*(?:if|el|endif|include)\w*.*|return\b.*|\w{0,5})\W*")


@dataclass(frozen=True, slots=True)
class PlaceState:
    """One place; `line` from 1, None with an absent one, which may have no file either."""

    name: str
    state: State
    file: str | None
    line: int | None
    detail: str


@dataclass(frozen=True, slots=True)
class Status:
    """A whole tree; `author` is None if nothing is there."""

    overall: Overall
    author: Author | None
    places: tuple[PlaceState, ...]


def status(root: Path) -> Status:
    """What the kernel tree at `root` has of hardboot support; only files it may be in are read.

    Raises:
        InputError: If this is no kernel tree, or a file cannot be read.
        RefusedError: If a file is not a regular one inside the tree.
    """
    tree = Tree(root)
    tree.version()
    return max((_of_arch(tree, arch) for arch in get_args(Arch)), key=_present)


def _present(found: Status) -> int:
    return sum(place.state != "absent" for place in found.places)


def _of_arch(tree: Tree, arch: Arch) -> Status:
    look = Look(tree, arch)
    constants = Constants(look)
    ours = _Ours(look, covering(tree, arch))
    if ours.there:
        places = [ours.place(place) for place in get_args(Place)]
        author: Author | None = "hardboot"
    else:
        spots = probes.spots(look, constants)
        author = "foreign" if spots else None
        places = [_foreign(look, constants, place, spots.get(place)) for place in get_args(Place)]
    places.append(_config(look, constants, author))
    states = {place.name: place.state for place in places}
    needed = [states[place] for place in (get_args(Place) if author == "hardboot" else _NEEDED)]
    if author is None and "damaged" not in needed:
        return Status("absent", None, tuple(places))
    overall: Overall = "applied"
    if "absent" in needed:
        overall = "partial"
    elif "damaged" in states.values():
        overall = "misapplied"
    return Status(overall, author or "foreign", tuple(places))


def _foreign(look: Look, constants: Constants, place: Place, spot: Spot | None) -> PlaceState:
    if spot is None:
        rejected = next(
            filter(None, (damage.rejected(look, path) for path in probes.usual(look, place))), None
        )
        if rejected is None:
            return PlaceState(place, "absent", next(iter(probes.usual(look, place)), None), None, "")
        spot = rejected
    else:
        spot = damage.examine(look, constants, place, spot)
    state: State = "damaged" if spot.damage else "foreign"
    return PlaceState(place, state, spot.file, spot.line, spot.damage or spot.note)


class _Ours:
    """Our own series in a tree: which of the lines that it adds are there."""

    def __init__(self, look: Look, series: Series | None) -> None:
        self._look = look
        self._series = series
        self._lines: dict[str, Counter[bytes]] = {}
        self._made: set[str] = set()  # the files that are new
        for patches in series.read().values() if series else ():
            for patch in patches:
                if patch.creates:
                    self._made.add(patch.path)
                lines = self._lines.setdefault(patch.path, Counter())
                for hunk in patch.hunks:
                    lines -= _words(hunk.old)  # also of an earlier patch of ours
                    lines += _words(hunk.new) - _words(hunk.old)
                self._lines[patch.path] = lines

    @property
    def there(self) -> bool:
        """True if at least a part of the series is: a file that only it makes, or enough of its lines."""
        if any(self._look.source(path) for path in self._made):
            return True
        total = sum(sum(lines.values()) for lines in self._lines.values())
        missing = sum(sum(self._missing(path).values()) for path in self._lines)
        return total > 0 and (total - missing) / total >= _OURS

    def _missing(self, path: str) -> Counter[bytes]:
        file = self._look.source(path)
        return self._lines[path] - (_words(file.text.encode("latin-1").split(b"\n")) if file else Counter())

    def place(self, place: Place) -> PlaceState:
        """A place of the series: all its lines are there, some, or none."""
        assert self._series is not None
        spots = []
        for path in self._series.places[place]:
            file = self._look.source(path)
            missing, wanted = self._missing(path), self._lines[path]
            present = sum(wanted.values()) - sum(missing.values())
            if file is None or present < _CHANCE * sum(wanted.values()):
                spots.append(Spot(path, 0, f"{path} has nothing of it"))
                continue
            lines = file.text.encode("latin-1").split(b"\n")
            first = probes.line_of_ours(place, file, wanted)
            if not first:
                first = next((number for number, line in enumerate(lines, 1) if line.strip() in wanted), 1)
            spot = damage.leftovers(self._look, file) or Spot(path, first)
            if missing and not spot.damage:
                count, lost = sum(missing.values()), next(iter(missing)).decode(errors="replace")[:50]
                said = "1 line is missing" if count == 1 else f"{count} lines are missing, the first"
                spot = replace(spot, damage=f"{said}: {lost}")
            spots.append(spot)
        if all(not spot.line for spot in spots):
            return PlaceState(place, "absent", spots[0].file, None, "")
        bad = next((spot for spot in spots if spot.damage), None)
        shown = bad or spots[0]
        return PlaceState(place, "damaged" if bad else "ours", shown.file, shown.line or None, shown.damage)


def _words(lines: tuple[bytes, ...] | list[bytes]) -> Counter[bytes]:
    """Lines that tell one author from another: without blanks, and without what everybody writes."""
    return Counter(word for line in lines if (word := line.strip()) and not _COMMON.fullmatch(word))


def _config(look: Look, constants: Constants, author: Author | None) -> PlaceState:
    """Whether a configuration of the tree has the option: its own, else our fragment, else a default one."""
    for file in look.configs:
        line = file.find(r"^CONFIG_KEXEC_HARDBOOT=y[ \t]*$")
        off = file.find(r"^# CONFIG_KEXEC_HARDBOOT is not set")
        if off and file.path == ".config":
            return PlaceState("config", "absent", ".config", None, "KEXEC_HARDBOOT is not set")
        if not line:
            continue
        ours = author == "hardboot" or file.text.encode("latin-1").startswith(CONFIG_MARK)
        page = re.search(r"^CONFIG_KEXEC_H\w*PAGE(?:_ADDR)?=(\S+)", file.code, re.MULTILINE)
        if page and value(page[1]) == 0:
            at = file.line_at(page.start())
            return PlaceState("config", "damaged", file.path, at, "the address of the page is 0")
        return PlaceState("config", "ours" if ours else "foreign", file.path, line, "")
    return PlaceState("config", "absent", None, None, "")
