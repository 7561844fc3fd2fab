"""Kernel command lines as words: which the bootloader added or changed, and where each word comes from."""

import re
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

# Bytes with the final NUL, COMMAND_LINE_SIZE of arch/arm and arch/arm64 include/uapi/asm/setup.h.
SIZES = MappingProxyType({"arm": 1024, "arm64": 2048})

ROM = "ROM"
BOOTLOADER = "bootloader"
REPLACED = "--cmdline"
APPENDED = "--append"
MARK = "hardboot"

# As lib/cmdline.c next_arg() splits it: quotes keep spaces, a quote that is not closed runs to the end.
_WORD = re.compile(r'(?:[^ \t\n\v\f\r"]|"[^"]*(?:"|$))+')
# Each occurrence of these adds to the ones before; of every other parameter the last one counts.
_ADDING = frozenset({"console", "earlycon", "initcall_blacklist", "mem", "memmap", "dyndbg"})
_NO_CHANGE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Word:
    """One word of a command line.

    Attributes:
        source: Where it comes from: `ROM`, `BOOTLOADER`, `REPLACED`, `APPENDED` or `MARK`.
        loses_to: Index of the word that counts instead; None if this one counts. The same text there
            means that the word occurs twice.
    """

    text: str
    source: str
    loses_to: int | None = None


@dataclass(frozen=True)
class CommandLine:
    """A guest's command line.

    Attributes:
        removed: Words of the ROM's own command line that are not in it.
        size: Room for it in the guest's kernel, in bytes, with the final NUL.
    """

    words: tuple[Word, ...]
    removed: tuple[str, ...]
    size: int

    @property
    def text(self) -> str:
        """The command line as the kernel gets it."""
        return " ".join(word.text for word in self.words)


def split(text: str) -> list[str]:
    """Return the words of `text` as the kernel splits it; an open quote at the end is closed."""
    words: list[str] = _WORD.findall(text)
    if words and words[-1].count('"') % 2:
        words[-1] += '"'
    return words


def key(word: str) -> str:
    """Return the name of the parameter that a word sets; the kernel takes - and _ for the same."""
    return word.partition("=")[0].strip('"').replace("-", "_")


def last_value(text: str, name: str) -> str | None:
    """Return the value of the last word `name=value`, without its quotes; None if there is no such word."""
    values = [word.partition("=")[2] for word in split(text) if word.startswith(f"{name}=")]
    return values[-1].strip('"') if values else None


def passed_on(
    own: str, *, skip: int = 0, replaced: Mapping[str, str] = _NO_CHANGE, dropped: Collection[str] = ()
) -> str:
    """Return what a bootloader passes on of the command line `own` of an image.

    Args:
        own: The image's command line.
        skip: Characters removed at the start.
        replaced: New values of words by name: {"console": "null"}.
        dropped: Names of words that are removed.
    """
    kept = (word for word in split(own[skip:]) if word.partition("=")[0] not in dropped)
    names = ((word, word.partition("=")[0]) for word in kept)
    return " ".join(f"{name}={replaced[name]}" if name in replaced else word for word, name in names)


def additions(
    running: str,
    own: str,
    *,
    skip: int = 0,
    replaced: Mapping[str, str] = _NO_CHANGE,
    dropped: Collection[str] = (),
) -> str:
    """Return the words of `running` that the bootloader added: those that are not from `own`.

    A word that occurs twice in `running` and once in `own` was added once; the order is kept. Not every
    version of a bootloader has the quirks of its phone: the reading that leaves the fewest words counts.

    Args:
        running: The host kernel's /proc/cmdline.
        own: The command line in the header of the boot image that it was started from.
        skip: See `passed_on`.
        replaced: See `passed_on`.
        dropped: See `passed_on`.
    """
    candidates = [
        difference(running, passed_on(own, skip=skipped, replaced=values, dropped=names))
        for skipped in dict.fromkeys((skip, 0))
        for values, names in ((replaced, dropped), (_NO_CHANGE, ()))
    ]
    fewest: list[str] = min(candidates, key=len)
    return " ".join(fewest)


def compose(own: str, parts: Sequence[tuple[str, str | None]], *, size: int) -> CommandLine:
    """Join `parts` to one command line.

    Args:
        own: The ROM's own command line, to tell which of its words are missing.
        parts: Source and text of each; None and "" add nothing.
        size: See `CommandLine`; the planner checks it.
    """
    words = [(word, source) for source, text in parts for word in split(text or "")]
    removed = difference(own, " ".join(word for word, _ in words))
    last: dict[str, int] = {}
    end = next((at for at, (word, _) in enumerate(words) if word == "--"), len(words))  # from there: init's
    for at, (word, _) in enumerate(words[:end]):
        last[word if key(word) in _ADDING else key(word)] = at
    built = []
    for at, (word, source) in enumerate(words):
        winner = last[word if key(word) in _ADDING else key(word)] if at < end else at
        built.append(Word(word, source, None if winner == at else winner))
    return CommandLine(tuple(built), tuple(removed), size)


def difference(text: str, known_text: str) -> list[str]:
    """Return the words of `text` that occur in `known_text` less often."""
    known = Counter(split(known_text))
    left = []
    for word in split(text):
        if known[word]:
            known[word] -= 1
        else:
            left.append(word)
    return left
