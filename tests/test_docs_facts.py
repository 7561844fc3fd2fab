"""The documentation states facts as the code has them: numbers, tables, paths, make targets."""

import json
import re
from itertools import groupby, pairwise
from pathlib import Path
from typing import get_args, get_type_hints

import click
import pytest
from command_pages import ALL
from layers import FLOORS

from hardboot import __main__ as entry
from hardboot.attempts.causes import Kind
from hardboot.base import errors
from hardboot.commands import reports
from hardboot.flows import journal
from hardboot.patches import catalog, config
from hardboot.patches.series import KernelRange, Place
from hardboot.profile import schema
from hardboot.suggest import findings
from hardboot.virtual import classic, modern

ROOT = Path(__file__).parents[1]
DOCS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("patches/*.md")])
NUMBERS = (
    "no",
    "one",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
)
SERIES = catalog.load_all()
SHIPPED = ("hardboot", "scripts", "devices", "patches", "stubs")

each_page = pytest.mark.parametrize("path", DOCS, ids=lambda path: str(path.relative_to(ROOT)))


def page(name: str) -> str:
    return (ROOT / name).read_text()


def section(name: str, heading: str) -> str:
    """Return the text below a heading of a page, up to the next heading."""
    text = page(name)
    start = re.search(rf"^#+ {re.escape(heading)}$", text, re.MULTILINE)
    assert start, f"{name} has no section {heading!r}"
    return text[start.end() :].partition("\n#")[0]


def first_column(text: str) -> list[str]:
    """Return the first cells of the tables in a text, without their heads."""
    lines = text.splitlines()
    return [
        line.split(" | ")[0].removeprefix("| ").strip()
        for above, line in pairwise(lines)
        if line.startswith("| ") and above.startswith("|")
    ]


# Series


def first_rows(name: str) -> list[str]:
    """Return the rows of the first table of series on a page; later ones say where each was tried."""
    return next(
        list(rows)
        for is_row, rows in groupby(page(name).splitlines(), lambda line: line.startswith("| `arm"))
        if is_row
    )


def shown(kernels: KernelRange) -> str:
    """Return the versions as the pages say them: the last one instead of the first that is too new."""
    major, minor = kernels.below.split(".")
    last = f"{major}.{int(minor) - 1}"
    return kernels.min if kernels.min == last else f"{kernels.min} to {last}"


@pytest.mark.parametrize("name", ["docs/how-it-works.md", "docs/kernel-patches.md"])
def test_every_series_is_in_the_table_with_its_kernels(name: str) -> None:
    rows = first_rows(name)
    assert {word for row in rows for word in re.findall(r"`(arm[\w.-]+)`", row.split(" | ")[0])} == {
        series.name for series in SERIES
    }
    for series in SERIES:
        (row,) = (row for row in rows if f"`{series.name}`" in row.split(" | ")[0])
        assert re.search(rf"\b{re.escape(shown(series.kernels))}\b", row.split(" | ")[1])
        assert ("arm64" if series.arch == "arm64" else "32-bit") in row


def test_the_number_of_series_is_right() -> None:
    counted = re.findall(r"(\w+) series of kernel patches", page("docs/how-it-works.md"))
    assert [word.lower() for word in counted] == [NUMBERS[len(SERIES)]]


def test_the_flags_of_the_series_are_right() -> None:
    rows = [line.split(" | ") for line in first_rows("docs/kernel-patches.md")]
    found: dict[str, int] = {}
    for names, _, flags, *_ in rows:
        listed = re.findall(r"`(arm[\w.-]+)`", names)
        values = [int(flag, 16) for flag in flags.split(", ")]
        found |= dict(zip(listed, values if len(values) > 1 else values * len(listed), strict=True))
    assert found == {series.name: series.flag for series in SERIES}


def test_every_reset_method_is_explained() -> None:
    methods = set(get_args(get_args(get_type_hints(schema.ResetMethod)["method"])[0]))
    assert {method for series in SERIES for method in series.resets} == methods
    table = first_column(section("docs/how-it-works.md", "Reset methods"))
    assert table == [f"`{method}`" for method in ("psci", "mmio", "watchdog")]
    assert set(table) == {f"`{method}`" for method in methods}


def test_every_place_that_status_looks_at_is_explained() -> None:
    table = first_column(section("docs/kernel-patches.md", "See what state a tree is in"))
    assert table == [f"`{place}`" for place in (*get_args(Place), "config")]


def test_every_option_that_must_be_off_is_listed() -> None:
    listed = " ".join(first_column(section("docs/kernel-patches.md", "Set the options")))
    names = re.findall(r"`(…?\w+)`", listed)
    for option in config.FORBIDDEN:
        assert any(option == name or (name[0] == "…" and option.endswith(name[1:])) for name in names), option
    assert len(names) == len(config.FORBIDDEN)


@each_page
def test_every_hardboot_option_is_one_of_a_series(path: Path) -> None:
    patches = "".join(file.read_text() for file in ROOT.glob("patches/*/*.patch"))
    known = set(re.findall(r"^\+config (KEXEC_HARDBOOT\w*)$", patches, re.MULTILINE))
    assert len(known) >= 10
    named = set(re.findall(r"\b(?:CONFIG_)?(KEXEC_HARDBOOT(?:_[A-Z0-9_]*[A-Z0-9])?)\b", path.read_text()))
    assert named - known == set()


# Everything else


def test_the_table_of_exit_codes_is_complete() -> None:
    classes = [one for one in vars(errors).values() if isinstance(one, type)]
    codes = {one.exit_code for one in classes if issubclass(one, errors.HardbootError)}
    codes |= {0, entry.EXIT_BUG, entry.EXIT_INTERRUPTED, entry.EXIT_BROKEN_PIPE}
    table = first_column(section("README.md", "Exit codes"))
    assert table == [str(code) for code in sorted(codes)]


