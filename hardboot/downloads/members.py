"""The images among the files of a folder or archive, by the files' names."""

import re
from collections.abc import Callable, Mapping, Sequence

from hardboot.base.errors import InputError
from hardboot.downloads import block_ota, layers
from hardboot.downloads.found import Found, Member
from hardboot.downloads.image_source import ImageSource
from hardboot.downloads.tree_source import TreeSource
from hardboot.formats.archives.decoders import Streamed

PAYLOAD = "payload.bin"
_TRANSFER_LIST = re.compile(r"([A-Za-z0-9_-]{1,64})\.transfer\.list")
_CHUNK = re.compile(r"([A-Za-z0-9_-]{1,64})\.img(?:_sparsechunk)?\.\d{1,3}")
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
        or file.endswith((".transfer.list", *block_ota.DATA))
        or _CHUNK.fullmatch(file) is not None
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
        InputError: If a payload is damaged.
    """
    images: dict[str, ImageSource] = {}
    refused: dict[str, InputError] = {}
    by_file: dict[str, list[Member]] = {}
    for member in members:
        by_file.setdefault(member.file, []).append(member)
    for file, same in by_file.items():
        name = _refused_name(file)
        if name:
            refused[name] = other_format(file) or _split(name)
        elif file == PAYLOAD:
            from hardboot.downloads import payloads  # protobuf takes longer to import than all else here

            found = payloads.read(same[0].content())
            kind, images, refused = found.kind, {**found.images, **images}, {**found.refused, **refused}
    for file, same in sorted(by_file.items(), key=lambda item: -len(item[0])):
        match = _TRANSFER_LIST.fullmatch(file)
        if match:
            kind = "block-based OTA"
            data = [one for end in block_ota.DATA for one in by_file.get(f"{match[1]}{end}", [])]
            _add(images, refused, match[1], [*same, *data], lambda n, m: block_ota.read(n, m[0], m[1:]))
    # A longer name comes first, so that an uncompressed image replaces a compressed one beside it.
    for file, same in sorted(by_file.items(), key=lambda item: -len(item[0])):
        named = layers.image_name(file)
        if named:
            _add(images, refused, named[0], same, _opener(named[1]))
    return Found(kind, images, refused, trees)


def _split(name: str) -> InputError:
    return InputError(
        f"{name}.img is split into several sparse images",
        state="Nothing was changed.",
        fix=f"Extract and join them: simg2img {name}.img*.* {name}.img",
    )


def _refused_name(file: str) -> str | None:
    match = _CHUNK.fullmatch(file)
    if match:
        return match[1]
    return file.rpartition(".")[0] or None if other_format(file) else None


def _opener(kind: Streamed | None) -> Callable[[str, Sequence[Member]], ImageSource]:
    return lambda name, same: layers.image(name, same[0].opened, same[0].size, kind, same[0].head)


def _add(
    images: dict[str, ImageSource],
    refused: dict[str, InputError],
    name: str,
    members: Sequence[Member],
    read: Callable[[str, Sequence[Member]], ImageSource],
) -> None:
    """Add an image, or the reason why it cannot be read."""
    files = [member.file for member in members]
    try:
        double = next((file for file in files if files.count(file) > 1), None)
        if double:
            raise InputError(
                f"{double} is in the archive {files.count(double)} times",
                state="Nothing was changed.",
                fix="Extract the images into a folder, and give the folder.",
            )
        images[name] = read(name, members)
        refused.pop(name, None)
    except InputError as error:
        images.pop(name, None)
        refused[name] = error
