"""A folder as a ROM's ramdisk has it, and the ramdisk that GNU cpio makes of it."""

import os
import subprocess
from pathlib import Path

import pytest


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a folder as a ROM's ramdisk has it, with names that need care."""
    folder = tmp_path / "source"
    (folder / "etc/init").mkdir(parents=True)
    (folder / "init").write_bytes(b"\x7fELF" + bytes(5000))
    (folder / "init").chmod(0o750)
    (folder / "etc/init/mit Leerzeichen.rc").write_text("on boot\n")
    (folder / os.fsdecode(b"etc/\xff")).write_bytes(b"no UTF-8")
    (folder / "etc/empty").write_bytes(b"")
    (folder / "bin").symlink_to("/system/bin")
    (folder / "etc/two").write_text("one file")
    (folder / "etc/names").hardlink_to(folder / "etc/two")
    return folder


@pytest.fixture
def packed(source: Path, tmp_path: Path) -> Path:
    """Return that folder, packed by GNU cpio and gzip."""
    command = "find . -print0 | LC_ALL=C sort -z | cpio -o0 --quiet -H newc | gzip -9n"
    target = tmp_path / "packed"
    with target.open("wb") as stream:
        subprocess.run(command, shell=True, cwd=source, stdout=stream, check=True, timeout=60)
    return target
