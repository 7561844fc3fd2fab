"""Whether a kernel can start with a ramdisk: refuse what cannot work, warn of what is likely not to.

Sources: Linux init/initramfs.c, unpack_to_rootfs and do_reset; lib/decompress_unlz4.c; init/do_mounts_rd.c.
"""

from itertools import pairwise

from hardboot.base.cmdline import split
from hardboot.base.errors import InputError
from hardboot.formats.archives import compression, ramdisk, rootfs
from hardboot.formats.archives.ramdisk import Fragment
from hardboot.formats.boot import bootconfig
from hardboot.formats.kernels.kernel_image import KernelImage
from hardboot.formats.kernels.release import Version
from hardboot.formats.reading import Data, LimitError, leading_zeros, view
from hardboot.formats.sniff import CPIO, UBOOT_RAMDISK, described, sniff
from hardboot.images.ramdisk import init_program, unpackers
from hardboot.images.ramdisk.unpackers import refused

_SKIPPED = "skip_initramfs"  # Android's kernels; the bootloader of a phone with system-as-root adds it
_UNLZ4_STOPS: Version = (5, 10, 0)  # at zeros: 5.13 and its stable trees
_FIND = "Use the ramdisk of a boot image (hardboot unpack), or make one: cpio -o -H newc | gzip"

# Offset, magic, name: what init/do_mounts_rd.c, identify_ramdisk_image, mounts.
_FILE_SYSTEMS = (
    (0x438, b"\x53\xef", "an ext file system"),
    (0, b"-rom1fs-", "a romfs file system"),
    (0, b"\x45\x3d\xcd\x28", "a cramfs file system"),
    (0, b"hsqs", "a squashfs file system"),
)
_OLD_CPIO = (b"\xc7\x71", b"\x71\xc7")
_TAR_OFFSET, _TAR = 257, b"ustar"
_ROOT_IN_RAM = "root=/dev/ram"


def check(data: Data, kernel: KernelImage, cmdline: str) -> tuple[str, ...]:
    """Return warnings about a ramdisk that is likely not to start.

    Args:
        data: The ramdisk as the kernel gets it, all fragments joined.
        kernel: The kernel; its configuration tells most, if it is known.
        cmdline: The kernel command line.

    Raises:
        InputError: If the kernel cannot start with it.
    """
    words = split(cmdline)
    if _SKIPPED in words:
        return ()
    if unpackers.option(kernel, "CONFIG_INITRAMFS_FORCE"):
        return ("the kernel was built with CONFIG_INITRAMFS_FORCE (its IKCONFIG): it ignores the ramdisk",)
    unpackers.check_takes_ramdisks(kernel)
    zeros = leading_zeros(data)  # which Linux skips
    content = view(data)[zeros:]
    if not content:
        raise refused("it is empty" if not zeros else f"it is {zeros} zero bytes", _FIND)
    kind = compression.detect(content)
    if kind is None and sniff(content) != CPIO:
        return _check_other(view(data), "", words, kernel)  # some begin with zeros
    if kind is not None:
        warning = unpackers.check_compression(kind, content, kernel)
        if kind == "lzop":
            return (warning,) if warning else ()
    try:
        head = view(compression.peek(content))
        fragments, rest = ramdisk.parse(content) if sniff(head) == CPIO else ((), head)
        archives = (archive for fragment in fragments for archive in fragment.archives)
        tree = rootfs.unpack(archives, missing_folders=False)
    except LimitError as error:
        return (f"the ramdisk was not checked: {error.what}",)
    except InputError as error:
        raise refused(
            f"it is damaged or cut off: {error.what}", "Get the image again, or make it again."
        ) from error
    if not fragments:
        return _check_other(head, f"{kind} data with ", words, kernel)
    warnings = [
        *_check_fragments(fragments, zeros, kernel),
        *_check_order(fragments, zeros, kernel),
        *_check_rest(rest, len(data), kernel),
        *init_program.check(tree, kernel, words),
    ]
    return tuple(dict.fromkeys(warnings))


def check_new_kernel(data: Data, kernel: KernelImage) -> tuple[str, ...]:
    """Return warnings about a ramdisk that another kernel starts with, and `kernel` will: can it unpack it?

    Args:
        data: The ramdisk; all or a part of what the kernel gets.
        kernel: The new kernel.

    Raises:
        InputError: If the kernel cannot unpack it.
    """
    zeros = leading_zeros(data)
    content = view(data)[zeros:]
    kind = compression.detect(content)
    if kind is None and sniff(content) != CPIO:
        return ()
    unpackers.check_takes_ramdisks(kernel)
    try:
        fragments, _ = ramdisk.parse(content)
    except InputError:  # damage is not the new kernel's fault
        fragments = ()
    warnings = _check_fragments(fragments, zeros, kernel)
    if kind is not None and not fragments:
        warning = unpackers.check_compression(kind, content, kernel)
        warnings += [warning] if warning else []
    return tuple(dict.fromkeys(warnings))


