"""List, extract and change the files of a ramdisk, without root rights.

Owners and devices stay in the archive; what is not changed is written back as it was read.
"""

from hardboot.images.ramdisk.changing import Changed, append, replace
from hardboot.images.ramdisk.extracting import Extracted, extract
from hardboot.images.ramdisk.opening import Ramdisk, read

__all__ = ["Changed", "Extracted", "Ramdisk", "append", "extract", "read", "replace"]
