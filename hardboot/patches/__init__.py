"""Kernel series in a tree: put one in, take it out again.

What state a tree is in is told by the module `status`; what is wrong with a patch file by `lint`; `config`
sets the options of a patched tree, `export` makes one file of a series, `trial` tries one.
"""

from hardboot.patches.applying import Report, apply, apply_parts, find, revert, revert_parts, survey
from hardboot.patches.series import CONFIG_NAME, Series, Values, all_series, dotted, load
from hardboot.patches.survey import Offset, PatchStatus, State, Survey
from hardboot.patches.tree import Version

__all__ = [
    "CONFIG_NAME",
    "Offset",
    "PatchStatus",
    "Report",
    "Series",
    "State",
    "Survey",
    "Values",
    "Version",
    "all_series",
    "apply",
    "apply_parts",
    "dotted",
    "find",
    "load",
    "revert",
    "revert_parts",
    "survey",
]
