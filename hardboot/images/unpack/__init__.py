"""Unpack an image into a folder and pack it again: the same bytes if nothing was changed.

The folder has a file for each part, image.toml to edit, and frame.bin: the bytes between the parts. A sparse
image is expanded first; sparse.bin keeps the layout of its chunks. File names never come from the image.
"""

from hardboot.images.unpack.packing import Packed, pack
from hardboot.images.unpack.unpacking import Unpacked, unpack

__all__ = ["Packed", "Unpacked", "pack", "unpack"]
