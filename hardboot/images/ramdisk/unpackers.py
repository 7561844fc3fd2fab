"""Which ramdisks a kernel can unpack, by its configuration (IKCONFIG), else by its release.

Sources: Linux usr/Kconfig (CONFIG_RD_*) and lib/decompress.c; lib/decompress_inflate.c, which skips a file
name in a gzip header and nothing else; lib/xz/xz_dec_stream.c, which knows no check but CRC32;
init/initramfs.c, do_header, and init/do_mounts_rd.c for file systems; lib/decompress_unzstd.c.
"""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from hardboot.base.errors import InputError
from hardboot.formats.archives.compression import Compression
from hardboot.formats.archives.cpio import Kind
from hardboot.formats.kernels.kernel_image import KernelImage
from hardboot.formats.kernels.release import Version, parse_version
from hardboot.formats.reading import Data, view

NEWC = "Make it again: cpio -o -H newc"

_ALWAYS_GZIP: Version = (2, 6, 30)  # before, there was only gzip, and no option
_CRC: Version = (5, 19, 0)
_HEAD = 8  # bytes that are looked at
_XZ_CHECK = 7  # offset of the kind of check in an .xz header
_XZ_CRC32 = 1
_GZIP_FLAGS = 3  # offset
_GZIP_UNREAD = 0x02 | 0x04 | 0x10  # header checksum, extra field, comment
_ZSTD_FLAGS, _ZSTD_WINDOW = 4, 5  # offsets; RFC 8878, 3.1.1.1
_ZSTD_SINGLE = 0x20  # there is no window then
_ZSTD_MAX_EXPONENT = 17  # 2^(10+17) bytes; lib/decompress_unzstd.c, ZSTD_WINDOWSIZE_MAX


class _Unpacker(NamedTuple):
    option: str
    since: Version


_UNPACKERS: Mapping[Compression | Literal["lzop"], _Unpacker] = {
    "gzip": _Unpacker("CONFIG_RD_GZIP", (0, 0, 0)),
    "bzip2": _Unpacker("CONFIG_RD_BZIP2", (2, 6, 30)),
    "lzma": _Unpacker("CONFIG_RD_LZMA", (2, 6, 30)),
    "lzop": _Unpacker("CONFIG_RD_LZO", (2, 6, 33)),
    "xz": _Unpacker("CONFIG_RD_XZ", (2, 6, 38)),
    "lz4-legacy": _Unpacker("CONFIG_RD_LZ4", (3, 11, 0)),
    "lz4-lg": _Unpacker("CONFIG_RD_LZ4", (3, 11, 0)),
    "zstd": _Unpacker("CONFIG_RD_ZSTD", (5, 9, 0)),
}


def refused(problem: str, fix: str) -> InputError:
    """Return the error for a ramdisk that cannot be started."""
    return InputError(f"the ramdisk cannot be started: {problem}", state="Nothing was changed.", fix=fix)


def version(kernel: KernelImage) -> Version | None:
    """Return the version in the kernel's release; None if the kernel does not tell it."""
    return parse_version(kernel.release or "")


def option(kernel: KernelImage, name: str) -> bool | None:
    """Return whether the kernel was built with an option; None if it does not tell its configuration."""
    config = kernel.config or {}
    if "CONFIG_BLK_DEV_INITRD" not in config:  # in every whole configuration
        return None
    return config.get(name) == "y"


def check_takes_ramdisks(kernel: KernelImage) -> None:
    """Refuse a kernel that was built without support for ramdisks.

    Raises:
        InputError: If it was.
    """
    if option(kernel, "CONFIG_BLK_DEV_INITRD") is False:
        problem = "the kernel was built without CONFIG_BLK_DEV_INITRD (its IKCONFIG) and takes no ramdisk"
        raise refused(problem, "Use another kernel, or build this one with CONFIG_BLK_DEV_INITRD=y.")


def check_compression(kind: Compression | Literal["lzop"], stream: Data, kernel: KernelImage) -> str | None:
    """Refuse a stream that the kernel cannot unpack; return a warning if that is likely.

    Args:
        kind: As `compression.detect` names it.
        stream: Its first bytes, or more of it.
        kernel: The kernel.

    Raises:
        InputError: If it cannot.
    """
    head = bytes(view(stream)[:_HEAD]).ljust(_HEAD, b"\0")
    if kind == "lz4":
        raise refused("it is an lz4 frame; Linux reads lz4's legacy format only", "Pack it again: lz4 -l -9")
    if kind == "xz" and head[_XZ_CHECK] & 0xF > _XZ_CRC32:
        problem = "its xz stream has a check that is not CRC32, which no Linux kernel reads"
        raise refused(problem, "Pack it again: xz --check=crc32 --lzma2=dict=1MiB")
    if kind == "gzip" and (head[1] != 0x8B or head[_GZIP_FLAGS] & _GZIP_UNREAD):
        problem = (
            "its gzip header has fields that Linux does not skip (a comment, an extra field, a checksum)"
        )
        raise refused(problem, "Pack it again: gzip -9n")
    if (
        kind == "zstd"
        and not head[_ZSTD_FLAGS] & _ZSTD_SINGLE
        and head[_ZSTD_WINDOW] >> 3 > _ZSTD_MAX_EXPONENT
    ):
        problem = "its zstd window is larger than 128 MiB, the most that Linux takes"
        raise refused(problem, "Pack it again without --long and --ultra: zstd -19")
    unpacker = _UNPACKERS[kind]
    release = version(kernel)
    built_in = option(kernel, unpacker.option)
    if built_in or (kind == "gzip" and release is not None and release < _ALWAYS_GZIP):
        return None
    if built_in is False:
        others = [name for name, one in _UNPACKERS.items() if option(kernel, one.option)]
        names = " or ".join(name for name in others if name not in ("lzop", "lz4-lg"))
        problem = f"it is {kind} data, and the kernel was built without {unpacker.option} (its IKCONFIG)"
        again = f"Pack it again with {names}, or not at all" if names else "Do not pack it"
        raise refused(problem, f"{again}; or use another kernel.")
    if release is not None and release < unpacker.since:
        since = ".".join(map(str, unpacker.since)).removesuffix(".0")
        return (
            f"the ramdisk is {kind} data, which Linux unpacks since {since}; the kernel is {kernel.release} "
            "and does not tell its configuration"
        )
    if kind == "lzop":
        return "the ramdisk is lzop data, which few kernels unpack; this one does not tell its configuration"
    return None


def check_archive(kind: Kind, kernel: KernelImage) -> str | None:
    """Refuse an archive that the kernel cannot read; return a warning if that is likely.

    Raises:
        InputError: If it cannot.
    """
    if kind == "odc":
        raise refused("it is a cpio archive in the old portable format (odc); Linux reads newc", NEWC)
    release = version(kernel)
    if kind == "crc" and release is None:
        return "the ramdisk is a cpio archive with checksums (crc), which Linux reads since 5.19 only"
    if kind == "crc" and release is not None and release < _CRC:
        problem = "it is a cpio archive with checksums (crc), which Linux reads since 5.19"
        raise refused(f"{problem}; the kernel is {kernel.release}", NEWC)
    return None