def _check_other(content: memoryview, packed: str, words: list[str], kernel: KernelImage) -> tuple[str, ...]:
    """Warn of a file system, which Linux may mount as a disk in RAM; refuse everything else."""
    for offset, magic, name in _FILE_SYSTEMS:
        if content[offset : offset + len(magic)] != magic:
            continue
        built_in = unpackers.option(kernel, "CONFIG_BLK_DEV_RAM")
        if built_in is False:
            problem = (
                f"it is {packed}{name}, and the kernel was built without CONFIG_BLK_DEV_RAM (its IKCONFIG)"
            )
            raise refused(problem, _FIND)
        needs = [] if any(word.startswith(_ROOT_IN_RAM) for word in words) else [f"{_ROOT_IN_RAM}0"]
        needs += [] if built_in else ["a kernel with CONFIG_BLK_DEV_RAM"]
        warning = f"the ramdisk is {packed}{name}, not a cpio archive: it needs {' and '.join(needs)}"
        return (warning,) if needs else ()
    if bytes(content[:2]) in _OLD_CPIO:
        raise refused(
            f"it is {packed}a cpio archive in the old binary format; Linux reads newc", unpackers.NEWC
        )
    is_tar = content[_TAR_OFFSET : _TAR_OFFSET + len(_TAR)] == _TAR
    problem = f"it is {packed}{'a tar archive' if is_tar else described(content)}, not a cpio archive"
    if sniff(content) == UBOOT_RAMDISK:
        raise refused(problem, "Take the ramdisk out of U-Boot's header: hardboot unpack uInitrd DIR")
    raise refused(problem, _FIND)


def _offsets(fragments: tuple[Fragment, ...], zeros: int) -> list[int]:
    """Return where each fragment begins."""
    offsets = [zeros]
    for fragment in fragments:
        offsets.append(offsets[-1] + len(fragment.packed) + len(fragment.padding))
    return offsets[:-1]


def _check_fragments(fragments: tuple[Fragment, ...], zeros: int, kernel: KernelImage) -> list[str]:
    warnings: list[str | None] = []
    for fragment, offset in zip(fragments, _offsets(fragments, zeros), strict=True):
        if fragment.compression is not None:
            warnings.append(unpackers.check_compression(fragment.compression, fragment.packed, kernel))
        for archive in fragment.archives:
            warnings.append(unpackers.check_archive(archive.kind, kernel))
            start = archive.offset + (offset if fragment.compression is None else 0)
            if start % 4:
                problem = f"its archive at {start:#x} does not begin at a multiple of 4 bytes"
                raise refused(problem, "Put zeros in front of it.")
            if archive.trailer is None:
                warnings.append("an archive of the ramdisk has no end mark (TRAILER!!!): it may be cut off")
    return [warning for warning in warnings if warning]


def _check_order(fragments: tuple[Fragment, ...], zeros: int, kernel: KernelImage) -> list[str]:
    """Warn of a fragment that is lost: Linux reads what follows lz4 blocks as one more block."""
    release = unpackers.version(kernel)
    stops = release is not None and release >= _UNLZ4_STOPS
    offsets = _offsets(fragments, zeros)
    warnings = []
    for index, (one, other) in enumerate(pairwise(fragments)):
        if one.compression not in ("lz4-legacy", "lz4-lg"):
            continue
        room = len(one.padding)
        if (other.compression == "lz4-legacy" and not room) or (room >= 4 and stops):
            continue
        what = other.compression or "uncompressed"
        warnings.append(
            f"the {what} fragment at {offsets[index + 1]:#x} of the ramdisk is lost: Linux "
            f"{kernel.release or '(of an unknown release)'} reads on behind the lz4 fragment before it"
        )
    return warnings


def _check_rest(rest: memoryview, size: int, kernel: KernelImage) -> list[str]:
    """Warn of what follows the archives; a bootconfig may, if the kernel takes it away."""
    if not rest:
        return []
    if bytes(rest[-len(bootconfig.MAGIC) - bootconfig.ALIGNMENT :]).rstrip(b"\0").endswith(bootconfig.MAGIC):
        if unpackers.option(kernel, "CONFIG_BOOT_CONFIG") is False:
            return ["the kernel was built without CONFIG_BOOT_CONFIG (its IKCONFIG): it reads no bootconfig"]
        return []
    return [
        f"the last {len(rest)} bytes of the ramdisk, from {size - len(rest):#x}, belong to no archive: Linux "
        "reports an error, and older kernels then drop the whole ramdisk"
    ]
