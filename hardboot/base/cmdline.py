"""Kernel command lines as words: what the bootloader did to one, and who brought which word. Pure."""

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

# As lib/cmdline.c next_arg() cuts it: quotes keep spaces, a quote that does not end runs to the end.
_WORD = re.compile(r'(?:[^ \t\n\v\f\r"]|"[^"]*(?:"|$))+')
# Each of these adds to what was said before; of every other parameter the last one counts.
_ADDING = frozenset({"console", "earlycon", "initcall_blacklist", "mem", "memmap", "dyndbg"})
_NO_CHANGE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class Word:
    """One word of a command line.

    Attributes:
        source: Who brought it: `ROM`, `BOOTLOADER`, `REPLACED`, `APPENDED` or `MARK`.
        loses_to: Place in the line of the word that counts instead; None if this one counts. The same
            text there means that the word only stands twice.
    """

    text: str
    source: str
    loses_to: int | None = None


@dataclass(frozen=True)
class CommandLine:
    """A guest's command line, and what of the ROM's own is not in it.

    Attributes:
        size: What the guest's kernel has room for, bytes, with the final NUL.
    """

    words: tuple[Word, ...]
    removed: tuple[str, ...]
    size: int

    @property
    def text(self) -> str:
        """As the kernel gets it."""
        return " ".join(word.text for word in self.words)


def split(text: str) -> list[str]:
    """The words of `text`, as the kernel cuts it; a quote that does not end is closed, to change no other."""
    words: list[str] = _WORD.findall(text)
    if words and words[-1].count('"') % 2:
        words[-1] += '"'
    return words


def key(word: str) -> str:
    """The name of the parameter a word sets; the kernel takes - and _ for the same."""
    return word.partition("=")[0].strip('"').replace("-", "_")


def passed_on(
    own: str, *, skip: int = 0, replaced: Mapping[str, str] = _NO_CHANGE, dropped: Collection[str] = ()
) -> str:
    """What a bootloader makes of the command line `own` of an image, without what it adds.

    Args:
        own: The image's command line.
        skip: Characters it loses at the start.
        replaced: New value of every word with such a name: {"console": "null"}.
        dropped: Names of words that are left out.
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
    """The words of `running` (/proc/cmdline) that are not from `own` (the boot image's): the bootloader's.

    A word that stands twice in `running` and once in `own` is added once; the order is kept. Not every
    version of a bootloader has the quirks of its phone: what explains most of `running` is taken.

    Args:
        running: The host kernel's /proc/cmdline.
        own: The command line in the header of the image it was started from.
        skip: See `passed_on`.
        replaced: See `passed_on`.
        dropped: See `passed_on`.
    """
    found = [
        difference(running, passed_on(own, skip=skipped, replaced=values, dropped=names))
        for skipped in dict.fromkeys((skip, 0))
        for values, names in ((replaced, dropped), (_NO_CHANGE, ()))
    ]
    fewest: list[str] = min(found, key=len)
    return " ".join(fewest)


def compose(own: str, parts: Sequence[tuple[str, str | None]], *, size: int) -> CommandLine:
    """The command line made of `parts`, one behind the other.

    Args:
        own: The ROM's own, to tell what of it is missing.
        parts: Who brings what; None and "" bring nothing.
        size: See `CommandLine`; it is the planner's rule that checks it.
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
    """The words of `text` that `known_text` does not have as often."""
    known = Counter(split(known_text))
    left = []
    for word in split(text):
        if known[word]:
            known[word] -= 1
        else:
            left.append(word)
    return left
