"""A small kernel tree in git, and a series of patches for it."""

import hashlib
import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from hardboot.base.errors import RefusedError
from hardboot.patches.apply import Report, apply_series
from hardboot.patches.series import ProfileValues, Series

SERIES = """\
name = "toy-6.1"
arch = "arm"
kernels = { min = "6.1", below = "6.2" }
abi_version = 1
flag = 0x4
host_abi = ["direct"]
reset = ["psci", "mmio"]
author = "Test"
licence = "GPL-2.0-only"
patches = ["0001-one.patch", "0002-two.patch"]
[places]
flag = ["arch/arm/code.c"]
kimage = ["arch/arm/code.c"]
load = ["arch/arm/code.c"]
prepare = ["arch/arm/code.c"]
relocation = ["arch/arm/code.c"]
decompressor = ["arch/arm/code.c"]
reservation = ["sub/folder/new.c"]
kconfig = ["arch/arm/code.c"]
reset = ["arch/arm/code.c"]
[config.set]
KEXEC = "y"
DEBUG = "n"
[config.profile]
KEXEC_HARDBOOT_PAGE = "hardboot.page"
KEXEC_HARDBOOT_PAGE_SIZE = "hardboot.page_size"
[[config.when]]
field = "reset.method"
is = ["mmio"]
set = { KEXEC_HARDBOOT_RESET_MMIO = "y" }
profile = { KEXEC_HARDBOOT_RESET_ADDR = "reset.address" }
"""
MAKEFILE = "# SPDX\nVERSION = 6\nPATCHLEVEL = 1\nSUBLEVEL = 7\nEXTRAVERSION =\n"
CODE = "".join(f"line {number}\n" for number in range(1, 41))
ONE = CODE.replace("line 5\n", "line five\n").replace("line 30\n", "line 30\nline 30 and a half\n")
TWO = ONE.replace("line 6\n", "line 6\nline 6b\n")
NEW = "new file\n"
PHONE: ProfileValues = {"hardboot.page": 0x44000000, "hardboot.page_size": 0x1000, "reset.method": "psci"}


def git(folder: Path, *words: str, stdin: bytes = b"") -> bytes:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    who = ["-c", "user.name=t", "-c", "user.email=t@t", "-c", "core.autocrlf=false"]
    command = ["git", *who, *words]
    return subprocess.run(
        command, cwd=folder, env=environment, input=stdin, check=True, capture_output=True, timeout=60
    ).stdout


def make_tree(folder: Path) -> Path:
    (folder / "arch" / "arm").mkdir(parents=True)
    (folder / "Kconfig").write_text("mainmenu\n")
    (folder / "Makefile").write_text(MAKEFILE)
    (folder / "arch" / "arm" / "code.c").write_text(CODE)
    (folder / "other.c").write_text("a\nb\nc\n")
    return folder


def snapshot(folder: Path) -> dict[str, str]:
    """Every path below `folder` with its kind, mode and content."""
    found = {}
    for path in sorted(folder.rglob("*")):
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[str(path.relative_to(folder))] = (
            f"{path.lstat().st_mode:o} {hashlib.sha256(content).hexdigest()}"
        )
    return found


def apply(tree: Path, series: Series, *, dry_run: bool = False) -> Report:
    return apply_series(tree, series, PHONE, dry_run=dry_run)


def refused(call: Callable[[], object], tree: Path) -> RefusedError:
    before = snapshot(tree)
    with pytest.raises(RefusedError) as caught:
        call()
    assert snapshot(tree) == before
    return caught.value
