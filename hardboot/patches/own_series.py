"""Recognise our own series in a tree by the lines that it adds."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

from hardboot.patches import damage, places
from hardboot.patches.candidates import Candidates, PlaceFinding
from hardboot.patches.series import Place, Series

_PRESENT = 0.2  # of our lines; other authors' patches share up to 0.09 of them, in the public trees tried
_PRESENT_IN_FILE = 0.3  # of our lines of one file; short ones are in other code as well
_COMMON = re.compile(rb"\W*(?:#\s*(?:if|el|endif|include)\w*.*|return\b.*|\w{0,5})\W*")


class OwnSeries:
    """The lines and files that a series adds, compared with a tree."""

    def __init__(self, candidates: Candidates, series: Series) -> None:
        """Read the patches of `series`; raise InputError if that fails."""
        self._candidates = candidates
        self._series = series
        self._lines: dict[str, Counter[bytes]] = {}
        self._new_files: set[str] = set()
        for patches in series.read().values():
            for patch in patches:
                if patch.creates:
                    self._new_files.add(patch.path)
                lines = self._lines.setdefault(patch.path, Counter())
                for hunk in patch.hunks:
                    lines -= _telling(hunk.old)  # also those of an earlier patch of ours
                    lines += _telling(hunk.new) - _telling(hunk.old)
                self._lines[patch.path] = lines

    @property
    def present(self) -> bool:
        """Whether the series is there, at least in part: a new file of its, or enough of its lines."""
        if any(self._candidates.file(path) for path in self._new_files):
            return True
        total = sum(sum(lines.values()) for lines in self._lines.values())
        missing = sum(sum(self._missing(path).values()) for path in self._lines)
        return total > 0 and (total - missing) / total >= _PRESENT

    def _missing(self, path: str) -> Counter[bytes]:
        file = self._candidates.file(path)
        return self._lines[path] - (_telling(file.text.encode("latin-1").split(b"\n")) if file else Counter())

    def find(self, place: Place) -> PlaceFinding:
        """Find a place of the series; `line` is 0 if it is absent, `damage` tells if only a part is there."""
        findings = []
        for path in self._series.places[place]:
            file = self._candidates.file(path)
            missing, wanted = self._missing(path), self._lines[path]
            present = sum(wanted.values()) - sum(missing.values())
            if file is None or present < _PRESENT_IN_FILE * sum(wanted.values()):
                findings.append(PlaceFinding(path, 0, f"{path} has nothing of the series"))
                continue
            lines = file.text.encode("latin-1").split(b"\n")
            first = places.find_line_of_ours(place, file, wanted)
            if not first:
                first = next((number for number, line in enumerate(lines, 1) if line.strip() in wanted), 1)
            finding = damage.leftovers(self._candidates, file) or PlaceFinding(path, first)
            if missing and not finding.damage:
                count, lost = sum(missing.values()), next(iter(missing)).decode(errors="replace")[:50]
                what = "1 line is missing" if count == 1 else f"{count} lines are missing, the first"
                finding = replace(finding, damage=f"{what}: {lost}")
            findings.append(finding)
        if not any(finding.line for finding in findings):
            return PlaceFinding(findings[0].file, 0)
        return next((finding for finding in findings if finding.damage), findings[0])


def _telling(lines: Sequence[bytes]) -> Counter[bytes]:
    """Return the lines that tell one author from another: without indentation, and without common ones."""
    return Counter(word for line in lines if (word := line.strip()) and not _COMMON.fullmatch(word))
