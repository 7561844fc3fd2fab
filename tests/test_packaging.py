"""The packages hold what belongs to hardboot, and nothing else that lies in a checkout."""

import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

from hatchling.builders.sdist import SdistBuilder
from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]
# What the README and own-phone.md make in the folder in which they are followed.
STRAYS = {"linux/Makefile", "linux/x.py", "zImage", "rom.img", "rom/boot.img", "dump", "venv/bin/python"}


def files(*rooms: str) -> set[str]:
    """Return the files in folders of the repository."""
    found = {path for room in rooms for path in (ROOT / room).rglob("*") if path.is_file()}
    return {path.relative_to(ROOT).as_posix() for path in found if "__pycache__" not in path.parts}


def checkout(folder: Path) -> Path:
    """Return a small checkout in which the README was followed."""
    for name in ("pyproject.toml", "README.md", "LICENSE", "hardboot/__init__.py", "patches/COPYING"):
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, folder / name)
    for name in STRAYS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text("import os\n")
    return folder


def source_archive(root: Path, folder: Path) -> set[str]:
    """Return the files in the source archive of a checkout."""
    with tarfile.open(next(SdistBuilder(str(root)).build(directory=str(folder)))) as archive:
        return {name.partition("/")[2] for name in archive.getnames()}


def test_the_source_archive_holds_the_repository(tmp_path: Path) -> None:
    packed = source_archive(ROOT, tmp_path)
    rooms = ("hardboot", "devices", "patches", "docs", "tests", "scripts", "stubs", ".ci")
    assert files(*rooms) - packed == set()
    assert {"README.md", "CHANGELOG.md", "CONTRIBUTING.md", "LICENSE", "Makefile", "pyproject.toml"} <= packed


def test_the_source_archive_holds_nothing_that_commands_left_in_the_checkout(tmp_path: Path) -> None:
    packed = source_archive(checkout(tmp_path / "checkout"), tmp_path)
    assert "hardboot/__init__.py" in packed
    assert packed & STRAYS == set()


def test_the_wheel_holds_code_programs_profiles_and_series(tmp_path: Path) -> None:
    with zipfile.ZipFile(next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path)))) as archive:
        packed = {name for name in archive.namelist() if ".dist-info/" not in name}
    data = {f"hardboot/_data/{name}" for name in files("devices", "patches")}
    assert packed == files("hardboot") | data


def test_the_checks_of_the_code_pass_over_what_commands_left_in_the_checkout(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "ruff", "check", "--show-files"]
    looked = subprocess.run(command, cwd=checkout(tmp_path), capture_output=True, text=True, check=True)
    names = {Path(line).relative_to(tmp_path).as_posix() for line in looked.stdout.splitlines()}
    assert names == {"hardboot/__init__.py", "pyproject.toml"}
