"""hardboot rom list and show: the stored ROMs, and how userdata is used."""

import operator
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import click

from hardboot.attempts import store as attempts
from hardboot.attempts.attempt import Attempt
from hardboot.base import log
from hardboot.base.errors import RefusedError
from hardboot.base.sizes import human_size
from hardboot.commands.command import Command
from hardboot.commands.common import Settings, connected, count, echo, pass_settings
from hardboot.commands.text_output import TextOutput
from hardboot.device.phone import Phone
from hardboot.flows.store import default, multirom, phone_log, place, stored
from hardboot.flows.store.multirom import MultiRomFolder
from hardboot.flows.store.phone_log import PhoneStart
from hardboot.flows.store.place import RESERVE, Place
from hardboot.flows.store.stored import Damaged
from hardboot.store import picture
from hardboot.store.manifest import Manifest
from hardboot.store.multirom import TYPES

_KINDS = {
    "linux": "Linux, root file system in an image",
    "android": "Android, its own system and data",
    "kernel": "a kernel for the phone's own system",
}


@dataclass(frozen=True)
class _Last:
    """The last start of a ROM that is known.

    Attributes:
        began: In seconds since 1970 (UTC).
        outcome: See `Attempt` and `PhoneStart`.
        text: The outcome in words.
        id: Of the attempt; None if it was started from the phone itself.
    """

    began: float
    outcome: str | None
    text: str
    id: str | None = None

    def document(self) -> dict[str, Any]:
        return {"id": self.id, "began": self.began, "outcome": self.outcome}


@dataclass(frozen=True)
class _Listed:
    """A ROM and its last start; None if there was none."""

    rom: Manifest | Damaged
    last: _Last | None

    def document(self) -> dict[str, Any]:
        if isinstance(self.rom, Damaged):
            return {"name": self.rom.name, "problem": self.rom.problem}
        return {**self.rom.document(), "last": self.last and self.last.document()}

    def text(self, first: str | None) -> str:
        one = self.rom
        if isinstance(one, Damaged):
            return f"{one.name}  damaged: {one.problem}"
        mark = "  (default)" if one.name == first else ""
        last = f", {_time(self.last.began)}: {self.last.text}" if self.last else ""
        kernel = f"kernel {one.release or 'unknown'}"
        return f"{one.name}  {human_size(one.size)}  {_KINDS[one.kind]}, {kernel}{last}{mark}"


@click.command(cls=Command, example="hardboot rom list")
@pass_settings
def list_(settings: Settings) -> None:
    """List the ROMs on the phone, and how userdata is used.

    Shows how the last boot of each ended, from this computer or from the phone itself, and the ROMs of
    MultiROM.
    """
    with connected(settings) as phone:
        found = stored.manifests_of(phone)
        if not found:
            stored.check_home(phone.kernel())
        listed = _with_last(phone, found) if found else []
        first = default.ask(phone) if listed else None
        where = _where(phone) if listed else None
        other = multirom.find(phone)

    def human() -> None:
        if not listed:
            echo("No ROMs. Add one: hardboot rom add NAME IMAGE")
        for one in listed:
            echo(one.text(first))
        if where:
            _draw_sizes([one.rom for one in listed], where)
        if other:
            _list_multirom(other)

    document = {
        "roms": [one.document() for one in listed],
        "default": first,
        "userdata": _userdata(where),
        "multirom": other and _multirom_document(other),
    }
    settings.emit(document, human)


@click.command(cls=Command, example="hardboot rom show debian")
@click.argument("name")
@pass_settings
def show(settings: Settings, name: str) -> None:
    """Show the ROM NAME: its images, and where they lie."""
    with connected(settings) as phone:
        (listed,) = _with_last(phone, [stored.find(phone, name)])
        where = _where(phone)

    def human() -> None:
        assert isinstance(listed.rom, Manifest)
        describe(listed.rom)
        if listed.last:
            echo(f"  last boot {_time(listed.last.began)}: {listed.last.text}")
        if where and listed.rom.images:
            _draw_places(listed.rom, where)

    settings.emit({**listed.document(), "userdata": _userdata(where)}, human)


