"""hardboot dtb: show which of an image's device trees a phone gets, and why."""

from pathlib import Path
from typing import Any

import click

from hardboot import devicetree
from hardboot.base.errors import InputError, RefusedError
from hardboot.base.files import naming
from hardboot.base.mapping import map_file
from hardboot.base.sizes import human_size
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, count, echo, pass_settings
from hardboot.devicetree import Candidate, Match, PhoneIds, TreeSource

_MARKS = {True: "*", False: " "}


@click.command(cls=Command, example="hardboot dtb boot.img --match 194,0x10000")
@click.argument("image", type=click.Path(path_type=Path))
@click.option(
    "--match",
    metavar="ID",
    help='Match these ids: 178,0x47,0x8200, or "msm-id=194,0x10000 board-id=8,0".',
)
@pass_settings
def dtb(settings: Settings, image: Path, match: str | None) -> None:
    """Show the device trees of IMAGE, which one a phone gets, and why not the others.

    The phone is given by --match, --device NAME or --profile FILE; none needs to be connected. --match takes
    msm-id, board-id, pmic-id, project-id (HTC), sc-id (Spreadtrum), rev-id (Marvell), chip, hw-rev (Exynos),
    id (overlay tables) and model (Motorola's tables).
    """
    wanted, phone = _wanted(settings, match)
    with naming(image):
        source = devicetree.find_trees(map_file(image))
    if source is None:
        raise InputError(
            "no device tree found",
            file=str(image),
            state="Nothing was changed.",
            fix="Give a boot, vendor_boot, dt or dtbo image, or a kernel with device trees behind it.",
        )
    matched = devicetree.match(source.candidates, wanted)
    document = {"image": str(image), **_document(source, matched)}
    if matched.index is None:
        form = devicetree.needed_form(source.candidates, wanted)
        more = (
            f'all ids that the trees state: --match "{form}"'
            if form
            else "more of the phone's ids with --match"
        )
        refusal = RefusedError(
            f"{image}: no device tree fits {phone}: {matched.reason}",
            state="Nothing was changed.",
            fix=f"Give {more} (its own device tree has them), or use an image made for this phone.",
        )
        refusal.result = document
        if not settings.json:
            _show(image, source, matched)
        raise refusal
    settings.emit(document, lambda: _show(image, source, matched))


def _wanted(settings: Settings, match: str | None) -> tuple[PhoneIds, str]:
    """Return the ids to look for, and the name of their phone."""
    if match is not None:
        return devicetree.typed_phone_ids(match), match
    phone = settings.chosen()
    if phone is None:
        raise click.UsageError("Give the phone: --device NAME, --profile FILE or --match ID.")
    found = devicetree.profile_phone_ids(phone)
    if not found.ids:
        raise RefusedError(
            f"the profile {phone.name} has no device tree ids",
            state="Nothing was changed.",
            fix="Read them on the phone and give them with --match: "
            "adb shell xxd -c 4 -p /proc/device-tree/qcom,msm-id (on HTC's phones htc,project-id)",
        )
    return found, phone.name


def _document(source: TreeSource, matched: Match) -> dict[str, Any]:
    rows = []
    for index, (candidate, verdict) in enumerate(zip(source.candidates, matched.verdicts, strict=True)):
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
        "choice": matched.index,
        "reason": matched.reason,
        "candidates": rows,
    }


def _ids(candidate: Candidate) -> list[str]:
    try:
        return [str(ids) for ids in candidate.ids]
    except InputError:
        return []  # the verdict says what is wrong


def _show(image: Path, source: TreeSource, matched: Match) -> None:
    place = f"{source.part} part, " if source.part else ""
    entries = count(len(source.candidates), "entry", "entries")
    echo(f"{image.name}: {place}{source.kind}, {entries}")
    for index, (candidate, verdict) in enumerate(zip(source.candidates, matched.verdicts, strict=True)):
        first, *others = _ids(candidate) or ["no ids"]
        more = f" (and {len(others)} more)" if others else ""
        size = human_size(candidate.size)
        echo(f"{_MARKS[verdict.taken]} {index:>3}  {size:>9}  {first}{more}")
        echo(f"{'':18}{verdict.reason}")
    chosen = "" if matched.index is None else f"take {matched.index}: "
    echo(f"{chosen}{matched.reason}")
