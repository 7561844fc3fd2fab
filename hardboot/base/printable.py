"""Text of others, which may hold what controls a terminal, as one line that people can read."""


def printable(text: str) -> str:
    """Return `text` on one line, with escapes in place of line ends and other control characters."""
    return text if text.isprintable() else "".join(map(_escaped, text))


def printable_lines(text: str) -> str:
    """Return `text` with its line ends and tabs, and escapes in place of other control characters."""
    return "".join(char if char in "\n\t" else _escaped(char) for char in text)


def _escaped(char: str) -> str:
    return char if char.isprintable() else repr(char)[1:-1]