def describe(one: Manifest) -> None:
    """Print what a ROM is."""
    echo(f"{one.name}: {_KINDS[one.kind]}, added {_time(one.added)}")
    if one.description:
        echo(f"  {one.description}")
    echo(f"  kernel    {one.release or 'unknown'}")
    for image in one.images:
        where = f"in {count(len(image.runs), 'piece')}" if image.runs else "gone: wiping it was cut off"
        access = ", read-only" if image.read_only else ""
        echo(f"  {image.name:<9} {human_size(image.size)} {where}{access}")
    echo(f"  on /data  {human_size(one.size)}")


def _list_multirom(folder: MultiRomFolder) -> None:
    echo()
    echo(f"MultiROM, {folder.base}")
    for one in folder.roms:
        reasons = {"boot": one.not_booted, "import": one.not_imported}
        can = [verb for verb, reason in reasons.items() if reason is None]
        usable = f"rom {' or '.join(can)}" if can else f"only listed: {one.not_booted}"
        echo(f"{one.title}  {TYPES[one.type]}, {one.kernel} ({usable})")
    if not folder.roms:
        echo("No ROMs.")


def _multirom_document(folder: MultiRomFolder) -> dict[str, Any]:
    roms = [
        {
            "name": one.title,
            "type": one.type,
            "kernel": one.kernel,
            "not_booted": one.not_booted,
            "not_imported": one.not_imported,
        }
        for one in folder.roms
    ]
    return {"folder": folder.base, "roms": roms}


def _with_last(phone: Phone, roms: Sequence[Manifest | Damaged]) -> list[_Listed]:
    """Return ROMs with the last start of each since it was added, from this computer or the phone itself."""
    known = attempts.find_all(phone.serialno)
    starts = phone_log.last_starts(phone)
    return [_Listed(one, None if isinstance(one, Damaged) else _last(one, known, starts)) for one in roms]


def _last(rom: Manifest, known: Sequence[Attempt], starts: Mapping[str, PhoneStart]) -> _Last | None:
    found = [
        _Last(one.began, one.outcome, one.outcome_text, one.id)
        for one in known
        if one.image and one.image.name == rom.name
    ]
    if start := starts.get(rom.name):
        found.append(_Last(start.began, start.outcome, start.outcome))
    return max(
        (one for one in found if one.began >= rom.added), key=operator.attrgetter("began"), default=None
    )


def _where(phone: Phone) -> Place | None:
    """Return the place of the ROMs; None if it is one no more, which `rom check` tells."""
    try:
        return place.ask(phone)
    except RefusedError as error:
        log.detail(error.what)
        return None


def _userdata(where: Place | None) -> dict[str, Any] | None:
    if where is None:
        return None
    return {
        "partition": where.partition,
        "filesystem": where.filesystem,
        "size": where.size,
        "free": where.free,
        "reserve": RESERVE,
    }


def _draw_sizes(roms: Sequence[Manifest | Damaged], where: Place) -> None:
    out = TextOutput()
    sizes = [(one.name, one.size) for one in roms if isinstance(one, Manifest)]
    parts = picture.parts(sizes, total=where.size, free=where.free, reserve=RESERVE)
    unicode = out.takes(picture.GLYPHS)
    _draw(where, picture.sizes(parts, total=where.size, width=out.picture_width, unicode=unicode))


def _draw_places(rom: Manifest, where: Place) -> None:
    out = TextOutput()
    images = [(one.name, one.size, one.extents) for one in rom.images]
    unicode = out.takes(picture.GLYPHS)
    _draw(where, picture.places(images, total=where.size, width=out.picture_width, unicode=unicode))


def _draw(where: Place, lines: Sequence[str]) -> None:
    echo()
    echo(f"{where.partition}, {human_size(where.size)}, {where.filesystem}")
    for line in lines:
        echo(line)


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).strftime("%Y-%m-%d %H:%M")
