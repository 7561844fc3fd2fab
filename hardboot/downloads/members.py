"""The images among the files of a folder or archive, by the files' names."""

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial

from hardboot.base.errors import InputError
from hardboot.downloads import block_ota, layers, split_images
from hardboot.downloads.found import Found, Member
from hardboot.downloads.image_source import ImageSource
from hardboot.downloads.tree_source import TreeSource

PAYLOAD = "payload.bin"
# OPPO's have a number of the region in their names: my_product.00011011.transfer.list.
_TRANSFER_LIST = re.compile(r"([A-Za-z0-9_-]{1,64})(\.\d{1,16})?\.transfer\.list")
# Files of makers' own formats, by the end of their names.
_OTHER = {
    ".sin": "a Sony firmware file (.sin)",
    ".kdz": "an LG firmware file (.kdz)",
    ".pac": "a Spreadtrum firmware file (.pac)",
    ".ozip": "an encrypted OPPO firmware file (.ozip)",
    ".ofp": "an encrypted OPPO firmware file (.ofp)",
    ".ops": "an encrypted OnePlus firmware file (.ops)",
    ".nb0": "a firmware file (.nb0)",
}


def is_wanted(file: str) -> bool:
    """Return whether a file of this name is an image, or part of one."""
    return (
        file == PAYLOAD
        or layers.image_name(file) is not None
        or _TRANSFER_LIST.fullmatch(file) is not None
        or block_ota.is_data(file)
        or split_images.part_of(file) is not None
        or other_format(file) is not None
    )


def other_format(file: str) -> InputError | None:
    """Return why a file of a maker's own format cannot be read; None for another file."""
    for end, what in _OTHER.items():
        if file.lower().endswith(end):
            return InputError(
                f"{file} is {what}, which hardboot does not read",
                state="Nothing was changed.",
                fix=f"Unpack it with a tool for {end} files, and give the images.",
            )
    return None


def find(members: Sequence[Member], kind: str, trees: Mapping[str, TreeSource]) -> Found:
    """Return the images in the files of a folder or archive.

    Files of images count more than a payload beside them: they were taken out of it.

    Args:
        members: The files; those with another name than images have are left alone.
        kind: For people: "zip archive".
        trees: File trees beside them.

    Raises:
        InputError: If a payload is damaged, or there are two.
    """
    found = _Images(members)
    kind = found.add_payload() or kind
    found.add_makers_files()
    found.add_split_images()
    kind = "block-based OTA" if found.add_block_otas() else kind
    found.add_images()
    return Found(kind, found.images, found.refused, trees)


class _Images:
    """The images found so far; one that is added replaces one of its name.

    Attributes:
        images: By name.
        refused: Why others cannot be read, by name.
    """

    def __init__(self, members: Sequence[Member]) -> None:
        self.images: dict[str, ImageSource] = {}
        self.refused: dict[str, InputError] = {}
        self._by_file: dict[str, list[Member]] = {}
        for member in members:
            self._by_file.setdefault(member.file, []).append(member)

    def add_payload(self) -> str | None:
        """Add the partitions of a payload; return its kind, None without one."""
        if PAYLOAD not in self._by_file:
            return None
        from hardboot.downloads import payloads  # protobuf takes longer to import than all else here

        found = payloads.read(_only(self._by_file[PAYLOAD]).content())
        self.images.update(found.images)
        self.refused.update(found.refused)
        return found.kind

    def add_makers_files(self) -> None:
        for file in self._by_file:
            error = other_format(file)
            if error:
                self.refused[file.rpartition(".")[0] or file] = error

    def add_split_images(self) -> None:
        parts: dict[str, list[Member]] = {}
        for file, same in self._by_file.items():
            name = split_images.part_of(file)
            if name:
                parts.setdefault(name, []).extend(same)
        for name, members in parts.items():
            self._add(name, partial(split_images.read, name, members), members)

    def add_block_otas(self) -> bool:
        """Add what transfer lists make; return whether there are any."""
        lists = [(file, match) for file in self._by_file if (match := _TRANSFER_LIST.fullmatch(file))]
        for file, match in lists:
            start = match[1] + (match[2] or "")
            data = [
                one
                for other, same in self._by_file.items()
                if other.startswith(f"{start}.new.dat")
                for one in same
            ]
            listed = self._by_file[file]
            self._add(match[1], partial(block_ota.read, match[1], listed[0], data), [*listed, *data])
        return bool(lists)

    def add_images(self) -> None:
        # A longer name comes first, so that an uncompressed image replaces a compressed one beside it.
        for file, same in sorted(self._by_file.items(), key=lambda item: -len(item[0])):
            named = layers.image_name(file)
            if named:
                one = same[0]
                self._add(
                    named[0], partial(layers.image, named[0], one.opened, one.size, named[1], one.head), same
                )

    def _add(self, name: str, read: Callable[[], ImageSource], members: Sequence[Member]) -> None:
        """Add an image, or the reason why it cannot be read; no two members may have one name."""
        try:
            for member in members:
                _only([one for one in members if one.file == member.file])
            self.images[name] = read()
            self.refused.pop(name, None)
        except InputError as error:
            self.images.pop(name, None)
            self.refused[name] = error


def _only(same: Sequence[Member]) -> Member:
    """Return the one member of a name.

    Raises:
        InputError: If there are several.
    """
    if len(same) > 1:
        raise InputError(
            f"{same[0].file} is in the archive {len(same)} times",
            state="Nothing was changed.",
            fix="Extract the images into a folder, and give the folder.",
        )
    return same[0]
