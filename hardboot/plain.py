"""Command lines that need no parser: a verb with its words, and --json.

The library that parses all others takes as long to load as it takes to hash 60 MiB.
"""

from __future__ import annotations

TYPE_CHECKING = False  # of `typing`, which takes 11 ms to load
if TYPE_CHECKING:
    from collections.abc import Callable

    from hardboot.commands.settings import Settings

_WORDS = {"info": 1, "unpack": 2, "pack": 2}  # how many each takes


def find(arguments: list[str], settings: Settings) -> Callable[[], None] | None:
    """What a plain command line does, with `settings` told; None if it has to be parsed."""
    verb, *words = [word for word in arguments if word != "--json"] or [""]
    if len(words) != _WORDS.get(verb) or any(word.startswith("-") or not word for word in words):
        return None
    settings.json = "--json" in arguments
    from hardboot.commands import images

    return lambda: getattr(images, verb)(settings, *words)
