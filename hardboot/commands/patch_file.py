"""`hardboot patch lint`, `export` and `check`: patch files and series, apart from a tree to work on."""

from dataclasses import asdict
from pathlib import Path

import click

from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.commands.patch import MODEL, PATCH_LIMIT, check_match, load_model, values


@click.command(cls=Command)
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--repair", is_flag=True, help="Write FILE anew, without the faults.")
@pass_settings
def lint(settings: Settings, file: Path, repair: bool) -> None:
    """Find what copying has damaged in the patch FILE: blanks, line ends, counts, modes."""
    from hardboot.base import files
    from hardboot.base.errors import InputError
    from hardboot.patches.lint import lint as find

    found = find(files.read_bytes(file, limit=PATCH_LIMIT), str(file))
    written = repair and bool(found.faults) and not found.beyond_repair
    if written:
        files.write_atomic(file, [found.repaired])

    def show() -> None:
        for fault in found.faults:
            click.echo(f"{file}, {fault}{'' if fault.repaired else '; it cannot be repaired'}")
        if not found.faults:
            click.echo(f"{file}: no fault")
        elif written:
            click.echo(f"{file}: repaired, {len(found.faults)} faults")

    settings.emit({"faults": [asdict(fault) for fault in found.faults], "repaired": written}, show)
    if found.faults and not written:
        fix = "Add --repair." if not found.beyond_repair else "Get the patch from another place."
        raise InputError(
            f"{file} has {len(found.faults)} faults, {len(found.beyond_repair)} of them beyond repair",
            state="The file is as it was.",
            fix=fix,
        )


@click.command(cls=Command)
@click.argument("source", metavar="TREE|SERIES")
@click.option("-o", "--output", required=True, type=click.Path(path_type=Path), help="The file to write.")
@MODEL
@pass_settings
def export(settings: Settings, source: str, output: Path, model: str | None) -> None:
    """Write the series SERIES, or the one for TREE, as one file for patch -p1.

    It holds the values of --device too: as a new file, hardboot.config.
    """
    from hardboot.base import files
    from hardboot.patches.catalog import find, load_all
    from hardboot.patches.export import combine

    if settings.device is None:
        raise click.UsageError("--device NAME is missing: the profile says where the hardboot page is.")
    phone = load_model(settings.device, model)
    known = {series.name: series for series in load_all()}
    series = known[source] if source in known else find(Path(source), phone.arch)
    check_match(phone, series)
    data = combine(series, values(phone), phone.title)
    files.write_atomic(output, [data])

    def show() -> None:
        click.echo(
            f"{output}: {series.name} for {phone.title}, {len(data)} bytes; in the tree: patch -p1 -F0"
        )

    settings.emit({"series": series.name, "file": str(output), "size": len(data)}, show)


@click.command(cls=Command)
@click.argument("name", metavar="SERIES")
@click.option("--tree", required=True, type=click.Path(path_type=Path), help="A kernel source; not changed.")
@pass_settings
def check(settings: Settings, name: str, tree: Path) -> None:
    """Try SERIES on a copy of the files of TREE that it changes: apply, status, revert."""
    from hardboot.base import log
    from hardboot.patches.catalog import load
    from hardboot.patches.check import find_problems

    series = load(name)
    with log.step(f"Trying {name} on {tree}"):
        problems = find_problems(series, tree)

    def show() -> None:
        for problem in problems:
            click.echo(f"{name}: {problem}")
        if not problems:
            click.echo(f"{name}: fits, is recognised, and is taken out again without a trace")

    settings.emit({"series": name, "problems": problems}, show)
    if problems:
        from hardboot.base.errors import InputError

        raise InputError(
            f"{name} has {len(problems)} problems on {tree}",
            state="The tree was not changed.",
            fix="Correct the series; docs/adding-a-series.md says what is expected.",
        )
