"""Name the kind of a file by its first bytes, for clear errors; the rest of the file is not checked."""

import struct

from hardboot.formats.reading import Data, view

BOOT_IMAGE = "Android boot image"
VENDOR_BOOT_IMAGE = "Android vendor boot image"
ZIMAGE = "ARM zImage kernel"
ARM64_IMAGE = "arm64 kernel"
PATCHED_KERNEL = "Qualcomm UNCOMPRESSED_IMG kernel"
DEVICE_TREE = "device tree"
FIT_IMAGE = "U-Boot FIT image"  # begins as a device tree does
OVERLAY_TABLE = "device tree overlay table (dtbo)"
QCDT_TABLE = "Qualcomm device tree table (QCDT)"
DTBH_TABLE = "Samsung device tree table (DTBH)"
SPRD_TABLE = "Spreadtrum device tree table (SPRD)"
PXA_DT_TABLE = "Marvell device tree table (PXA-DT)"
PXA_19XX_TABLE = "Marvell device tree table (PXA-19xx)"
AMLOGIC_TABLE = "Amlogic device tree table (AML_)"
SPARSE_IMAGE = "Android sparse image"
OTA_PAYLOAD = "Android OTA payload"
SUPER_IMAGE = "super image (dynamic partitions)"
VBMETA_IMAGE = "AVB vbmeta image"
SONY_ELF = "Sony boot image (ELF)"
CPIO = "cpio archive"
ZBOOT = "EFI zboot kernel"
UIMAGE = "U-Boot image"
UBOOT_RAMDISK = "U-Boot ramdisk (uInitrd)"
UBOOT_OTHER = "U-Boot image (no kernel)"
BOOTLOADER = "bootloader"  # known by strings in it, not by its first bytes
RESOURCE_IMAGE = "Rockchip resource image (RSCE)"
ROCKCHIP_IMAGE = "Rockchip image (KRNL or PARM)"
DHTB_IMAGE = "image in a DHTB wrapper"
MTK_PART = "part with a MediaTek header"
BINARY_PATCH = "binary patch (BSDIFF40)"
MOTOROLA_PACKAGE = "Motorola firmware package (SINGLE_N_LONELY)"
ROCKCHIP_PACKAGE = "Rockchip firmware package (RKAF)"
OPPO_FIRMWARE = "encrypted OPPO firmware file (OPPOENCRYPT!)"
AMLOGIC_SECURE = "encrypted Amlogic image (AMLSECU!)"
TEXT = "text file"
EMPTY = "empty file"
TABLE_KINDS = (
    *(OVERLAY_TABLE, QCDT_TABLE, DTBH_TABLE, SPRD_TABLE),
    *(PXA_DT_TABLE, PXA_19XX_TABLE, AMLOGIC_TABLE),
)
TREE_KINDS = (DEVICE_TREE, *TABLE_KINDS, RESOURCE_IMAGE)

# Files whose content cannot be read, by their kind: why, and what to do.
SEALED = {
    MOTOROLA_PACKAGE: (
        "it holds other images",
        "Take the images out with a tool for Motorola's firmware, and give one of them.",
    ),
    ROCKCHIP_PACKAGE: (
        "it holds other images",
        "Take the images out with a tool for Rockchip's firmware, and give one of them.",
    ),
    BINARY_PATCH: (
        "it holds only what differs from another file",
        "Apply it to that file with bspatch, and give the result.",
    ),
    OPPO_FIRMWARE: (
        "the ZIP archive in it is encrypted with a key of the phone's recovery",
        "Decrypt it with a tool for OPPO's .ozip, and give an image out of it.",
    ),
    AMLOGIC_SECURE: (
        "only the chip that it is for has the key",
        "Give an image for a device without Amlogic's secure boot.",
    ),
}

_ELF = "ELF file"

