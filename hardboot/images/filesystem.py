"""Make file systems for ROMs, by e2fsprogs' own mke2fs."""

import mmap
import os
import shlex
import struct
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.process import attempt, find_tool, run
from hardboot.base.sizes import human_size
from hardboot.base.temporary import temporary_folder
from hardboot.downloads import TreeEntry, TreeSource
from hardboot.formats.reading import Data, view

BLOCK = 4096  # bytes
_TIMEOUT_S = 1800
# Those that kernels from 3.4 on mount: no checksums of metadata (3.6), no orphan file (5.15).
_FEATURES = (
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,sparse_super,large_file,flex_bg,"
    "huge_file,dir_nlink,extra_isize"
)


# Of what Linux mounts as the system of a ROM: the magic, and where it stands.
_MAGICS = (
    ("ext4", 0x438, b"\x53\xef"),  # fs/ext4/ext4.h, s_magic
    ("erofs", 0x400, b"\xe2\xe1\xf5\xe0"),  # fs/erofs/erofs_fs.h, magic
    ("f2fs", 0x400, b"\x10\x20\xf5\xf2"),  # include/linux/f2fs_fs.h, magic
    ("squashfs", 0, b"hsqs"),  # fs/squashfs/squashfs_fs.h, s_magic
)

KINDS = tuple(name for name, _, _ in _MAGICS)

_HEAD = 0x440  # bytes
# The same files make the same image each time, so that what was sent of it is not sent again.
_UUID = "9d0c1f5e-5f0b-4a3e-9a57-68617264626f"
_TIME = 1230768000  # 2009-01-01 UTC, as in AOSP's images; seconds since 1970
_SAME_TIME = ("env", f"E2FSPROGS_FAKE_TIME={_TIME}")


def kind_of(data: Data) -> str | None:
    """Return the file system in an image, as mount(2) calls it; None for another one."""
    head = bytes(view(data)[:_HEAD])
    return next((name for name, at, magic in _MAGICS if head[at : at + len(magic)] == magic), None)


def check_size(size: int) -> None:
    """Refuse what is no size for a file system, in bytes.

    Raises:
        InputError: If it is none.
    """
    if size < (4 << 20) or size % BLOCK:
        raise InputError(
            f"{size} bytes are no size for a file system: at least 4 MiB, in steps of {BLOCK} bytes",
            state="Nothing was written.",
            fix="Choose another size, for example 512M.",
        )


def make(target: Path, size: int, source: Path | TreeSource | None = None) -> None:
    """Write an ext4 file system to `target`, sparse.

    Args:
        target: Replaced if it exists.
        size: Bytes, a multiple of BLOCK.
        source: A folder or file tree, whose files it will hold with their owners, devices and extended
            attributes; None for an empty one.

    Raises:
        InputError: If `source` does not fit or cannot be read.
        ToolError: If a program is missing.
    """
    check_size(size)
    with target.open("wb") as stream:
        stream.truncate(size)
    tool = find_tool("mke2fs", "e2fsprogs")
    mke2fs = [*_SAME_TIME, tool, "-q", "-F", "-t", "ext4", "-b", str(BLOCK), "-m", "0"]
    # nodiscard: discarding would punch holes into a file that is on the phone already
    options = f"nodiscard,lazy_itable_init=0,lazy_journal_init=0,hash_seed={_UUID}"
    words = [*mke2fs, "-O", _FEATURES, "-U", _UUID, "-E", options]
    if source is None:
        run([*words, str(target)], timeout_s=_TIMEOUT_S)
    elif isinstance(source, Path):
        _filled([*words, "-d", str(source), str(target)], size)
    else:
        with temporary_folder(target.parent) as folder:
            archive, root = folder / "tree.tar", folder / "root"
            root.mkdir()
            noted: list[TreeEntry] = []
            with archive.open("wb") as stream:
                replace(source, entries=lambda: _noting(source, noted)).write_tar(stream)
            unpack = [
                find_tool("tar", "tar"),
                "-x",
                "-p",
                "--numeric-owner",
                "--delay-directory-restore",  # times of folders whose files come later in the archive
                "-C",
                str(root),
                "-f",
                str(archive),
            ]
            _filled([*words, "-d", str(root), str(target)], size, first=unpack)
            _set_xattrs(target, noted, folder)
        _forget_unpacking(target)


