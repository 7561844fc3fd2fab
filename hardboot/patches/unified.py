"""Unified diffs, read strictly.

Pure: bytes in, records out.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise

from hardboot.base.errors import InputError
from hardboot.patches.hunk_bodies import HUNK

# How lines of a hunk begin. Others between and behind the files are text, as for git and patch(1): what
# diff -r, Subversion, Perforce and CVS write, the footer of a mailing list, the end of a web page.
_HUNK_LIKE = (b"+", b"-", b" ", b"\t", b"\\", b"@@")
_PROPERTIES = b"Property changes on: "  # Subversion, with lines that begin with + and - behind it
# The time stamp of a file that does not exist: diff -N writes the epoch, Subversion one of two words.
_NO_FILE = re.compile(rb"\t(?:1970-01-01 |1969-12-31 |\(revision 0\)|\(nonexistent\)|Thu Jan  1 .* 1970)")
_RENAME = re.compile(rb"(rename (?:from|to)) (.+)")
_SIGNATURES = (b"-- \n", b"--\n")  # of a mail; the blank is lost where trailing ones are stripped
_TOP = frozenset(b"arch block certs crypto drivers firmware fs include init ipc kernel lib mm net".split())
_MODES = {b"100644": False, b"100755": True}  # git's only modes of regular files: executable or not


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

    @property
    def index(self) -> int:
        """The index, from 0, of the first old line in the file the diff was made of."""
        return max(self.old_start - 1, 0)  # 0: without old lines, for a new file


@dataclass(frozen=True, slots=True)
class FilePatch:
    """The changes of a patch to one file. `creates`: it must not exist before; `deletes`: nothing is left.

    `executable` tells the new file's mode, `was_executable` the old one's; None: not named. `renamed_from`
    is the file's path before, if the patch renames it to `path`.
    """

    path: str
    hunks: tuple[Hunk, ...]
    creates: bool = False
    deletes: bool = False
    executable: bool | None = None
    was_executable: bool | None = None
    renamed_from: str | None = None

    @property
    def old_path(self) -> str:
        """The file's path before the patch."""
        return self.renamed_from or self.path


class PatchError(InputError):
    """A patch that cannot be read; `line` counts from 1, 0 in an empty one."""

    def __init__(self, name: str, line: int, fault: str) -> None:
        """Make the error for the patch `name`."""
        super().__init__(
            f"{name}, line {line}: {fault}",
            state="The tree is unchanged.",
            fix="Make the patch again with git format-patch or diff -u.",
        )
        self.line = line
        self.fault = fault


def reverse(patch: FilePatch) -> FilePatch:
    """Return the patch that undoes `patch`."""
    hunks = (Hunk(h.new_start, h.old_start, h.new, h.old, h.leading, h.trailing) for h in patch.hunks)
    return replace(
        patch,
        path=patch.old_path,
        renamed_from=patch.renamed_from and patch.path,
        hunks=tuple(hunks),
        creates=patch.deletes,
        deletes=patch.creates,
        executable=patch.was_executable,
        was_executable=patch.executable,
    )


def split_lines(content: bytes) -> list[bytes]:
    """Return the lines of `content` with their ends; only a line feed ends a line."""
    if b"\r" not in content:
        return content.splitlines(keepends=True)  # many times as fast
    lines = content.split(b"\n")
    last = lines.pop()
    return [line + b"\n" for line in lines] + ([last] if last else [])


def parse(data: bytes, name: str) -> tuple[FilePatch, ...]:
    """Read the output of `git format-patch`, `git diff` or `diff -u`.

    Args:
        data: The patch; text before the first file is skipped.
        name: Its name, for messages.

    Raises:
        PatchError: If a hunk does not have as many lines as its header says or has no context to be found by,
            or the patch does what is not supported: copies, links, binary content, quoted names.
    """
    return _Reader(data, name).read()


def _file_name(line: bytes) -> bytes:
    return line[4:].rstrip(b"\n").partition(b"\t")[0]


