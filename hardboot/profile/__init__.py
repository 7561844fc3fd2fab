"""Profiles: devices/<codename>.toml, everything that is known of one phone, and the rules it must keep.

A fact without any known source is absent (None, an empty tuple) and "unknown" in [evidence]: the command
that needs it refuses and says how to find it.
"""

from hardboot.profile.facts import facts
from hardboot.profile.files import (
    is_own,
    is_shipped,
    load,
    load_all,
    load_folder,
    match,
    names,
    own_dir,
    path_of,
    read,
)
from hardboot.profile.lint import check
from hardboot.profile.model import Profile
from hardboot.profile.problem import Problem
from hardboot.profile.schema import SLOTS, Evidence, Partition, Span, Trust
from hardboot.profile.syntax import parse
from hardboot.profile.unknown import UnknownFactError

__all__ = [
    "SLOTS",
    "Evidence",
    "Partition",
    "Problem",
    "Profile",
    "Span",
    "Trust",
    "UnknownFactError",
    "check",
    "facts",
    "is_own",
    "is_shipped",
    "load",
    "load_all",
    "load_folder",
    "match",
    "names",
    "own_dir",
    "parse",
    "path_of",
    "read",
]
