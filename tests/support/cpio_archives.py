"""cpio archives by GNU cpio and by hand, and what it makes of those that are written."""

import subprocess
from pathlib import Path

from hardboot.formats.archives import cpio
from hardboot.formats.archives.cpio import Archive


def packed(folder: Path, kind: str) -> bytes:
    names = sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))
    return subprocess.run(
        ["cpio", "-o", "--quiet", "-H", kind],
        input="\n".join(names).encode(),
        cwd=folder,
        capture_output=True,
        check=True,
        timeout=60,
    ).stdout


def unpacked(data: bytes, target: Path) -> None:
    """Return what GNU cpio makes of an archive."""
    target.mkdir()
    done = subprocess.run(
        ["cpio", "-idm", "--quiet", "--no-absolute-filenames"],
        input=data,
        cwd=target,
        capture_output=True,
        check=True,
        timeout=60,
    )
    assert done.stderr == b""


def written(archives: tuple[Archive, ...]) -> bytes:
    return b"".join(cpio.build(archives))


def parsed(data: bytes) -> tuple[Archive, ...]:
    archives, rest = cpio.parse(data)
    assert not len(rest)
    return archives


def newc(
    name: bytes, data: bytes = b"", *, mode: int = 0o100644, case: str = "X", name_size: int = 0
) -> bytes:
    """Return an entry by hand, as mkbootfs (lower case) or gen_init_cpio (upper case) write it."""
    numbers = (1, mode, 0, 0, 1, 0, len(data), 0, 0, 0, 0, name_size or len(name) + 1, 0)
    head = b"070701" + "".join(f"{number:08{case}}" for number in numbers).encode() + name + b"\0"
    head += bytes(-len(head) % 4)
    return head + data + bytes(-len(data) % 4)


END = newc(b"TRAILER!!!", mode=0)
