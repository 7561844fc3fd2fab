"""Kernel series in a tree: put one in, take it out again, and say what state a tree is in."""

from hardboot.patches.applying import Report, apply, apply_parts, find, revert, revert_parts, survey
from hardboot.patches.series import CONFIG_NAME, Series, Values, all_series, dotted, load
from hardboot.patches.status import PlaceState, Status, status
from hardboot.patches.survey import Offset, PatchStatus, State, Survey
from hardboot.patches.tree import Version
from hardboot.patches.trial import problems
from hardboot.patches.unified import parse

__all__ = [
    "CONFIG_NAME",
    "Offset",
    "PatchStatus",
    "PlaceState",
    "Report",
    "Series",
    "State",
    "Status",
    "Survey",
    "Values",
    "Version",
    "all_series",
    "apply",
    "apply_parts",
    "dotted",
    "find",
    "load",
    "parse",
    "problems",
    "revert",
    "revert_parts",
    "status",
    "survey",
]
