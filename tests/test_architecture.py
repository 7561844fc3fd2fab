"""Imports point down the layers, and pure modules do no I/O."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "hardboot"
LAYERS = (  # from the bottom up; names on one line do not import each other
    "errors records sizes",
    "memory cmdline",
    "log",
    "files process",
    "formats",
    "payload patches background",
    "profile",
    "devicetree",
    "layout",
    "memorymap barchart",
    "transport virtual",
    "handset",
    "phone",
    "rom",
    "unpack describe ramdisk",
    "planning",
    "backup host cpus record lastlog",
    "journal",
    "quiesce restart crashmap dump crashed",
    "load execute",
    "flash boot host_image suggest bench",
    "panic",
    "commands",
    "cli plain reports",
    "__main__",
)
RANK = {name: rank for rank, names in enumerate(LAYERS) for name in names.split()}
PURE = {
    "errors",
    "records",
    "sizes",
    "memory",
    "cmdline",
    "formats",
    "layout",
    "devicetree",
    "memorymap",
    "barchart",
}
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


def violations(path: Path, source: str) -> list[str]:
    me = path.relative_to(PACKAGE).with_suffix("").parts[0]
    found = []
    for name in sorted(imported(ast.parse(source))):
        root, *rest = name.split(".")
        if root == "hardboot" and rest[0] not in {me, "__version__"}:
            if RANK[rest[0]] >= RANK[me]:
                found.append(f"{me} must not import {rest[0]}: imports point down")
            if rest[0] in BANNED.get(me, set()):
                found.append(f"{me} must not import {rest[0]}: it must not share its mistakes")
        if me in PURE and root in IO:
            found.append(f"{me} is pure, it must not import {root}")
    return found


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
    name = path.relative_to(PACKAGE).with_suffix("").parts[0]
    assert name in BROAD or broad_handlers(path.read_text()) == []


def test_the_checks_see_what_they_forbid() -> None:
    formats = PACKAGE / "formats" / "x.py"
    assert violations(formats, "import os") == ["formats is pure, it must not import os"]
    assert violations(formats, "from hardboot import boot") != []
    assert violations(PACKAGE / "virtual" / "x.py", "from hardboot.formats import fdt") != []
    assert broad_handlers("try:\n    pass\nexcept Exception:\n    pass") == [3]


def test_no_device_is_named_in_the_code() -> None:
    names = {path.stem for path in (PACKAGE.parent / "devices").glob("*.toml")} - {"virt-arm"}
    for path in FILES:
        if path.relative_to(PACKAGE).parts[0] != "virtual":
            words = set(path.read_text().replace('"', " ").replace("'", " ").split())
            assert not words & names, f"{path}: a quirk is a profile field"
