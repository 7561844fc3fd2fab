"""hardboot patch lint, export and check: patch files and series."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

import click

from hardboot.base import files, log
from hardboot.base.errors import InputError
from hardboot.commands import completion
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, count, echo, pass_settings
from hardboot.commands.patch import MODEL, PATCH_LIMIT, check_match, choose_model, values
from hardboot.patches import kmi as kmi_rules
from hardboot.patches.catalog import find, load, names
from hardboot.patches.check import find_problems
from hardboot.patches.export import combine
from hardboot.patches.lint import lint as find_faults


@click.command(cls=Command, example="hardboot patch lint kexec.patch --repair")
@click.argument("file", type=click.Path(path_type=Path))
@click.option("--repair", is_flag=True, help="Rewrite FILE without the faults.")
@pass_settings
def lint(settings: Settings, file: Path, repair: bool) -> None:
    """Find and repair copying damage in the patch FILE.

    Copying through mail and web pages damages white space, line ends, line counts and file modes. Characters
    that are invisible or look like others are listed; --repair leaves them.
    """
    found = find_faults(files.read_bytes(file, limit=PATCH_LIMIT))
    written = repair and bool(found.faults) and not found.beyond_repair
    if written:
        files.write_atomic(file, [found.repaired])

    def show() -> None:
        for fault in found.faults:
            echo(f"{file}, {fault}{'' if fault.repaired else ' (cannot be repaired)'}")
        for character in found.suspicious:
            echo(f"{file}, {character}")
        if not found.faults and not found.suspicious:
            echo(f"{file}: no faults")
        elif written:
            echo(f"{file}: repaired {count(len(found.faults), 'fault')}")

    document = {
        "faults": [asdict(fault) for fault in found.faults],
        "suspicious": [asdict(character) for character in found.suspicious],
        "repaired": written,
    }
    settings.emit(document, show)
    if found.faults and not written:
        fix = "Get the patch from another source." if found.beyond_repair else "Add --repair."
        raise InputError(
            f"{count(len(found.faults), 'fault')}, {len(found.beyond_repair)} beyond repair",
            file=str(file),
            state="The file is as it was.",
            fix=fix,
        )
    if found.suspicious:
        raise InputError(
            f"{count(len(found.suspicious), 'line')} with characters that deceive the reader",
            file=str(file),
            state="The file was repaired but for them." if written else "The file is as it was.",
            fix="Look at these lines in an editor that shows such characters, and remove them.",
        )


@click.command(cls=Command, example="hardboot patch export arm-6.1 -o a.patch --device virt-arm")
@click.argument("source", metavar="TREE|SERIES", shell_complete=completion.series_or_tree)
@click.option(
    "-o",
    "--output",
    required=True,
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the patch to FILE.",
)
@MODEL
@pass_settings
def export(settings: Settings, source: str, output: Path, model: str | None) -> None:
    """Write SERIES, or the series for TREE, as one patch file for `patch -p1`.

    The patch also adds hardboot.config with the values of --device or --profile.
    """
    phone = choose_model(settings, model)
    is_tree = source not in names() and (Path(source).exists() or len(Path(source).parts) > 1)
    series = find(Path(source), phone.arch) if is_tree else load(source)
    check_match(phone, series)
    data = combine(series, values(phone), phone.title)
    files.write_atomic(output, [data])

    def show() -> None:
        echo(f"Wrote {output}: {series.name} for {phone.title}, {len(data)} bytes. Apply it: patch -p1 -F0")

    settings.emit({"series": series.name, "file": str(output), "size": len(data)}, show)


@click.command(cls=Command, example="hardboot patch check arm-6.1 --tree linux")
@click.argument("name", metavar="[SERIES]", required=False, shell_complete=completion.series)
@click.option(
    "--tree",
    metavar="TREE",
    type=click.Path(path_type=Path),
    help="Try SERIES on this kernel source.",
)
@click.option(
    "--kmi",
    nargs=2,
    metavar="BEFORE AFTER",
    type=click.Path(path_type=Path),
    help="Compare what two builds export to modules: files Module.symvers or vmlinux.symvers, or folders.",
)
@click.option(
    "--symbols",
    metavar="FILE",
    multiple=True,
    type=click.Path(path_type=Path),
    help="With --kmi: only these symbols count, such as android/abi_gki_aarch64_qcom. Can be repeated.",
)
@pass_settings
def check(
    settings: Settings,
    name: str | None,
    tree: Path | None,
    kmi: tuple[Path, Path] | None,
    symbols: tuple[Path, ...],
) -> None:
    """Try SERIES on a copy of the files of TREE, or compare the module interface of two builds.

    A series is applied, looked for, and reverted; TREE is not changed. With --kmi, a kernel keeps its
    interface (KMI) if every symbol that was exported before is exported after, with the same CRC.
    """
    if kmi and not name and not tree:
        _check_kmi(settings, *kmi, symbols)
        return
    if not name or not tree or kmi or symbols:
        raise click.UsageError("Give SERIES with --tree TREE, or --kmi BEFORE AFTER.")
    series = load(name)
    with log.step(f"Trying {name} on {tree}"):
        problems = find_problems(series, tree)

    def show() -> None:
        for problem in problems:
            echo(f"{name}: {problem}")
        if not problems:
            echo(f"{name}: applies, is recognised, and reverts cleanly")

    settings.emit({"series": name, "problems": problems}, show)
    if problems:
        raise InputError(
            f"{name} has {count(len(problems), 'problem')} on {tree}",
            state="The tree was not changed.",
            fix="Correct the series; see docs/adding-a-series.md.",
        )


def _check_kmi(settings: Settings, before: Path, after: Path, listed: Sequence[Path]) -> None:
    wanted = set().union(*map(kmi_rules.read_symbol_list, listed)) if listed else None
    old, new = map(kmi_rules.read_symvers, kmi_rules.find_symvers(before, after))
    found = kmi_rules.compare(old, new, wanted)
    if not found.compared:
        raise InputError(
            f"{before} exports no symbol of {', '.join(map(str, listed))}",
            state="Nothing was compared.",
            fix="Give a list of the same kernel, such as android/abi_gki_aarch64_qcom of its source.",
        )

    parts = {
        "not exported any more": found.missing,
        "another CRC": found.changed,
        "restricted": found.restricted,
    }

    def show() -> None:
        for what, symbols in parts.items():
            for symbol in symbols:
                echo(f"{symbol}: {what}")
        if found.whole:
            echo(f"{count(found.compared, 'symbol')}: the module interface is whole")
        if found.added:
            echo(f"{count(len(found.added), 'new symbol')}, which does no harm")
        if found.unknown:
            of_lists = "of the list" if len(listed) == 1 else "of the lists"
            echo(f"{count(len(found.unknown), 'symbol')} {of_lists} in neither build")

    settings.emit({**asdict(found), "whole": found.whole}, show)
    if not found.whole:
        broken = sum(map(len, parts.values()))
        raise InputError(
            f"{count(broken, 'symbol')} of {found.compared} changed: modules that use them will not load",
            state="Nothing was changed.",
            fix="Build with the configuration of the kernel before, changed only by hardboot.config.",
        )
