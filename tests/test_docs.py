"""What the documentation shows exists: commands, options, links, fields, rules, layers, picture."""

import ast
import re
import tomllib
from pathlib import Path
from typing import get_args
from xml.etree import ElementTree

import click
import pytest
from command_lines import BLOCK, command_lines, problems
from layers import FLOORS
from msgspec import Struct
from msgspec.structs import fields

from hardboot.commands import cli
from hardboot.layout import RULES
from hardboot.patches import catalog, series
from hardboot.profile import Profile, schema

ROOT = Path(__file__).parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("patches/*.md")])
_LINK = re.compile(r"\]\(([^)\s]+)\)")

each_page = pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))


def anchors(path: Path) -> set[str]:
    """Return the names of a Markdown file's headings, as GitHub makes them."""
    headings = re.findall(r"^#+ (.+)$", BLOCK.sub("", path.read_text()), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@each_page
def test_every_command_line_names_what_exists(path: Path) -> None:
    found = {" ".join(words): problems(words) for words in command_lines(path.read_text())}
    assert {line: wrong for line, wrong in found.items() if wrong} == {}


def test_every_command_line_in_a_message_names_what_exists() -> None:
    found = {
        f"{path.name}: {' '.join(words)}": problems(words)
        for path in ROOT.glob("hardboot/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for words in command_lines(node.value)
    }
    assert len(found) >= 5
    assert {line: wrong for line, wrong in found.items() if wrong} == {}


def bare_paths(tree: ast.AST) -> list[str]:
    """Return the command lines in f-strings that a path with a space in it would break."""
    found = []
    for node in ast.walk(tree):
        told = ""
        for part in node.values if isinstance(node, ast.JoinedStr) else ():
            if isinstance(part, ast.Constant):
                told += str(part.value)
            elif isinstance(part, ast.FormattedValue):
                is_path = ast.unparse(part.value) in ("path", "output", "file", "folder", "self.path")
                if is_path and re.search(r"\bhardboot [a-z][\w .-]*$", told):
                    found.append(told.rpartition("hardboot ")[2])
                told += "X"
    return found


def test_a_path_in_a_command_line_of_a_message_is_quoted() -> None:
    assert bare_paths(ast.parse("f'Read it: hardboot crash show {output}'")) == ["crash show "]
    assert bare_paths(ast.parse("f'{path}: read it: hardboot crash show {shlex.quote(output)}'")) == []
    files = ROOT.glob("hardboot/**/*.py")
    found = {path.name: lines for path in files if (lines := bare_paths(ast.parse(path.read_text())))}
    assert found == {}


def test_every_page_in_a_message_exists() -> None:
    found = {
        name
        for path in ROOT.glob("hardboot/**/*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
        for name in re.findall(r"(?<!dev/)\bdocs/[\w./-]+\.md\b", node.value)
        if "packages/modules/adb" not in node.value
    }
    assert len(found) >= 5
    assert [name for name in sorted(found) if not (ROOT / name).exists()] == []


@each_page
def test_every_relative_link_leads_somewhere(path: Path) -> None:
    for link in _LINK.findall(BLOCK.sub("", path.read_text())):
        if re.match(r"[a-z]+:", link):
            continue
        file, _, anchor = link.partition("#")
        target = path.parent / file if file else path
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_table_of_trees_is_that_of_the_series() -> None:
    _, _, table = (ROOT / "docs/kernel-patches.md").read_text().partition("\n## Trees\n")
    shown = [[cell.strip() for cell in row.split("|")[1:-1]] for row in table.splitlines() if row[:1] == "|"]
    tried = [
        [
            f"`{one.name}`",
            " @".join(filter(None, (tree.tree, tree.commit))),
            tree.kernel,
            tree.soc,
            tree.result,
        ]
        for one in catalog.load_all()
        for tree in one.tried
    ]
    assert len(tried) > 20
    assert shown[2:] == tried


@pytest.mark.parametrize(
    ("line", "wrong"),
    [
        ("boot rom.img --dry-run --wait 300", []),
        ("--serial HOST:PORT --json status", []),
        ("boot rom.img --wet-run", ["hardboot boot has no option --wet-run"]),
        ("boot rom.img --wait", ["hardboot boot --wait wants a value"]),
        ("boot one.img two.img", ["hardboot boot takes 1 arguments, not 2"]),
        ("launch rom.img", ["hardboot has no command launch"]),
        ("virtual restart", ["hardboot virtual has no command restart"]),
        ("virtual rom OUT --kernel gentoo", ["hardboot virtual rom --kernel does not take gentoo"]),
        ("devices check a.toml b.toml c.toml", []),
        ("status -x", ["hardboot status has no option -x"]),
    ],
)
def test_the_check_sees_what_does_not_exist(line: str, wrong: list[str]) -> None:
    assert problems(line.split()) == wrong


def test_command_lines_are_found_in_blocks_and_in_text() -> None:
    text = (
        "Type `hardboot boot\nrom.img` or `.venv/bin/hardboot --help`, not `hardboot.config`.\n\n"
        "```\n$ hardboot status   # a comment with --odd words\nmake demo\nhardboot info a.img | less\n```\n"
        '```text\nhardboot draws a picture\n```\n`A_B=1 hardboot boot x --cmdline "a b"`\n'
    )
    assert sorted(command_lines(text)) == [
        ["--help"],
        ["boot", "rom.img"],
        ["boot", "x", "--cmdline", "a b"],
        ["info", "a.img"],
        ["status"],
    ]


def test_the_readme_shows_every_command() -> None:
    shown = {words[0] for words in command_lines((ROOT / "README.md").read_text()) if words}
    context = click.Context(cli.root)
    assert set(cli.root.list_commands(context)) - shown == set()


def test_the_readme_groups_the_commands_as_the_help_does() -> None:
    section = (ROOT / "README.md").read_text().partition("\n## Commands\n")[2]
    groups: dict[str, list[str]] = {}
    for title, name in re.findall(r"^\| (?:\*\*(.+?)\*\*|`hardboot ([\w-]+).*?) \|", section, re.MULTILINE):
        if title:
            groups[title] = []
        elif name not in groups[list(groups)[-1]]:
            groups[list(groups)[-1]].append(name)
    for title, verbs in cli._SECTIONS.items():
        assert set(groups[title]) <= set(verbs), title
    assert list(groups) == list(cli._SECTIONS)


def test_the_page_on_profiles_names_every_field() -> None:
    text = (ROOT / "docs/profiles.md").read_text()
    sections = [one for one in vars(schema).values() if isinstance(one, type) and issubclass(one, Struct)]
    tables: list[type[Struct]] = [Profile, *(one for one in sections if one is not Struct)]
    names = {item.encode_name for table in tables for item in fields(table)}
    assert len(names) > 30
    assert {key for key in names if not re.search(rf"`\[?{key}\]?`|[{{ ,]{key}[ ,=}}]", text)} == set()


def test_the_page_on_series_shows_every_key_and_names_every_field() -> None:
    text = (ROOT / "docs/adding-a-series.md").read_text()
    example = tomllib.loads(next(block for language, block in BLOCK.findall(text) if language == "toml"))
    shown: dict[type[Struct], list[dict[str, object]]] = {
        series.Series: [example],
        series.KernelRange: [example["kernels"]],
        series.Variant: example["variant"],
        series.SeriesConfig: [example["config"]],
        series.When: example["config"]["when"],
        series.Tried: example["tried"],
    }
    for table, examples in shown.items():
        assert {key for one in examples for key in one} == {item.encode_name for item in fields(table)}, table
    assert set(example["places"]) == set(get_args(series.Place))
    names = {*get_args(series.Number), *get_args(series.Choice)}
    assert {name for name in names if f"`{name}`" not in text} == set()


def test_the_page_on_how_it_works_names_every_rule_and_layer() -> None:
    text = (ROOT / "docs/how-it-works.md").read_text()
    assert [rule for rule in RULES if f"`{rule}`" not in text] == []
    picture = next(block for language, block in BLOCK.findall(text) if language == "text")
    lines = [set(re.split(r"\s{2,}", line)[0].replace("*", "").split()) for line in picture.splitlines()]
    assert lines == [set(layer.split()) for layer in reversed(FLOORS)]


def test_the_picture_is_an_svg_that_needs_nothing_else() -> None:
    path = ROOT / "docs/boot-sequence.svg"
    root = ElementTree.parse(path).getroot()
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert root.get("viewBox")
    text = path.read_text()
    assert "@import" not in text
    assert re.findall(r'(?:href|src)="(?!#)', text) == []
    assert re.findall(r"url\((?!#)", text) == []