def test_the_keys_of_an_error_are_named(capsys: pytest.CaptureFixture[str]) -> None:
    reports.emit_error(errors.InputError("a", state="b", fix="c"))
    document = json.loads(capsys.readouterr().out)
    (keys,) = re.findall(r"has them as `error`: (.*)\.", page("README.md"))
    assert re.findall(r"`(\w+)`", keys) == list(document["error"])


def test_every_outcome_of_a_boot_is_explained_with_its_exit_code() -> None:
    table = section("docs/how-it-works.md", "Which kernel came up")
    failed, unknown = errors.DeviceError.exit_code, errors.DeviceStateError.exit_code
    wanted = {
        journal.GUEST_UP: 0,
        journal.HOST_CAME_BACK: failed,
        journal.PHONE_SILENT: unknown,
        journal.NOT_STARTED: failed,
        journal.NOT_LEFT: unknown,
        journal.BOOTLOADER_SILENT: unknown,
        journal.BOOTLOADER_REFUSED: failed,
        journal.BOOTLOADER_CAME_BACK: failed,
    }
    assert set(wanted) == {value for name, value in vars(journal).items() if name.isupper()}
    for outcome, code in wanted.items():
        assert re.search(rf"\| `{outcome}` \| {code}\b", table), outcome
    (listed,) = re.findall(r"^Outcomes: .*?\n\n", page("docs/attempts.md"), re.MULTILINE | re.DOTALL)
    assert set(wanted) - set(re.findall(r"`([\w-]+)`", listed)) == set()


def test_every_likely_cause_is_explained() -> None:
    table = first_column(section("docs/attempts.md", "The likely cause"))
    assert set(table) == {f"`{kind}`" for kind in Kind}


def test_every_file_of_a_draft_is_listed() -> None:
    listed = section("docs/profiles.md", "Write one for a new phone")
    told = ALL["hardboot devices suggest"].command.help or ""
    for name in (*findings.COMMANDS, "fdt", "device-tree.tar", "atags", "boot.img"):
        assert f"`{name}`" in listed, name
        assert re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", told), name


def test_what_every_status_of_evidence_means_is_explained() -> None:
    statuses = get_args(get_type_hints(schema.Evidence)["status"])
    assert set(first_column(section("docs/profiles.md", "Unknown stays unknown"))) == {
        f"`{one}`" for one in statuses
    }
    assert [one for one in statuses if one not in section("README.md", "Warnings")] == []


def test_every_file_under_another_licence_is_in_a_folder_that_the_readme_names() -> None:
    (told,) = re.findall(r"^Licence: .*", page("README.md"), re.MULTILINE)
    folders = [ROOT / name for name in re.findall(r"`([\w/]+/)`", told)]
    found = [
        path
        for suffix in ("patch", "c", "h", "S", "py", "toml", "sh")
        for path in (file for room in SHIPPED for file in (ROOT / room).rglob(f"*.{suffix}"))
        if "SPDX-License-Identifier: GPL" in path.read_text()
    ]
    assert len(found) > 40
    assert [path for path in found if not any(path.is_relative_to(folder) for folder in folders)] == []


def test_every_option_is_in_the_documentation() -> None:
    text = "".join(path.read_text() for path in DOCS if path.name != "CHANGELOG.md")
    usual = {"--help", "--json", "--output", "--description"}  # the help says all that there is to say
    options = {
        max(option.opts, key=len)
        for context in ALL.values()
        for option in context.command.params
        if isinstance(option, click.Option)
    }
    assert len(options) > 60
    assert {name for name in options - usual if not re.search(rf"{name}(?![\w-])", text)} == set()


def test_the_ratio_of_soft_kexec_is_that_of_the_benchmark() -> None:
    (row,) = (line for line in page("docs/benchmarks.md").splitlines() if line.startswith("| soft kexec"))
    measured = row.split(" | ")[4]
    assert re.findall(r"\[(\d+\.\d+) times as long", page("docs/how-it-works.md")) == [measured]
    runs = json.loads(page("docs/restart-times.json"))
    assert runs, "the runs behind the table"


def test_the_size_of_the_virtual_disk_is_right() -> None:
    sizes = [table.disk_size >> 20 for table in (classic.TABLE, modern.TABLE)]
    assert "`disk.img` ({} MiB, virt-arm64 {} MiB, sparse)".format(*sizes) in page("docs/virtual-phone.md")


def test_contributing_draws_the_floors_and_names_every_target_that_exists() -> None:
    text = page("CONTRIBUTING.md")
    picture = re.search(r"```text\n(.*)\n```", text)
    assert picture
    floors = [set(floor.split(", ")) for floor in picture[1].split(" > ")]
    assert floors == [set(names.split()) for names in reversed(FLOORS[:-1])]
    targets = re.search(r"^\.PHONY: (.*)$", page("Makefile"), re.MULTILINE)
    assert targets
    for path in DOCS:
        named = re.findall(r"`make ([a-z-]+)\b(?!=)", path.read_text())
        assert set(named) - set(targets[1].split()) == set(), path


@each_page
def test_every_path_of_this_repository_exists(path: Path) -> None:
    text = re.sub(r"```.*?```", "", path.read_text(), flags=re.DOTALL)
    found = re.findall(r"`((?:hardboot|tests|docs|scripts|devices|patches)/[^\s`*<>…]*)`", text)
    missing = [name for name in found if "NAME" not in name and not (ROOT / name).exists()]
    assert missing == []
