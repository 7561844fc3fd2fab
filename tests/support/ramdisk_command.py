"""`hardboot ramdisk` for tests: ramdisks to give it, and what it lists, extracts and refuses."""

import json
import os
import stat
from pathlib import Path

from in_process import hardboot

from hardboot.formats.archives import compression, cpio
from hardboot.formats.archives.cpio import Archive, Entry

FILE, FOLDER, LINK = 0o100644, 0o040755, 0o120777


def build(target: Path, *archives: tuple[Entry, ...]) -> Path:
    """Return a ramdisk of these archives, packed with gzip."""
    content = cpio.build(Archive("newc", entries) for entries in archives)
    target.write_bytes(b"".join(compression.compress("gzip", content)))
    return target


def refused(*words: str | Path) -> str:
    """Return what hardboot says first, of a command that exits with 3."""
    done = hardboot("ramdisk", *words)
    assert (done.returncode, done.stdout) == (3, "")
    *_steps, what, state, fix = done.stderr.splitlines()
    assert (what[:10], state[:9], fix[:9]) == ("hardboot: ", "  state: ", "  to do: ")
    return what


def listed(path: Path) -> list[dict[str, object]]:
    """All entries, as --json gives them."""
    document = json.loads(hardboot("--json", "ramdisk", "list", path).stdout)
    return [
        entry
        for fragment in document["fragments"]
        for archive in fragment["archives"]
        for entry in archive["entries"]
    ]


def tree(folder: Path) -> dict[str, tuple[str, bytes]]:
    """Type, permissions and content of all below `folder`."""
    found = {}
    for path in sorted(folder.rglob("*")):
        mode = path.lstat().st_mode
        content = b""
        if stat.S_ISLNK(mode):
            content = os.fsencode(path.readlink())
        elif stat.S_ISREG(mode):
            content = path.read_bytes()
        found[str(path.relative_to(folder))] = (stat.filemode(mode), content)
    return found
