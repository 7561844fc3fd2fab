"""hardboot patch list, status, apply and revert: hardboot support in a kernel source tree."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import click
from msgspec import structs

from hardboot.base import files, log
from hardboot.base.errors import InputError, RefusedError
from hardboot.commands import completion
from hardboot.commands.command import Command, Group
from hardboot.commands.common import Settings, count, echo, pass_settings
from hardboot.patches import lint, unified
from hardboot.patches.apply import Report, apply_patches, apply_series, revert_patches, revert_series
from hardboot.patches.catalog import find, load_all
from hardboot.patches.series import CONFIG_NAME, ProfileValues, Series
from hardboot.patches.status import status as examine
from hardboot.patches.tree import dotted
from hardboot.patches.unified import FilePatch
from hardboot.profile import Profile

PATCH_LIMIT = 16 << 20  # bytes of a patch file
_PATCH = click.option(
    "--patch",
    "patch_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Use this patch file instead of a series; damage from copying is repaired.",
)
MODEL = click.option(
    "--model",
    metavar="NAME",
    shell_complete=completion.models,
    help="Choose the model, for a profile whose models differ in the hardboot page.",
)
_TREE = click.argument("tree", type=click.Path(path_type=Path))


@click.group(
    cls=Group,
    example="hardboot patch apply linux --device virt-arm",
    sections={
        "Commands": {
            "lint": ("hardboot.commands.patch_file:lint", "Find and repair copying damage in a patch file."),
            "export": ("hardboot.commands.patch_file:export", "Write a series as one patch file."),
            "check": (
                "hardboot.commands.patch_file:check",
                "Try a series on a copy of a kernel source tree.",
            ),
            "config": (
                "hardboot.commands.patch_config:config",
                "Set and check the kernel options of a patched tree.",
            ),
        }
    },
)
def patch() -> None:
    """Add hardboot support to a kernel source tree.

    A series is applied completely or not at all, and only to kernel versions that it covers.
    """


@patch.command("list", cls=Command, example="hardboot patch list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the series, the kernel versions they cover, and the trees they were tried on.

    A tree was only applied to, compiled, or booted on a virtual machine; none was tried on a phone.
    """
    known = load_all()
    document = [
        {
            "name": series.name,
            "arch": series.arch,
            "requires": list(series.requires),
            "min": series.kernels.min,
            "below": series.kernels.below,
            "abi_version": series.abi_version,
            "flag": series.flag,
            "host_abi": list(series.host_abi),
            "reset": list(series.resets),
            "patches": list(series.patches),
            "tried": [structs.asdict(tried) for tried in series.tried],
        }
        for series in known
    ]

    def show() -> None:
        width = max((len(series.name) for series in known), default=0)
        for series in known:
            echo(
                f"{series.name:{width}}  Linux {series.kernels.min} to below {series.kernels.below}, "
                f"{count(len(series.patches), 'patch', 'patches')}, reset by {', '.join(series.resets)}"
            )
            for tried in series.tried:
                echo(f"  {tried.result:8}  {tried.kernel:8}  {tried.soc or tried.tree}")

    settings.emit(document, show)


@patch.command(cls=Command, example="hardboot patch status linux")
@_TREE
@pass_settings
def status(settings: Settings, tree: Path) -> None:
    """Show the state of hardboot support in the kernel source TREE.

    Each place in the source is ours, foreign (another author's), absent or damaged.
    """
    found = examine(tree)

    def show() -> None:
        author = {None: "", "hardboot": ", our series"}.get(found.author, ", by another author")
        echo(f"{found.overall}{author}")
        for place in found.places:
            where = f"{place.file}:{place.line}" if place.line else place.file or ""
            echo(f"  {place.name:12}  {place.state:7}  {where}")
            if place.detail:
                echo(f"{'':25}{place.detail}")

    settings.emit(asdict(found), show)


@patch.command(cls=Command, example="hardboot patch apply linux --device virt-arm")
@_TREE
@click.option("--dry-run", is_flag=True, help="Check that the series fits; change nothing.")
@MODEL
@_PATCH
@click.option(
    "--allow-unicode",
    is_flag=True,
    help="Apply a patch file in spite of invisible or misleading characters.",
)
@pass_settings
def apply(
    settings: Settings,
    tree: Path,
    dry_run: bool,
    model: str | None,
    patch_file: Path | None,
    allow_unicode: bool,
) -> None:
    """Apply the series for a phone to the kernel source TREE.

    Also writes hardboot.config at the top of TREE: the options to add to the kernel's configuration.
    """
    config = None
    if patch_file:
        if model:
            raise click.UsageError("--model cannot be combined with --patch.")
        patches = read_patch(patch_file, allow_unicode=allow_unicode)
        report = apply_patches(tree, patch_file.name, patches, dry_run=dry_run)
    else:
        phone = choose_model(settings, model)
        series = find(tree, phone.arch)
        check_match(phone, series)
        fact = "hardboot.models" if model else "hardboot.page"
        if phone.trust(fact) != "verified":
            log.warn(f"the hardboot page of {phone.name} is not verified: {phone.how_to_find(fact)}")
        name = f"{phone.name} {model}" if model else phone.name
        report = apply_series(tree, series, {**values(phone), "name": name}, dry_run=dry_run)
        config = CONFIG_NAME

    def show() -> None:
        on = f"{report.name} on Linux {dotted(report.version)}"
        if not report.files:
            echo(f"{on}: already applied")
        elif dry_run:
            echo(f"{on}: fits, would change {count(len(report.files), 'file')}; nothing was changed")
        else:
            echo(f"{on}: applied, {count(len(report.files), 'file')} changed")
        for at in report.offsets:
            echo(f"  {at.file}, hunk {at.hunk}: applied at an offset of {at.offset:+} lines")
        if config and not dry_run:
            echo(f"Kernel options to add: {tree / config} (hardboot patch config)")

    settings.emit({**_document(report), "config": config}, show)


