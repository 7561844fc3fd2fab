"""`hardboot patch`: put hardboot support into a kernel source tree, see whether it is there, take it out."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot.base.errors import RefusedError
from hardboot.commands.common import Command, Group, Settings, pass_settings

if TYPE_CHECKING:
    from collections.abc import Sequence

    from hardboot.patches.apply import Report
    from hardboot.patches.series import ProfileValues, Series
    from hardboot.patches.unified import FilePatch
    from hardboot.profile import Profile

PATCH_LIMIT = 16 << 20  # bytes of a patch file
_PATCH = click.option(
    "--patch",
    "patch_file",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="This patch file instead of a series; it is repaired if copying has damaged it.",
)
MODEL = click.option(
    "--model",
    metavar="NAME",
    help="The model of the phone, where the profile has several, each with its own hardboot page.",
)
_TREE = click.argument("tree", type=click.Path(path_type=Path))


@click.group(
    cls=Group,
    lazy={
        "lint": ("hardboot.commands.patch_file:lint", "Find what copying has damaged in a patch file."),
        "export": ("hardboot.commands.patch_file:export", "Write a series as one patch file."),
        "check": ("hardboot.commands.patch_file:check", "Try a series on a kernel source tree."),
        "config": ("hardboot.commands.patch_config:config", "Set the options of a patched tree, and check."),
    },
)
def patch() -> None:
    """Put hardboot support into a kernel source tree.

    A series goes in whole or not at all, and only into a kernel version that it covers.
    """


@patch.command("list", cls=Command)
@pass_settings
def list_(settings: Settings) -> None:
    """The series there are and the kernels they cover."""
    from hardboot.patches.catalog import load_all

    known = load_all()
    document = [
        {
            "name": item.name,
            "arch": item.arch,
            "requires": list(item.requires),
            "min": item.kernels.min,
            "below": item.kernels.below,
            "abi_version": item.abi_version,
            "flag": item.flag,
            "host_abi": list(item.host_abi),
            "reset": list(item.resets),
            "patches": list(item.patches),
        }
        for item in known
    ]

    def show() -> None:
        width = max((len(item.name) for item in known), default=0)
        for item in known:
            click.echo(
                f"{item.name:{width}}  Linux {item.kernels.min} to below {item.kernels.below}, "
                f"{len(item.patches)} patches, reset by {', '.join(item.resets)}"
            )

    settings.emit(document, show)


@patch.command(cls=Command)
@_TREE
@pass_settings
def status(settings: Settings, tree: Path) -> None:
    """Say in what state hardboot support is in the kernel source TREE, and whose it is.

    Each place that the feature lives in is ours, foreign (another author's), absent or damaged.
    """
    from dataclasses import asdict

    from hardboot.patches.status import status as examine

    found = examine(tree)

    def show() -> None:
        by = (
            f", {'our series' if found.author == 'hardboot' else 'by another author'}" if found.author else ""
        )
        click.echo(f"{found.overall}{by}")
        for place in found.places:
            where = f"{place.file}:{place.line}" if place.line else place.file or ""
            click.echo(f"  {place.name:12}  {place.state:7}  {where}")
            if place.detail:
                click.echo(f"{'':25}{place.detail}")

    settings.emit(asdict(found), show)


@patch.command(cls=Command)
@_TREE
@click.option("--dry-run", is_flag=True, help="Check that it fits; change nothing.")
@MODEL
@_PATCH
@pass_settings
def apply(settings: Settings, tree: Path, dry_run: bool, model: str | None, patch_file: Path | None) -> None:
    """Put the series for --device into the kernel source TREE.

    Writes hardboot.config at the top of TREE: the options to add to the kernel's configuration.
    """
    from hardboot.base import log
    from hardboot.patches.apply import apply_patches, apply_series
    from hardboot.patches.catalog import find
    from hardboot.patches.series import CONFIG_NAME
    from hardboot.patches.tree import dotted

    config = None
    if patch_file:
        if model:
            raise click.UsageError("--model goes with --device: a patch file has no options.")
        report = apply_patches(tree, patch_file.name, read_patch(patch_file), dry_run=dry_run)
    elif settings.device is None:
        raise click.UsageError("--device NAME is missing: the profile says where the hardboot page is.")
    else:
        phone = load_model(settings.device, model)
        series = find(tree, phone.arch)
        check_match(phone, series)
        fact = "hardboot.models" if model else "hardboot.page"
        if phone.trust(fact) != "verified":
            log.warn(f"the hardboot page of {phone.name} is not verified: {phone.how_to_find(fact)}")
        report = apply_series(tree, series, values(phone), dry_run=dry_run)
        config = CONFIG_NAME

    def show() -> None:
        on = f"{report.name} on Linux {dotted(report.version)}"
        if not report.files:
            click.echo(f"{on}: already applied")
        elif dry_run:
            click.echo(f"{on}: fits, {len(report.files)} files would change; nothing was changed")
        else:
            click.echo(f"{on}: applied, {len(report.files)} files changed")
        for at in report.offsets:
            click.echo(f"  {at.file}, hunk {at.hunk}: {at.offset:+} lines from where the patch names it")
        if config and not dry_run:
            click.echo(f"Options for the kernel's configuration: {tree / config}")

    settings.emit({**_document(report), "config": config}, show)


@patch.command(cls=Command)
@_TREE
@_PATCH
@pass_settings
def revert(settings: Settings, tree: Path, patch_file: Path | None) -> None:
    """Take the series and hardboot.config out of the kernel source TREE."""
    from hardboot.patches.apply import revert_patches, revert_series
    from hardboot.patches.tree import dotted

    if patch_file:
        report = revert_patches(tree, patch_file.name, read_patch(patch_file))
    else:
        report = revert_series(tree, series_of(settings, tree))

    def show() -> None:
        done = f"reverted, {len(report.files)} files changed" if report.files else "not there, nothing to do"
        click.echo(f"{report.name} on Linux {dotted(report.version)}: {done}")

    settings.emit(_document(report), show)


def series_of(settings: Settings, tree: Path) -> "Series":
    """The series for TREE: of --device's architecture, else the one that is there."""
    from hardboot import profile
    from hardboot.patches.catalog import find

    arch = profile.load(settings.device).arch if settings.device else None
    return find(tree, arch)


def read_patch(path: Path) -> "dict[str, Sequence[FilePatch]]":
    """Another author's patch file; what copying has damaged is repaired, and told.

    Raises:
        InputError: If it cannot be read, or not be repaired.
    """
    from hardboot.base import files, log
    from hardboot.base.errors import InputError
    from hardboot.patches import unified
    from hardboot.patches.lint import lint

    found = lint(files.read_bytes(path, limit=PATCH_LIMIT), str(path))
    if found.beyond_repair:
        raise InputError(
            f"{path}, {found.beyond_repair[0]}",
            state="Nothing was changed.",
            fix="`hardboot patch lint FILE` shows all that is wrong; get the patch from another place.",
        )
    if found.faults:
        log.warn(f"{path}: {len(found.faults)} faults were repaired, the first in {found.faults[0]}")
    return {path.name: unified.parse(found.repaired, str(path))}


def load_model(device: str, model: str | None) -> "Profile":
    """The profile `device`, of the model so called where there are several.

    Raises:
        InputError: If there is no such model.
        RefusedError: If the page depends on the model, and none is named.
    """
    from hardboot import profile
    from hardboot.base.errors import InputError

    phone = profile.load(device)
    models = phone.hardboot.models
    named = next((one for one in models if one.name == model), None)
    if named:
        return phone.for_ram(named.ram_end)
    pages = " or ".join(f"--model {one.name} (page {one.page:#x})" for one in models)
    if model:
        raise InputError(
            f"the profile {device} knows no model {model!r}",
            state="Nothing was changed.",
            fix=f"Give {pages}." if models else "Leave --model out: all phones of this profile are alike.",
        )
    if models:
        raise RefusedError(
            f"the hardboot page of {phone.title} depends on the model",
            state="Nothing was changed.",
            fix=f"Give {pages}; {phone.how_to_find('hardboot.page')}.",
        )
    return phone


def values(phone: "Profile") -> "ProfileValues":
    """What a series can ask of a profile."""
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


def check_match(phone: "Profile", series: "Series") -> None:
    """Refuse a series that cannot make the host kernel that the profile describes."""
    hooks = f" What it needs before the reset: {'; '.join(phone.reset.hooks)}." if phone.reset.hooks else ""
    for what, wanted, made in (
        ("host_abi", phone.hardboot.host_abi, series.host_abi),
        ("reset method", phone.reset.method, series.reset),
    ):
        if wanted not in made:
            raise RefusedError(
                f"{series.name} makes a kernel with {what} {' or '.join(made)}; "
                f"the profile {phone.name} has {wanted}",
                state="Nothing was changed.",
                fix=f"Use a series made for this phone, or correct the profile if it is wrong.{hooks}",
            )


def _document(report: "Report") -> dict[str, Any]:
    from hardboot.patches.tree import dotted

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
