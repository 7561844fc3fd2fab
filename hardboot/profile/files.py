"""The profiles that ship with hardboot (devices/*.toml), and others by path."""

import difflib
from collections.abc import Iterator
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import data_dir, read_bytes
from hardboot.profile.model import Profile
from hardboot.profile.syntax import malformed, parse

_LIMIT = 1 << 20  # bytes; the largest profile is a few KiB


def names() -> list[str]:
    """Return the names of all profiles that ship with hardboot, sorted."""
    return sorted(path.stem for path in data_dir("devices").glob("*.toml"))


def load(name_or_codename: str) -> Profile:
    """Load the profile called `name_or_codename`, or the one that lists it as a codename.

    Raises:
        InputError: If there is none, or its file is wrong.
    """
    known = names()
    if name_or_codename in known:
        return read(data_dir("devices") / f"{name_or_codename}.toml")
    found = match(name_or_codename)
    if found:
        return found
    near = difflib.get_close_matches(name_or_codename, known, n=1)
    raise InputError(
        f"no profile named {name_or_codename!r}" + (f"; did you mean {near[0]}?" if near else ""),
        state="Nothing was changed.",
        fix=f"Use one of: {', '.join(known)}.",
    )


def match(product_device: str) -> Profile | None:
    """Return the profile with the codename `product_device` (ro.product.device); None if there is none."""
    for profile in load_all():
        if product_device in profile.codenames:
            return profile
    return None


def load_all() -> Iterator[Profile]:
    """Load every profile that ships with hardboot, by name."""
    for name in names():
        yield read(data_dir("devices") / f"{name}.toml")


def read(path: Path) -> Profile:
    """Read the profile in the file `path`; its name must be the file's.

    Raises:
        InputError: If it cannot be read, is not TOML, or a key or value is wrong.
    """
    profile = parse(read_bytes(path, limit=_LIMIT), str(path))
    if profile.name != path.stem:
        raise malformed(str(path), f"the profile is named {profile.name!r}, but the file {path.stem!r}")
    return profile