@patch.command(cls=Command, example="hardboot patch revert linux")
@_TREE
@_PATCH
@pass_settings
def revert(settings: Settings, tree: Path, patch_file: Path | None) -> None:
    """Remove the series and hardboot.config from the kernel source TREE."""
    if patch_file:
        report = revert_patches(tree, patch_file.name, read_patch(patch_file, allow_unicode=True))
    else:
        report = revert_series(tree, series_of(settings, tree))

    def show() -> None:
        changed = count(len(report.files), "file")
        done = f"reverted, {changed} changed" if report.files else "not applied, nothing to do"
        echo(f"{report.name} on Linux {dotted(report.version)}: {done}")

    settings.emit(_document(report), show)


def series_of(settings: Settings, tree: Path) -> Series:
    """Return the series for `tree`: for the architecture of the chosen phone, or the one that is applied."""
    phone = settings.chosen()
    return find(tree, phone.arch if phone else None)


def read_patch(path: Path, *, allow_unicode: bool) -> dict[str, Sequence[FilePatch]]:
    """Read another author's patch file; copying damage is repaired with a warning.

    Raises:
        InputError: If it cannot be read or repaired.
        RefusedError: If it has characters that deceive the reader, unless `allow_unicode`.
    """
    found = lint.lint(files.read_bytes(path, limit=PATCH_LIMIT))
    if found.beyond_repair:
        raise InputError(
            f"{path}, {found.beyond_repair[0]}",
            state="Nothing was changed.",
            fix="Get the patch from another source; `hardboot patch lint FILE` lists all faults.",
        )
    if found.suspicious and not allow_unicode:
        raise RefusedError(
            f"{path}, {found.suspicious[0]}: the code may not do what it seems to",
            state="Nothing was changed.",
            fix="Check the lines that `hardboot patch lint FILE` lists, or add --allow-unicode.",
        )
    if found.faults:
        log.warn(f"{path}: repaired {count(len(found.faults), 'fault')}, the first in {found.faults[0]}")
    return {path.name: unified.parse(found.repaired, str(path))}


def choose_model(settings: Settings, model: str | None) -> Profile:
    """Return the chosen profile, for one of its models if they differ.

    Raises:
        InputError: If there is no such model.
        RefusedError: If the hardboot page depends on the model and none is given.
    """
    phone = settings.chosen()
    if phone is None:
        raise click.UsageError(
            "Give --device NAME or --profile FILE: the profile has the address of the hardboot page."
        )
    models = phone.hardboot.models
    named = next((one for one in models if one.name == model), None)
    if named:
        return phone.for_ram(named.ram_end)
    pages = " or ".join(f"--model {one.name} (page {one.page:#x})" for one in models)
    if model:
        raise InputError(
            f"the profile {phone.name} knows no model {model!r}",
            state="Nothing was changed.",
            fix=f"Give {pages}." if models else "Omit --model: the models of this profile do not differ.",
        )
    if models:
        raise RefusedError(
            f"the hardboot page of {phone.title} depends on the model",
            state="Nothing was changed.",
            fix=f"Give {pages}; {phone.how_to_find('hardboot.page')}.",
        )
    return phone


def values(phone: Profile) -> ProfileValues:
    """Return the values of a profile that a series can use."""
    return {
        "dtb.kind": phone.dtb.kind,
        "hardboot.host_abi": phone.hardboot.host_abi,
        "hardboot.page": phone.page.start,
        "hardboot.page_size": phone.hardboot.page_size,
        "hardboot.kernel_loc": phone.hardboot.kernel_loc,
        "hardboot.dtb_loc": phone.hardboot.dtb_loc,
        "kernel.params": phone.kernel.params,
        "kernel.phys_offset": phone.kernel.phys_offset,
        "kernel.zreladdr": phone.kernel.zreladdr,
        "mem_min": phone.mem_min,
        "reset.address": phone.reset.address,
        "reset.method": phone.reset.method,
        "reset.set_bits": phone.reset.set_bits,
        "reset.value": phone.reset.value,
        "soc": phone.soc,
    }


def check_match(phone: Profile, series: Series) -> None:
    """Refuse a series that does not make the host kernel that the profile describes.

    Raises:
        RefusedError: If the host ABI or the reset method differs.
    """
    hooks = f" Required before the reset: {'; '.join(phone.reset.hooks)}." if phone.reset.hooks else ""
    for what, wanted, made in (
        ("host_abi", phone.host_abi, series.host_abi),
        ("reset method", phone.reset.method, series.reset),
    ):
        if wanted not in made:
            raise RefusedError(
                f"{series.name} makes a kernel with {what} {' or '.join(made)}; "
                f"the profile {phone.name} has {wanted}",
                state="Nothing was changed.",
                fix=f"Use a series made for this phone, or correct the profile if it is wrong.{hooks}",
            )


def _document(report: Report) -> dict[str, Any]:
    return {
        "overall": report.overall,
        "series": report.name,
        "version": dotted(report.version),
        "files": list(report.files),
        "offsets": [
            {"patch": at.patch, "file": at.file, "hunk": at.hunk, "offset": at.offset}
            for at in report.offsets
        ],
    }
