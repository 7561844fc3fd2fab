"""A ROM of the store that is to be booted by its name, or as the default."""

import os

from hardboot.base import log
from hardboot.base.errors import InputError
from hardboot.base.printable import printable
from hardboot.base.similar import did_you_mean
from hardboot.device import host
from hardboot.device.phone import Phone
from hardboot.flows.journal import Journal
from hardboot.flows.rom_source import RomFiles
from hardboot.flows.store import default, stored
from hardboot.flows.store.start import StoredSource
from hardboot.store.multirom import PREFIX


def is_name(files: RomFiles) -> bool:
    """Return whether the user named a ROM on the phone and no file: one name of no existing path, or none."""
    if files.kernel is not None or not files.image_alone:
        return False
    if files.image is None:
        return True
    named = _may_be_name(files) or (not files.is_path and str(files.image).startswith(PREFIX))
    return named and not os.path.lexists(files.image)


def source(phone: Phone, name: str | None, journal: Journal, *, is_known: bool) -> StoredSource:
    """Return a ROM of the store.

    Args:
        phone: The phone.
        name: Of the ROM; None for the default.
        journal: Takes the running kernel.
        is_known: The name can be nothing but that of a ROM. Otherwise it may be meant as a path.

    Raises:
        RefusedError: If a ROM runs or the kernel is no host: the store cannot be seen, or nothing started.
        InputError: If there is no such ROM.
        DeviceError: If the phone does not answer.
    """
    journal.host = phone.kernel()
    host.look(phone)
    names = stored.look(phone).names
    if not names:
        how = "Return to the phone's own system first: hardboot home, or add --from-rom"
        stored.check_home(journal.host, fix=how)
    if name is None:
        name = default.ask(phone)
        if name is None:
            raise InputError(
                "the default is the phone's own system, which runs already",
                state="Nothing was started.",
                fix="Name an image or a ROM, or choose a default: hardboot rom default NAME",
            )
    elif name not in names and not is_known:
        raise InputError(
            f"{printable(name)}: no such file, and no ROM of that name on this phone"
            f"{did_you_mean(name, names)}",
            state="Nothing was started.",
            fix="Give the path of an image, or the name of a ROM (hardboot rom list).",
        )
    return StoredSource(stored.find(phone, name))


def warn_of_namesake(phone: Phone, files: RomFiles) -> None:
    """Warn, with the next command on the phone, if a ROM has the name of the file that is booted."""
    if files.image is None or not _may_be_name(files):
        return
    name = str(files.image)
    phone.after_next(
        f"ls -d {stored.folder(name)}",
        lambda output: (
            None
            if output.code
            else log.warn(f"booting the file {name}. The ROM of that name: hardboot rom boot {name}")
        ),
    )


def _may_be_name(files: RomFiles) -> bool:
    return not files.is_path and stored.NAME.fullmatch(str(files.image)) is not None
