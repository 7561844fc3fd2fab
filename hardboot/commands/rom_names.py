"""The names of stored ROMs, as the user gives them."""

import msgspec

from hardboot.base.errors import InputError
from hardboot.flows.store import default
from hardboot.store.manifest import RomName


def check_name(name: str) -> None:
    """Refuse what is no name of a ROM.

    Raises:
        InputError: If it is none.
    """
    try:
        msgspec.convert(name, RomName)
    except msgspec.ValidationError as error:
        raise InputError(
            f"{name!r} is no name for a ROM",
            state="Nothing was written.",
            fix="Use letters, digits and . _ + -, at most 32, a letter or digit first.",
        ) from error


def check_new_name(name: str) -> None:
    """Refuse what no ROM can be called; see `check_name`."""
    check_name(name)
    if name == default.HOME:
        raise InputError(
            f"no ROM can be called {name}: that is the phone's own system",
            state="Nothing was written.",
            fix="Choose another name.",
        )
