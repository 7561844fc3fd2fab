"""Describe boot images of Sony's, which are ELF files."""

from hardboot.formats.boot import sonyelf
from hardboot.images.describe.document import Document, Signed
from hardboot.images.describe.parts import describe_part, describe_tail


def describe_sony(data: memoryview, file: memoryview) -> Document:
    """Describe a boot image of Sony's.

    Args:
        data: The image, and all that follows it.
        file: With what is in front of it.

    Raises:
        InputError: If it is something else, or damaged.
    """
    image = sonyelf.parse(data)
    addresses = {part.name: part.addr for part in image.loaded}
    base = len(file) - len(data)
    parts = [describe_part(part, base, addresses[part.name], b"") for part in image.parts]
    rest = image.gaps[-1]
    end = len(file) - len(rest)
    return {"entry_addr": image.entry, "parts": parts, **describe_tail(rest, end, Signed(file, end))}
