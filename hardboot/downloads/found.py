"""What is in a download."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field

from hardboot.base.errors import InputError
from hardboot.downloads.content import FileContent
from hardboot.downloads.image_source import ImageSource
from hardboot.downloads.tree_source import TreeSource


@dataclass(frozen=True)
class Found:
    """What is in a download.

    Attributes:
        kind: For people: "full OTA payload".
        images: Images of partitions, by the partition's name.
        refused: Why an image cannot be read, by its name.
        trees: File trees that are no image: "system", "rootfs".
    """

    kind: str
    images: Mapping[str, ImageSource]
    refused: Mapping[str, InputError]
    trees: Mapping[str, TreeSource] = field(default_factory=dict)


@dataclass(frozen=True)
class Member:
    """A file in a folder or archive.

    Attributes:
        file: Its name without folders.
        size: Bytes that are stated for it.
        opened: Yields its content, each time from its start.
        content: Return it as part of a file, for reading anywhere in it.
        head: Its first bytes, if they were read.
    """

    file: str
    size: int
    opened: Callable[[], Iterator[bytes]] = field(repr=False)
    content: Callable[[], FileContent] = field(repr=False)
    head: bytes = field(repr=False, default=b"")
