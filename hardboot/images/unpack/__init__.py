"""Take an image apart into a folder, and put it together again: byte for byte if nothing was changed.

The folder has one file a part, image.toml for people, and frame.bin: all of the image that is no part.
A sparse image is taken apart as what it expands to; sparse.bin keeps how it was written.
Names of files come from this program alone, never from the image.
"""

from hardboot.images.unpack.packing import Packed, pack
from hardboot.images.unpack.unpacking import Unpacked, unpack

__all__ = ["Packed", "Unpacked", "pack", "unpack"]