def _forget_unpacking(target: Path) -> None:
    """Give each inode its time of modification as the others, too, which are those of unpacking the archive.

    Fields: Linux, fs/ext4/ext4.h (ext4_super_block, ext4_group_desc, ext4_inode); _FEATURES has neither
    checksums nor descriptors of 64 bits.
    """
    with target.open("r+b") as stream, mmap.mmap(stream.fileno(), 0) as data:
        blocks, blocks_a_group, inodes_a_group, inode_size = (
            int.from_bytes(data[at : at + size], "little")
            for at, size in ((0x404, 4), (0x420, 4), (0x428, 4), (0x458, 2))
        )
        for group in range(-(-blocks // blocks_a_group)):
            (table,) = struct.unpack_from("<I", data, BLOCK + 32 * group + 8)
            start = table * BLOCK
            for at in range(start, start + inodes_a_group * inode_size, inode_size):
                if data[at : at + 2] != b"\0\0":  # i_mode
                    data[at + 0x8 : at + 0x10] = 2 * data[at + 0x10 : at + 0x14]  # i_atime, i_ctime


def _noting(source: TreeSource, noted: list[TreeEntry]) -> Iterator[TreeEntry]:
    """Yield the entries, without their extended attributes; note those that have some."""
    for entry in source.entries():
        if entry.xattrs:
            noted.append(replace(entry, content=lambda: iter(())))
        yield replace(entry, xattrs={})


def _set_xattrs(target: Path, entries: Sequence[TreeEntry], folder: Path) -> None:
    """Write extended attributes into a file system.

    By debugfs: fakeroot loses the type of a file whose attributes tar sets, and the file system of this
    computer, through which tar and mke2fs -d would pass them, may not take them.
    """
    files: dict[bytes, Path] = {}
    lines: list[str] = []
    for entry in entries:
        path = "/" + "/".join(entry.parts)
        for name, value in entry.xattrs.items():
            if value not in files:
                files[value] = folder / f"xattr{len(files)}"
                files[value].write_bytes(value)
            words = (path, name)
            if any('"' in word or "\n" in word for word in words):
                log.warn(f"left out the attribute {name} of a file whose name debugfs does not take")
                continue
            lines.append(f'ea_set -f "{files[value]}" "{path}" "{name}"\n')
    if not lines:
        return
    script = folder / "xattrs"
    script.write_text("".join(lines), errors="surrogateescape")
    debugfs = [*_SAME_TIME, find_tool("debugfs", "e2fsprogs"), "-w", "-f", str(script), str(target)]
    done = attempt(debugfs, timeout_s=_TIMEOUT_S)
    # It repeats each line, and goes on after an error, of which its exit code does not tell.
    problems = [line for line in done.text.splitlines() if line.strip() and not line.startswith("debugfs")]
    if done.code or problems:
        raise InputError(
            f"its extended attributes cannot be set: {' '.join(problems)[:300] or done.text[-300:]}",
            state="Nothing was sent.",
            fix="Give an archive without them (tar --no-xattrs).",
        )


# What resizes a file system in a file: program, package, options, exit codes that are good. e2fsck corrects
# what a reset left, and says so by 1 (e2fsck(8)).
_RESIZERS = {
    "ext4": (("e2fsck", "e2fsprogs", ("-f", "-p"), (0, 1)), ("resize2fs", "e2fsprogs", (), (0,))),
    "f2fs": (("fsck.f2fs", "f2fs-tools", ("-a",), (0,)), ("resize.f2fs", "f2fs-tools", (), (0,))),
}


def resize(target: Path, size: int) -> None:
    """Give the file system in `target` another size, with all that is in it; the file gets that size, too.

    Args:
        target: An image; it is damaged if this fails.
        size: Bytes, a multiple of BLOCK.

    Raises:
        InputError: If it is damaged, cannot be resized, or what is in it does not fit.
        ToolError: If a program is missing.
    """
    old = target.stat().st_size
    with target.open("rb") as stream:
        kind = kind_of(stream.read(_HEAD))
    if kind not in _RESIZERS or (kind == "f2fs" and size < old):
        wish = "larger" if size > old else "smaller"
        raise InputError(
            f"a file system of kind {kind or 'unknown'} cannot be made {wish}",
            state="Nothing was written.",
            fix="ext4 can be made larger and smaller, f2fs larger.",
        )
    os.truncate(target, max(size, old))
    for name, package, words, good in _RESIZERS[kind]:
        command = [find_tool(name, package), *words, str(target)]
        if name == "resize2fs":
            command.append(f"{size // 1024}K")
        done = attempt(command, timeout_s=_TIMEOUT_S)
        if done.code in good:
            continue
        if "smaller than minimum" in done.text or "Not enough space" in done.text:
            raise InputError(
                f"what is in it does not fit into {human_size(size)}",
                state="Nothing was written.",
                fix="Choose a larger size, or delete something in the ROM first.",
            )
        raise InputError(
            f"its file system cannot be resized: {name}: {' '.join(done.text.split())[-300:]}",
            state="Nothing was written.",
            fix="Start the ROM, let it check its file systems, shut it down, and try again.",
        )
    os.truncate(target, size)


def _filled(words: list[str], size: int, *, first: list[str] | None = None) -> None:
    """Run mke2fs, after unpacking an archive; without root below fakeroot, which keeps owners and devices."""
    line = " && ".join(shlex.join(one) for one in (first, words) if one)
    command = ["sh", "-c", line]
    if os.geteuid() != 0:
        command = [find_tool("fakeroot", "fakeroot"), "--", *command]
    done = attempt(command, timeout_s=_TIMEOUT_S)
    if done.code == 0:
        return
    if "Could not allocate" in done.text:  # libext2fs: of a block or an inode
        raise InputError(
            f"its files do not fit into {human_size(size)}",
            state="Nothing was sent.",
            fix="Give the file system more room: --data SIZE",
        )
    raise InputError(
        f"no file system can be made of it: {' '.join(done.text.split())[-300:]}",
        state="Nothing was sent.",
        fix="Give a folder or a tar archive with the files of a root file system.",
    )
