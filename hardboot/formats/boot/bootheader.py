"""The headers of Android boot images, v0 to v4 and Samsung's PXA variant.

Sources: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h; Magisk native/src/boot/bootimg.hpp (PXA).
"""

from __future__ import annotations

from hardboot.formats.header import Layout
from hardboot.formats.reading import malformed

WHAT = "boot image"
BOOT_MAGIC = b"ANDROID!"
BOOT_ARGS_SIZE = 512
BOOT_EXTRA_ARGS_SIZE = 1024
VERSION_OFFSET = 0x28  # in every version
LAST_VERSION = 8  # a larger number there is the size of a legacy Qualcomm device tree table

_V0 = (
    ("magic", "8s"),
    ("kernel_size", "I"),
    ("kernel_addr", "I"),
    ("ramdisk_size", "I"),
    ("ramdisk_addr", "I"),
    ("second_size", "I"),
    ("second_addr", "I"),
    ("tags_addr", "I"),
    ("page_size", "I"),
    ("header_version", "I"),
    ("os_version", "I"),
    ("name", "16s"),
    ("cmdline", f"{BOOT_ARGS_SIZE}s"),
    ("id", "32s"),
    ("extra_cmdline", f"{BOOT_EXTRA_ARGS_SIZE}s"),
)
_V1 = (*_V0, ("recovery_dtbo_size", "I"), ("recovery_dtbo_offset", "Q"), ("header_size", "I"))
_V2 = (*_V1, ("dtb_size", "I"), ("dtb_addr", "Q"))
_V3 = (
    ("magic", "8s"),
    ("kernel_size", "I"),
    ("ramdisk_size", "I"),
    ("os_version", "I"),
    ("header_size", "I"),
    ("reserved", "16s"),
    ("header_version", "I"),
    ("cmdline", f"{BOOT_ARGS_SIZE + BOOT_EXTRA_ARGS_SIZE}s"),
)
_V4 = (*_V3, ("signature_size", "I"))
_PXA = (
    *_V0[:7],
    ("dt_size", "I"),
    ("unknown", "I"),
    ("tags_addr", "I"),
    ("page_size", "I"),
    ("name", "24s"),
    *_V0[12:],
)

LAYOUTS = tuple(Layout(WHAT, "<", *fields) for fields in (_V0, _V1, _V2, _V3, _V4))
HEADER_SIZES = tuple(layout.size for layout in LAYOUTS)  # of v0 to v4, in bytes
V3_PAGE_SIZE = 4096
PXA = Layout(WHAT, "<", *_PXA)
PXA_UNKNOWN_MIN = 0x02000000  # AOSP's page size stands where PXA has an address

# The parts of each version, in file order; an empty dt is not there at all.
PARTS = (
    ("kernel", "ramdisk", "second", "dt"),
    ("kernel", "ramdisk", "second", "recovery_dtbo"),
    ("kernel", "ramdisk", "second", "recovery_dtbo", "dtb"),
    ("kernel", "ramdisk"),
    ("kernel", "ramdisk", "signature"),
)


def os_version_text(word: int) -> str | None:
    """The Android version in the word os_version, such as "13.0.0"; None if it is not stated."""
    version = word >> 11
    return f"{version >> 14}.{version >> 7 & 0x7F}.{version & 0x7F}" if version else None


def os_patch_level_text(word: int) -> str | None:
    """The security patch level in the word os_version, such as "2023-05"; None if it is not stated."""
    level = word & 0x7FF
    return f"{2000 + (level >> 4)}-{level & 0xF:02}" if level else None


def stored_os_version(version: str, patch_level: str) -> int:
    """The word that stands for an Android version "13.0.0" and a patch level "2023-05"; "" is none.

    Raises:
        InputError: If either is something else.
    """
    import re  # takes 7 ms to load, and reading needs none

    found = re.fullmatch(r"(\d{1,3})\.(\d{1,3})\.(\d{1,3})", version or "0.0.0")
    level = re.fullmatch(r"(\d{4})-(\d{2})", patch_level or "2000-00")
    if not found or not level:
        problem = f"{version!r} and {patch_level!r}"
        fix = 'Give them as "13.0.0" and "2023-05", or "".'
        raise malformed(WHAT, "os_version", 0x2C, problem, fix=fix)
    numbers, year, month = [int(one) for one in found.groups()], int(level[1]) - 2000, int(level[2])
    if max(numbers) > 127 or not 0 <= year <= 127 or month > 15:
        raise malformed(WHAT, "os_version", 0x2C, f"{version} {patch_level}", fix="Give smaller numbers.")
    return numbers[0] << 25 | numbers[1] << 18 | numbers[2] << 11 | year << 4 | month
