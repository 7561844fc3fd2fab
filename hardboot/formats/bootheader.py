"""The headers of Android boot images, v0 to v4 and Samsung's PXA variant.

Sources: AOSP system/tools/mkbootimg, include/bootimg/bootimg.h; Magisk native/src/boot/bootimg.hpp (PXA).
"""

from hardboot.formats.header import Layout

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
