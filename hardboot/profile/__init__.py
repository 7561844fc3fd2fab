"""Profiles: devices/<codename>.toml, everything that is known of one phone, and the rules it must keep.

A fact nobody has read anywhere is absent (None, an empty tuple) and "unknown" in [evidence]: the command
that needs it refuses and says how to find it.
"""

import difflib
from collections.abc import Iterator
from pathlib import Path

from hardboot.base.errors import InputError
from hardboot.base.files import data_dir, read_bytes
from hardboot.profile.lint import Problem, check, facts
from hardboot.profile.schema import Evidence, Known, Profile, Span
from hardboot.profile.syntax import parse, wrong
from hardboot.profile.unknown import UnknownFactError

__all__ = [
    "Evidence",
    "Known",
    "Problem",
    "Profile",
    "Span",
    "UnknownFactError",
    "check",
    "everything",
    "facts",
    "load",
    "match",
    "names",
    "parse",
    "read",
]

_LIMIT = 1 << 20  # bytes; the largest profile is a few KiB


def names() -> list[str]:
    """The names of all profiles that ship with hardboot, sorted."""
    return sorted(path.stem for path in data_dir("devices").glob("*.toml"))


def load(name_or_codename: str) -> Profile:
    """The profile called `name_or_codename`, or the one that lists it as a codename.

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
        f"no profile is called {name_or_codename!r}" + (f"; did you mean {near[0]}?" if near else ""),
        state="Nothing was sent.",
        fix=f"Use one of: {', '.join(known)}.",
    )


def match(product_device: str) -> Profile | None:
    """The profile that lists `product_device` (ro.product.device) among its codenames."""
    for profile in everything():
        if product_device in profile.codenames:
            return profile
    return None


def everything() -> Iterator[Profile]:
    """Every profile that ships with hardboot, by name."""
    for name in names():
        yield read(data_dir("devices") / f"{name}.toml")


def read(path: Path) -> Profile:
    """The profile in the file `path`; its name must be the file's.

    Raises:
        InputError: If it cannot be read, is no TOML, or a key or value is wrong.
    """
    profile = parse(read_bytes(path, limit=_LIMIT), str(path))
    if profile.name != path.stem:
        raise wrong(str(path), f"name is {profile.name!r}, the file is called {path.stem!r}")
    return profile
