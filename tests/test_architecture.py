"""Imports point down the layers, and pure modules do no I/O."""

import ast
import re
from pathlib import Path

import pytest
from layers import BASE, FLOORS, FORMATS

PACKAGE = Path(__file__).parents[1] / "hardboot"
PURE = {"formats", "layout", "devicetree", "memorymap", "store"}  # rooms
PURE_FILES = {"base/errors.py", "base/sizes.py", "base/memory.py", "base/cmdline.py"}
IO = {"logging", "os", "pathlib", "socket", "subprocess", "time"}
# A wrong encoder must not be approved by its twin.
BANNED = {"virtual": {"formats", "layout", "devicetree"}}
BROAD = {"__main__"}


def imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "write the import absolute"
            names |= {f"{node.module}.{alias.name}" for alias in node.names}
    return names


def ranks(floors: tuple[str, ...]) -> dict[str, int]:
    """Return the floor of each room, from the bottom up."""
    return {name: rank for rank, names in enumerate(floors) for name in names.split()}


# The floors of the package, and of the rooms that have floors of their own.
HOUSES = {(): ranks(FLOORS), ("formats",): ranks(FORMATS), ("base",): ranks(BASE)}


def violations(path: Path, source: str) -> list[str]:
    me = path.relative_to(PACKAGE).with_suffix("").parts
    found = []
    for name in sorted(imported(ast.parse(source))):
        root, *rest = name.split(".")
        if root == "hardboot" and rest[0] != "__version__":
            found += [
                problem for house, rank in HOUSES.items() if (problem := _upward(house, rank, me, rest))
            ]
            if rest[0] in BANNED.get(me[0], set()):
                found.append(f"{me[0]} must not import {rest[0]}: it must not share its mistakes")
        if root in IO and (me[0] in PURE or path.relative_to(PACKAGE).as_posix() in PURE_FILES):
            found.append(f"{me[0]} is pure, it must not import {root}")
    return found


def _upward(house: tuple[str, ...], rank: dict[str, int], me: tuple[str, ...], other: list[str]) -> str:
    """Return what is wrong with an import between two rooms of `house`; nothing if it points down."""
    depth = len(house)
    if me[:depth] != house or tuple(other[:depth]) != house:
        return ""
    mine, theirs = me[depth], other[depth]
    if mine in {theirs, "__init__"} or rank[theirs] < rank[mine]:
        return ""
    return f"{mine} must not import {theirs}: imports point down"


def broad_handlers(source: str) -> list[int]:
    return [
        node.lineno
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or (isinstance(node.type, ast.Name) and node.type.id == "Exception"))
    ]


FILES = [path for path in sorted(PACKAGE.rglob("*.py")) if path != PACKAGE / "__init__.py"]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_point_down(path: Path) -> None:
    assert violations(path, path.read_text()) == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_only_main_has_a_broad_except(path: Path) -> None:
    assert path.stem in BROAD or broad_handlers(path.read_text()) == []


def test_the_checks_see_what_they_forbid() -> None:
    formats = PACKAGE / "formats" / "x.py"
    assert violations(formats, "import os") == ["formats is pure, it must not import os"]
    assert violations(formats, "from hardboot.flows import boot") != []
    kernels = PACKAGE / "formats" / "kernels" / "x.py"
    assert violations(kernels, "from hardboot.formats.boot import tail") != []
    assert violations(kernels, "from hardboot.formats.trees import fdt") == []
    assert violations(PACKAGE / "base" / "errors.py", "import os") != []
    assert violations(PACKAGE / "virtual" / "x.py", "from hardboot.formats import fdt") != []
    assert broad_handlers("try:\n    pass\nexcept Exception:\n    pass") == [3]


def test_no_device_is_named_in_the_code() -> None:
    names = {path.stem for path in (PACKAGE.parent / "devices").glob("*.toml")} - {"virt-arm", "virt-arm64"}
    for path in FILES:
        if path.relative_to(PACKAGE).parts[0] != "virtual":
            words = set(path.read_text().replace('"', " ").replace("'", " ").split())
            assert not words & names, f"{path}: a quirk is a profile field"


def test_every_command_tells_of_a_write_that_was_cut_off() -> None:
    """They connect to the phone by `common.connected`; flash and home say more about it themselves."""
    name = "hardboot.device.phone.connected"
    files = (PACKAGE / "commands").glob("*.py")
    found = {path.stem for path in files if name in imported(ast.parse(path.read_text()))}
    assert found == {"flash", "home"}


def test_people_are_shown_nothing_that_is_not_printable() -> None:
    """All lines on stdout go through `echo`, `echo_lines` and the tables, which escape control characters."""
    found = [
        path
        for path in (PACKAGE / "commands").glob("*.py")
        if path.name != "common.py"
        and ("click.echo(" in path.read_text() or "click.secho(" in path.read_text())
    ]
    assert found == []


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_patterns_of_documents_end_where_the_value_ends(path: Path) -> None:
    """`$` also matches before a newline at the end, which would then pass into commands and names."""
    assert not re.search(r'Meta\([^)]*pattern=r?f?r?"[^"\n]*\$"', path.read_text())