def _is_copy(old: str, new: str) -> bool:
    """Return whether `old` is a name for `new` as it was: patch(1) takes `diff -u file.c.orig file.c`."""
    return old in [new + suffix for suffix in (".orig", ".old", ".org", ".bak", "~")]


def _is_bare(old: bytes, new: bytes) -> bool:
    """Return whether the names have no a/ and b/ before them, as git diff --no-prefix writes them."""
    parts = new.split(b"/")
    below = parts[0] not in _TOP and parts[1:2] and parts[1] in _TOP  # below a folder of the same name twice
    return old == new != b"/dev/null" and not below and not new.startswith((b"a/", b"b/", b'"'))


class _Reader:
    def __init__(self, data: bytes, name: str) -> None:
        lines = split_lines(data)
        self._count = len(lines)
        self._lines = [*lines, b"", b""]  # a line may be read two ahead
        self._name = name
        self._at = 0
        self._bare = any(_is_bare(old, new) for old, new in self._name_pairs())

    def _name_pairs(self) -> Iterator[tuple[bytes, bytes]]:
        """Yield old and new names as they stand, of the files that have both."""
        for line, following in pairwise(self._lines):
            if line.startswith(b"diff --git "):
                names = line.removeprefix(b"diff --git ").rstrip(b"\n")
                yield names[: len(names) // 2], names[len(names) // 2 + 1 :]
            elif line.startswith(b"--- ") and following.startswith(b"+++ "):
                old, new = _file_name(line), _file_name(following)
                yield new if _is_copy(old.decode("latin-1"), new.decode("latin-1")) else old, new

    def read(self) -> tuple[FilePatch, ...]:
        patches: list[FilePatch] = []
        in_text = True  # of a mail; behind the files its signature begins one, or the next mail
        while self._at < self._count:
            line = self._peek()
            if line.startswith(b"diff --git ") or self._plain_header():
                patches.append(self._file())
                in_text = False
            elif line in _SIGNATURES or line.startswith((b"From ", _PROPERTIES)):
                in_text = True
                self._at += 1
            elif line.startswith(b"Binary files ") and line.rstrip().endswith(b" differ"):
                raise self._wrong("binary content is not supported")
            elif not in_text and line.startswith(_HUNK_LIKE) and line.strip():
                raise self._wrong("this line is outside any hunk: the hunk header before it has wrong counts")
            else:
                self._at += 1
        if not patches:
            raise self._wrong("no diff found")
        return tuple(patches)

    def _peek(self, ahead: int = 0) -> bytes:
        return self._lines[self._at + ahead]

    def _plain_header(self) -> bool:
        return self._peek().startswith(b"--- ") and self._peek(1).startswith(b"+++ ")

    def _file(self) -> FilePatch:
        created = deleted = False
        executable: bool | None = None
        was_executable: bool | None = None
        names: dict[bytes, str] = {}  # of a rename
        announced: str | None = None
        if self._peek().startswith(b"diff --git "):
            header = self._at
            self._at += 1
            for key, value in self._extended():
                if key == b"new file mode":
                    created, executable = True, self._mode(value)
                elif key == b"deleted file mode":
                    deleted, was_executable = True, self._mode(value)
                elif key == b"new mode":
                    executable = self._mode(value)
                elif key == b"old mode":
                    was_executable = self._mode(value)
                else:
                    names[key] = self._text(value)
            announced = names.get(b"rename to") or self._announced(header)
        source = names.get(b"rename from")
        if bool(source) != (b"rename to" in names):
            raise self._wrong("a rename needs both names")
        path = announced
        hunks: tuple[Hunk, ...] = ()
        if self._plain_header():
            new_file = _NO_FILE.search(self._peek()) is not None and announced is None
            no_file = _NO_FILE.search(self._peek(1)) is not None and announced is None
            old, new = self._path(b"--- "), self._path(b"+++ ")
            path = new or old
            if old and new and announced is None and _is_copy(old, new):
                old = new
            if path is None or (old is not None and new is not None and old != (source or new)):
                raise self._wrong("the old and the new file name differ")
            if announced not in (None, path):
                raise self._wrong(f"the file name differs from {announced}")
            hunks = tuple(self._hunks())
            created = created or old is None or (new_file and hunks[0].old_start == 0)
            deleted = deleted or new is None or (no_file and hunks[0].new_start == 0)
        if path is None:
            raise self._wrong("no file name")
        if not hunks and not created and not deleted and not source:
            # A mode alone leaves no trace in the content, by which a patch is recognised.
            raise self._wrong(f"no change to the content of {path}")
        return FilePatch(path, hunks, created, deleted, executable, was_executable, source)

    def _announced(self, header: int) -> str:
        names = self._lines[header].removeprefix(b"diff --git ").rstrip(b"\n")
        for blank in re.finditer(b" ", names):
            old, new = names[: blank.start()], names[blank.end() :]
            if not self._bare:  # folders of any name: git config diff.mnemonicPrefix writes i/ and w/
                old, new = old.partition(b"/")[2], new.partition(b"/")[2]
            if old and old == new and not new.endswith(b'"'):
                return self._text(new)
        self._at = header
        raise self._wrong("copies and quoted names are not supported")

    def _extended(self) -> Iterator[tuple[bytes, bytes]]:
        while self._at < self._count and not self._plain_header():
            line = self._peek().rstrip(b"\n")
            key, _, value = line.rpartition(b" ")
            rename = _RENAME.match(line)
            if key in (b"new file mode", b"deleted file mode", b"old mode", b"new mode"):
                yield key, value
            elif rename:
                yield rename[1], rename[2]
            elif line.startswith((b"diff ", b"--", b"From ")) or not line:
                return
            elif not line.startswith((b"index ", b"similarity index ")):
                raise self._wrong("copies and binary content are not supported")
            self._at += 1

    def _mode(self, value: bytes) -> bool:
        if value not in _MODES:
            raise self._wrong("only regular files are supported")
        return _MODES[value]

    def _path(self, prefix: bytes) -> str | None:
        name = _file_name(self._peek())
        if name == b"/dev/null":
            self._at += 1
            return None
        folder, _, path = name.partition(b"/")
        if self._bare:
            folder, path = name[:1].replace(b"/", b""), name
        if not path or not folder or name.startswith(b'"'):
            raise self._wrong("file names must begin with a/ or b/ and not be quoted")
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
            raise self._wrong("no hunk after the file names")
        end = 0
        while self._peek().startswith(b"@@ "):
            header = self._at
            hunk = self._hunk()
            if hunk.index < end:
                self._at = header
                raise self._wrong("the hunks overlap or are out of order")
            end = hunk.index + len(hunk.old)
            yield hunk

    def _hunk(self) -> Hunk:
        match = HUNK.match(self._peek())
        if not match:
            raise self._wrong("malformed hunk header")
        old_start, new_start = int(match[1]), int(match[3])
        old_left = int(match[2]) if match[2] else 1
        new_left = int(match[4]) if match[4] else 1
        if (old_left == 0) != (old_start == 0) or (new_left == 0) != (new_start == 0):
            raise self._wrong("a hunk without context cannot be located safely")
        self._at += 1
        old: list[bytes] = []
        new: list[bytes] = []
        size, changed, unended = 0, [], False
        while old_left > 0 or new_left > 0:
            line = self._lines[self._at]
            kind, text = line[:1], line[1:]
            if kind == b"\n":  # some mailers strip the space of an empty line
                kind, text = b" ", line
            elif kind not in (b" ", b"-", b"+"):
                raise self._wrong("the hunk has fewer lines than its header says")
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
            raise self._wrong("the hunk has more lines than its header says")
        if not changed:
            raise self._wrong("the hunk changes nothing")
        if unended and any(not text.endswith(b"\n") for side in (old, new) for text in side[:-1]):
            raise self._wrong("only the last line of a file can lack its newline")
        return Hunk(old_start, new_start, tuple(old), tuple(new), changed[0], size - 1 - changed[-1])

    def _wrong(self, fault: str) -> PatchError:
        return PatchError(self._name, min(self._at + 1, self._count), fault)
