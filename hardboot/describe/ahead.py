"""The document of an image, begun before the command line is understood.

Python takes as long to load the command line as to hash a boot image: they go side by side.
"""

from collections.abc import Sequence
from pathlib import Path

from hardboot.background import Task
from hardboot.describe import Document, describe
from hardboot.files import map_file

_begun: dict[Path, Task[Document]] = {}


def begin(arguments: Sequence[str]) -> None:
    """Start on the image of the command line `info IMAGE`, with no options but those without values."""
    words = [word for word in arguments if not word.startswith("-")]
    if len(words) == 2 and words[0] == "info":
        path = Path(words[1])
        _begun[path] = Task(lambda: _document(path))


def document(path: Path) -> Document:
    """The document of the image `path`, begun or not.

    Raises:
        InputError: See `describe`, or it cannot be read.
    """
    task = _begun.pop(path, None)
    return task.result() if task else _document(path)


def _document(path: Path) -> Document:
    return describe(path, memoryview(map_file(path)))