# Offset, magic, name. The first match wins: kernels come before the MZ that they may begin with.
_MAGICS = (
    (0, b"ANDROID!", BOOT_IMAGE),
    (0, b"VNDRBOOT", VENDOR_BOOT_IMAGE),
    (0x24, struct.pack("<I", 0x016F2818), ZIMAGE),
    (0x24, struct.pack(">I", 0x016F2818), "big-endian ARM zImage kernel"),
    (0x38, b"ARM\x64", ARM64_IMAGE),
    (0x30, b"ARM\x64", ARM64_IMAGE),  # formats/kernels/arm64image.py has the sources
    (0, struct.pack("<IIQQQ", 0x14000008, 0, 0x80000, 0, 0), ARM64_IMAGE),
    (0, b"UNCOMPRESSED_IMG", PATCHED_KERNEL),
    (0, b"MZ\0\0zimg", ZBOOT),
    (0x202, b"HdrS", "x86 kernel"),
    (0, b"\xd0\x0d\xfe\xed", DEVICE_TREE),
    (0, b"\xd7\xb7\xab\x1e", OVERLAY_TABLE),
    (0, b"QCDT", QCDT_TABLE),
    (0, b"DTBH", DTBH_TABLE),
    (0, b"SPRD", SPRD_TABLE),
    (0, b"PXA-DT", PXA_DT_TABLE),
    (0, b"PXA-19xx", PXA_19XX_TABLE),
    (0, b"AML_", AMLOGIC_TABLE),
    (0, b"RSCE", RESOURCE_IMAGE),
    (0, b"KRNL", ROCKCHIP_IMAGE),
    (0, b"PARM", ROCKCHIP_IMAGE),
    (0, b"\x27\x05\x19\x56", UIMAGE),
    (0, b"\x3a\xff\x26\xed", SPARSE_IMAGE),
    (0, b"AVB0", VBMETA_IMAGE),
    (0, b"DHTB\1\0\0\0", DHTB_IMAGE),
    (0, b"microloader", "Amonet microloader"),
    (0, b"\x88\x16\x88\x58", MTK_PART),
    (0, b"CHROMEOS", "ChromeOS kernel image"),
    (0, b"$OS$", "Intel OSIP image"),
    (0, b"-SIGNED-BY-SIGNBLOB-", "Tegra blob"),
    (0, b"MSM-RADIO-UPDATE", "Tegra blob"),
    (0, b"CrAU", OTA_PAYLOAD),
    (0, b"BSDIFF40", BINARY_PATCH),
    (0, b"OPPOENCRYPT!", OPPO_FIRMWARE),
    (0, b"SINGLE_N_LONELY", MOTOROLA_PACKAGE),
    (0, b"RKAF", ROCKCHIP_PACKAGE),
    (0, b"AMLSECU!", AMLOGIC_SECURE),
    (0, b"\x1f\x8b", "gzip data"),
    (0, b"\xfd7zXZ\0", "xz data"),
    (0, b"\x5d\0\0", "lzma data"),
    (0, b"BZh", "bzip2 data"),
    (0, b"\x89LZO", "lzop data"),
    (0, b"\x04\x22\x4d\x18", "lz4 data"),
    (0, b"\x02\x21\x4c\x18", "lz4 data"),
    (0, b"\x28\xb5\x2f\xfd", "zstd data"),
    (0, b"070701", CPIO),
    (0, b"070702", CPIO),
    (0, b"070707", CPIO),
    (0, b"PK\3\4", "ZIP archive"),
    (0, b"\x7fELF\1\1\1\x61", SONY_ELF),
    (0, b"\x7fELF\2\1\1\x61", SONY_ELF),
    (0, b"\x7fELF", _ELF),
    (0, b"hsqs", "squashfs file system"),
    (0x400, b"\xe2\xe1\xf5\xe0", "EROFS file system"),
    (0x400, b"\x10\x20\xf5\xf2", "F2FS file system"),
    (0x438, b"\x53\xef", "ext4 file system"),
    (0x1000, b"gDla", SUPER_IMAGE),
)
_REFINED = 32  # bytes that tell kinds with the same magic apart
_IH_TYPE_RAMDISK, _IH_TYPE_KERNELS = b"\3", (b"\2", b"\4", b"\16")  # U-Boot include/image.h
_FIT_NODE = b"\0\0\0\1images\0\0"  # FDT_BEGIN_NODE and the name of the node that every FIT has
_FIT_HEAD = 4096  # bytes up to it: the properties of the root come first
_ARM_PROGRAM = struct.pack("<HH", 2, 40)  # ET_EXEC, EM_ARM
_TEXT_SAMPLE = 512  # bytes
_TEXT_CONTROLS = frozenset(b"\t\n\r\f\x1b")


def sniff(data: Data) -> str | None:
    """Return the kind of `data`, in words; None if it is unknown."""
    whole = view(data)
    if not whole:
        return EMPTY
    for offset, magic, name in _MAGICS:
        if whole[offset : offset + len(magic)] == magic:
            return _refined(name, bytes(whole[:_REFINED]))
    return TEXT if _is_text(bytes(whole[:_TEXT_SAMPLE])) else None


def _refined(name: str, head: bytes) -> str:
    if name == UIMAGE and len(head) == _REFINED and head[30:31] not in _IH_TYPE_KERNELS:
        return UBOOT_RAMDISK if head[30:31] == _IH_TYPE_RAMDISK else UBOOT_OTHER
    if name == _ELF and head[4:5] == b"\2" and head[16:20] == _ARM_PROGRAM:
        return SONY_ELF  # 64 bits for 32-bit ARM: formats/boot/sonyelf.py has the source
    return name


def _is_text(sample: bytes) -> bool:
    known = all(byte >= 0x20 or byte in _TEXT_CONTROLS for byte in sample) and 0x7F not in sample
    return known and any(byte < 0x80 for byte in sample)  # erased flash is 0xff


def described(data: Data) -> str:
    """Return the kind of `data` with its article, for "this is ...": the first bytes if it is unknown."""
    name = sniff(data)
    if name is None:
        return f"unknown data (it begins with {bytes(view(data)[:8]).hex(' ')})"
    if name == DEVICE_TREE and _FIT_NODE in bytes(view(data)[:_FIT_HEAD]):
        name = FIT_IMAGE
    return name if name.endswith(" data") else f"an {name}" if name[0] in "aeiAEI" else f"a {name}"
