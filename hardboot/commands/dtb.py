"""hardboot dtb: which of an image's device trees is for a phone, and why."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from hardboot.commands.common import Command, Settings, pass_settings
from hardboot.commands.page import safe

if TYPE_CHECKING:
    from hardboot.devicetree import Candidate, PhoneIds, Selection, TreeSource

_WIDTH = 80  # columns
_MARKS = {True: "*", False: " "}


@click.command(cls=Command, short_help="Which device tree of an image is for a phone, and why.")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--match",
    metavar="ID",
    help='The phone\'s ids: 178,0x47,0x8200, or "msm-id=194,0x10000 board-id=8,0".',
)
@pass_settings
def dtb(settings: Settings, image: Path, match: str | None) -> None:
    """Show every device tree of IMAGE, which one is for the phone, and why the others are not.

    The phone is the one with the ids --match ID, else the one of profile --device NAME. No phone is needed.
    Words of --match besides msm-id and board-id: pmic-id, project-id (HTC), sc-id (Spreadtrum),
    rev-id (Marvell), chip, hw-rev (Exynos), id (overlay tables), model (Motorola's tables).
    """
    from hardboot import devicetree
    from hardboot.base.errors import InputError, RefusedError
    from hardboot.base.files import map_file

    wanted, who = _wanted(settings, match)
    try:
        source = devicetree.find_trees(map_file(image))
    except InputError as error:
        raise InputError(f"{image}: {error.what}", state=error.state, fix=error.fix) from error
    if source is None:
        raise InputError(
            f"{image}: there is no device tree in it",
            state="Nothing was changed.",
            fix="Give a boot, vendor_boot, dt or dtbo image, or a kernel with device trees behind it.",
        )
    selection = devicetree.select(source.candidates, wanted)
    document = {"image": str(image), **_document(source, selection)}
    if selection.choice is None:
        refusal = RefusedError(
            f"{image}: no device tree to take for {who}: {selection.reason}",
            state="Nothing was changed.",
            fix="Give more of the phone's ids with --match, as its own device tree has them, "
            "or use an image made for this phone.",
        )
        refusal.result = document
        if not settings.json:
            _show(image, source, selection)
        raise refusal
    settings.emit(document, lambda: _show(image, source, selection))


def _wanted(settings: Settings, match: str | None) -> "tuple[PhoneIds, str]":
    """The ids to look for, and whose they are."""
    from hardboot import devicetree, profile
    from hardboot.base.errors import RefusedError

    if match is not None:
        return devicetree.typed_phone_ids(match), match
    if settings.device is None:
        raise click.UsageError("--device NAME or --match ID is needed: for which phone?")
    phone = profile.load(settings.device)
    found = devicetree.profile_phone_ids(phone)
    if not found.ids:
        raise RefusedError(
            f"the ids of {phone.name} are not known",
            state="Nothing was changed.",
            fix="Read them on the phone and give them with --match: "
            "adb shell xxd -c 4 -p /proc/device-tree/qcom,msm-id (on HTC's phones htc,project-id)",
        )
    return found, phone.name


def _document(source: "TreeSource", selection: "Selection") -> dict[str, Any]:
    rows = []
    for index, (candidate, verdict) in enumerate(zip(source.candidates, selection.verdicts, strict=True)):
        rows.append(
            {
                "index": index,
                "offset": candidate.offset,
                "size": candidate.size,
                "ids": _ids(candidate),
                "taken": verdict.taken,
                "reason": verdict.reason,
            }
        )
    return {
        "part": source.part or None,
        "kind": source.kind,
        "choice": selection.choice,
        "reason": selection.reason,
        "candidates": rows,
    }


def _ids(candidate: "Candidate") -> list[str]:
    from hardboot.base.errors import InputError

    try:
        return [str(one) for one in candidate.ids]
    except InputError:
        return []  # the verdict says what is wrong


def _show(image: Path, source: "TreeSource", selection: "Selection") -> None:
    from hardboot.base.sizes import human_size

    place = f"{source.part} part, " if source.part else ""
    click.echo(f"{image.name}: {place}{source.kind}, {len(source.candidates)} entries")
    for index, (candidate, verdict) in enumerate(zip(source.candidates, selection.verdicts, strict=True)):
        ids = _ids(candidate)
        more = f" (and {len(ids) - 1} more)" if len(ids) > 1 else ""
        size = human_size(candidate.size)
        _fold(f"{_MARKS[verdict.taken]} {index:>3}  {size:>9}  ", (ids[0] if ids else "no ids") + more)
        _fold(" " * 18, verdict.reason)
    _fold(
        "",
        f"take {selection.choice}: {selection.reason}" if selection.choice is not None else selection.reason,
    )


def _fold(head: str, text: str) -> None:
    """Print `text` behind `head`, folded, without what could steer a terminal."""
    import textwrap

    lines = textwrap.wrap(safe(text), _WIDTH - len(head)) or [""]
    for number, line in enumerate(lines):
        click.echo(f"{head if number == 0 else ' ' * len(head)}{line}".rstrip())
