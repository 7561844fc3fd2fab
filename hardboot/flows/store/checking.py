"""Check all ROMs of the store, and clear what a command that was cut off left."""

from dataclasses import dataclass

from hardboot.base.errors import DeviceError, InputError, RefusedError, ToolError
from hardboot.device.phone import Phone
from hardboot.flows.store import place, start, stored, wipe
from hardboot.flows.store.stored import Damaged
from hardboot.flows.store.write_image import stage_agent
from hardboot.payload.extents import Extent
from hardboot.store import blocks


@dataclass(frozen=True)
class CheckedRom:
    """A ROM.

    Attributes:
        name: Its name.
        problem: What is wrong with it; None for nothing.
        wiped: Its images whose wiping was cut off, and finished now.
    """

    name: str
    problem: str | None
    wiped: tuple[str, ...] = ()


@dataclass(frozen=True)
class Checked:
    """The state of the store.

    Attributes:
        cleared: Folders of ROMs whose adding or removal was cut off, which are gone now.
        foreign: Other names, left alone.
    """

    roms: tuple[CheckedRom, ...]
    cleared: tuple[str, ...]
    foreign: tuple[str, ...]


def check(phone: Phone) -> Checked:
    """Check each image of each ROM: it lies where it was written, and no other image shares its blocks.

    Raises:
        RefusedError: If /data cannot hold ROMs.
        DeviceError: If the phone does not answer.
    """
    where = place.ask(phone)
    found = stored.look(phone)
    stored.clear(phone, found)
    stage_agent(phone)
    roms: list[CheckedRom] = []
    known: dict[str, tuple[Extent, ...]] = {}
    for one in stored.manifests_of(phone):
        if isinstance(one, Damaged):
            roms.append(CheckedRom(one.name, one.problem))
            continue
        given_up = [image for image in one.images if not image.runs]
        try:
            for image in given_up:
                one = wipe.wipe(phone, one, image)
            tables = start.check_blocks(phone, where, one)
            with_own = known | {f"{one.name}/{name}": runs for name, runs in tables.items()}
            blocks.check_disjoint(with_own)
            known = with_own
            roms.append(CheckedRom(one.name, None, tuple(image.name for image in given_up)))
        except (RefusedError, DeviceError, InputError, ToolError) as error:
            roms.append(CheckedRom(one.name, error.what))
    return Checked(tuple(roms), found.unfinished, found.foreign)
