"""Unified diffs: read strictly, and fit exactly or not at all.

A hunk fits where every one of its old lines stands, byte for byte; there is no fuzz. If it does not fit
at the line it names but at exactly one other, it fits there, and the distance is told. Pure: bytes in,
bytes out.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from hardboot.base.errors import InputError

_HUNK = re.compile(rb"@@ -(\d{1,9})(?:,(\d{1,9}))? \+(\d{1,9})(?:,(\d{1,9}))? @@")
_MODES = {b"100644": False, b"100755": True}  # git's only modes of regular files: executable or not
_SHOWN = 60  # characters of a line in a message


@dataclass(frozen=True, slots=True)
class Hunk:
    """One hunk: `old` lines are replaced by `new` ones; lines keep their end, which the last one may lack.

    `old_start` and `new_start` count from 1, as in the diff; `leading` and `trailing` lines are context.
    """

    old_start: int
    new_start: int
    old: tuple[bytes, ...]
    new: tuple[bytes, ...]
    leading: int
    trailing: int


@dataclass(frozen=True, slots=True)
class FilePatch:
    """What a patch does to one file. `creates`: it must not exist before; `deletes`: nothing is left of it.

    `executable` is what the new file's mode is set to, `was_executable` the old one's; None: not named.
    """

    path: str
    hunks: tuple[Hunk, ...]
    creates: bool = False
    deletes: bool = False
    executable: bool | None = None
    was_executable: bool | None = None


@dataclass(frozen=True, slots=True)
class Fitted:
    """The file after the patch; None if it is deleted. `offsets`: (hunk from 1, lines off), without zeros."""

    content: bytes | None
    offsets: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Misfit:
    """Why a patch does not fit: the hunk from 1 (0: the file as a whole), the line from 1, and in words."""

    hunk: int
    line: int
    reason: str


def reverse(patch: FilePatch) -> FilePatch:
    """The patch that undoes `patch`."""
    hunks = (Hunk(h.new_start, h.old_start, h.new, h.old, h.leading, h.trailing) for h in patch.hunks)
    return replace(
        patch,
        hunks=tuple(hunks),
        creates=patch.deletes,
        deletes=patch.creates,
        executable=patch.was_executable,
        was_executable=patch.executable,
    )


# Fitting


def fit(content: bytes | None, patch: FilePatch) -> Fitted | Misfit:
    """The file with content `content` (None: there is no such file) after `patch`, or why it does not fit."""
    if patch.creates and content is not None:
        return Misfit(0, 0, "the file exists already")
    if not patch.creates and content is None:
        return Misfit(0, 0, "there is no such file")
    lines = split(content or b"")
    result: list[bytes] = []
    offsets: list[tuple[int, int]] = []
    done, shift = 0, 0
    for number, hunk in enumerate(patch.hunks, 1):
        place = _place(lines, hunk, done, shift)
        if isinstance(place, Misfit):
            return replace(place, hunk=number)
        shift = place - _index(hunk)
        if shift:
            offsets.append((number, shift))
        result += lines[done:place]
        result += hunk.new
        done = place + len(hunk.old)
    result += lines[done:]
    if patch.deletes:
        return (
            Misfit(0, 1, "it has more lines than the patch knows") if result else Fitted(None, tuple(offsets))
        )
    return Fitted(b"".join(result), tuple(offsets))


def fit_alone(content: bytes, hunk: Hunk) -> Misfit | None:
    """Why `hunk` alone fits nowhere in `content`; None if it does."""
    place = _place(split(content), hunk, 0, 0)
    return place if isinstance(place, Misfit) else None


def split(content: bytes) -> list[bytes]:
    """The lines of `content` with their ends; only a line feed ends a line."""
    if b"\r" not in content:
        return content.splitlines(keepends=True)  # many times as fast
    lines = content.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def _index(hunk: Hunk) -> int:
    # A hunk without old lines names the line before it (POSIX diff -u); that is 0 in an empty file.
    return hunk.old_start - 1 if hunk.old else hunk.old_start


def _place(lines: Sequence[bytes], hunk: Hunk, first: int, shift: int) -> int | Misfit:
    """The index in `lines` where `hunk` fits, not below `first`; expected `shift` lines off."""
    size = len(hunk.old)
    if not size:
        if lines:
            return Misfit(0, 1, "the file is not empty")
        return 0
    # diff gives less context on one side only at an end of the file: such a hunk belongs there. So does one
    # that names line 1 or has no context at its end (git apply and GNU patch without fuzz judge likewise).
    last = len(lines) - size
    at_start = hunk.old_start == 1 or hunk.leading < hunk.trailing
    at_end = hunk.trailing == 0 or hunk.trailing < hunk.leading
    low = max(first, last) if at_end else first
    high = min(0, last) if at_start else last
    old = list(hunk.old)
    expected = _index(hunk) + shift
    if low <= expected <= high and lines[expected : expected + size] == old:
        return expected
    places = [i for i in range(low, high + 1) if lines[i] == old[0] and lines[i : i + size] == old]
    if len(places) == 1:
        return places[0]
    if places:
        where = ", ".join(str(place + 1) for place in places[:3])
        return Misfit(
            0, expected + 1, f"it fits at more than one place (lines {where}) but not where it should"
        )
    return _difference(lines, hunk, max(expected, 0))


def _difference(lines: Sequence[bytes], hunk: Hunk, start: int) -> Misfit:
    for index, wanted in enumerate(hunk.old, start):
        if index >= len(lines):
            return Misfit(0, index + 1, f"the file ends here; expected {_show(wanted)}")
        if lines[index] != wanted:
            return Misfit(0, index + 1, f"found {_show(lines[index])}, expected {_show(wanted)}")
    return Misfit(0, start + 1, "these lines stand here, but belong at an end of the file")


def _show(line: bytes) -> str:
    text = line.decode(errors="replace").strip()
    if not text:
        return "an empty line"
    text = "".join(char if char.isprintable() else " " for char in text)
    return f'"{text if len(text) <= _SHOWN else text[: _SHOWN - 1] + "…"}"'


# Reading


def parse(data: bytes, name: str) -> tuple[FilePatch, ...]:
    """The file patches in `data`: output of `git format-patch`, `git diff` or `diff -u`.

    Args:
        data: The patch; text before the first file is skipped.
        name: What it is called, for messages.

    Raises:
        InputError: If a hunk does not have the lines it announces or has no context to be found by, or the
            patch does what is not supported: renames, copies, links, binary content, quoted names.
    """
    return _Reader(data, name).read()


class _Reader:
    def __init__(self, data: bytes, name: str) -> None:
        lines = split(data)
        self._count = len(lines)
        self._lines = [*lines, b"", b""]  # one can look two lines ahead
        self._name = name
        self._at = 0

    def read(self) -> tuple[FilePatch, ...]:
        patches: list[FilePatch] = []
        in_text = True  # of a mail, which a signature ends, or the next mail
        while self._at < self._count:
            line = self._peek()
            if line.startswith(b"diff --git ") or self._plain_header():
                patches.append(self._file())
                in_text = False
            elif line == b"-- \n" or line.startswith(b"From "):
                in_text = True
                self._at += 1
            elif not in_text and line.strip():
                raise self._wrong("this line belongs to no hunk: the counts before it are wrong")
            else:
                self._at += 1
        if not patches:
            raise self._wrong("no file is patched here")
        return tuple(patches)

    def _peek(self, ahead: int = 0) -> bytes:
        return self._lines[self._at + ahead]

    def _plain_header(self) -> bool:
        return self._peek().startswith(b"--- ") and self._peek(1).startswith(b"+++ ")

    def _file(self) -> FilePatch:
        created = deleted = False
        executable: bool | None = None
        was_executable: bool | None = None
        announced: str | None = None
        if self._peek().startswith(b"diff --git "):
            announced = self._announced()
            for key, value in self._extended():
                if key == b"new file mode":
                    created, executable = True, self._mode(value)
                elif key == b"deleted file mode":
                    deleted, was_executable = True, self._mode(value)
                elif key == b"new mode":
                    executable = self._mode(value)
                elif key == b"old mode":
                    was_executable = self._mode(value)
        path = announced
        hunks: tuple[Hunk, ...] = ()
        if self._plain_header():
            old, new = self._path(b"--- "), self._path(b"+++ ")
            path = new or old
            if path is None or (old is not None and new is not None and old != new):
                raise self._wrong("the names of the old and the new file differ")
            if announced not in (None, path):
                raise self._wrong(f"the name differs from {announced}")
            created, deleted = created or old is None, deleted or new is None
            hunks = tuple(self._hunks())
        if path is None:
            raise self._wrong("no file name")
        if not hunks and not created and not deleted:
            # A mode alone leaves no trace in the content, by which a patch is recognised.
            raise self._wrong(f"the content of {path} is not changed")
        return FilePatch(path, hunks, created, deleted, executable, was_executable)

    def _announced(self) -> str:
        names = self._peek().removeprefix(b"diff --git ").rstrip(b"\n")
        half = len(names) // 2
        old, new = names[:half], names[half + 1 :]
        if not old.startswith(b"a/") or not new.startswith(b"b/") or old[2:] != new[2:]:
            raise self._wrong("renames, copies and quoted names are not supported")
        self._at += 1
        return self._text(new[2:])

    def _extended(self) -> Iterator[tuple[bytes, bytes]]:
        while self._at < self._count and not self._plain_header():
            line = self._peek().rstrip(b"\n")
            key, _, value = line.rpartition(b" ")
            if key in (b"new file mode", b"deleted file mode", b"old mode", b"new mode"):
                yield key, value
            elif line.startswith((b"diff --git ", b"--")) or not line:
                return
            elif not line.startswith(b"index "):
                raise self._wrong("renames, copies and binary content are not supported")
            self._at += 1

    def _mode(self, value: bytes) -> bool:
        if value not in _MODES:
            raise self._wrong("only regular files are supported")
        return _MODES[value]

    def _path(self, prefix: bytes) -> str | None:
        name = self._peek().removeprefix(prefix).rstrip(b"\n").partition(b"\t")[0]
        if name == b"/dev/null":
            self._at += 1
            return None
        folder, _, path = name.partition(b"/")
        if not path or not folder or name.startswith(b'"'):
            raise self._wrong("a file name begins with a/ or b/ and is not quoted")
        text = self._text(path)
        self._at += 1
        return text

    def _text(self, path: bytes) -> str:
        try:
            return path.decode()
        except UnicodeDecodeError as error:
            raise self._wrong("the file name is not UTF-8") from error

    def _hunks(self) -> Iterator[Hunk]:
        if not self._peek().startswith(b"@@ "):
            raise self._wrong("no hunk follows")
        end = 0
        while self._peek().startswith(b"@@ "):
            header = self._at
            hunk = self._hunk()
            if _index(hunk) < end:
                self._at = header
                raise self._wrong("the hunks of a file do not follow each other")
            end = _index(hunk) + len(hunk.old)
            yield hunk

    def _hunk(self) -> Hunk:
        match = _HUNK.match(self._peek())
        if not match:
            raise self._wrong("this is no hunk header")
        old_start, new_start = int(match[1]), int(match[3])
        old_left = int(match[2]) if match[2] else 1
        new_left = int(match[4]) if match[4] else 1
        if (old_left == 0) != (old_start == 0) or (new_left == 0) != (new_start == 0):
            raise self._wrong("a hunk without context cannot be placed safely")
        self._at += 1
        old: list[bytes] = []
        new: list[bytes] = []
        size, changed, unended = 0, [], False
        while old_left > 0 or new_left > 0:
            line = self._lines[self._at]
            kind, text = line[:1], line[1:]
            if kind == b"\n":  # some mailers cut the blank of an empty line
                kind, text = b" ", line
            elif kind not in (b" ", b"-", b"+"):
                raise self._wrong("the hunk has fewer lines than it announces")
            self._at += 1
            if self._lines[self._at].startswith(b"\\ "):
                text, unended = text.removesuffix(b"\n"), True
                self._at += 1
            if kind != b" ":
                changed.append(size)
            if kind != b"+":
                old.append(text)
                old_left -= 1
            if kind != b"-":
                new.append(text)
                new_left -= 1
            size += 1
        if old_left or new_left:
            raise self._wrong("the hunk has more lines than it announces")
        if not changed:
            raise self._wrong("the hunk changes nothing")
        if unended and any(not text.endswith(b"\n") for side in (old, new) for text in side[:-1]):
            raise self._wrong("only the last line of a file can lack its end")
        return Hunk(old_start, new_start, tuple(old), tuple(new), changed[0], size - 1 - changed[-1])

    def _wrong(self, what: str) -> InputError:
        return InputError(
            f"{self._name}, line {min(self._at + 1, self._count)}: {what}",
            state="Nothing was changed.",
            fix="Make the patch again with git format-patch or diff -u.",
        )
