"""Choose the device tree a guest gets, say why, and adapt it. Pure: trees in, a tree out."""

from hardboot.devicetree.adapting import adapt, adapted, encode_cmdline, for_crash, memory, reserved
from hardboot.devicetree.choosing import Choice, choose
from hardboot.devicetree.ids import BoardId
from hardboot.devicetree.selecting import (
    Candidate,
    Selection,
    Verdict,
    Wanted,
    of_file,
    of_profile,
    of_tree,
    select,
    typed,
    wanted,
)
from hardboot.devicetree.sources import Source, find, in_parts

__all__ = [
    "BoardId",
    "Candidate",
    "Choice",
    "Selection",
    "Source",
    "Verdict",
    "Wanted",
    "adapt",
    "adapted",
    "choose",
    "encode_cmdline",
    "find",
    "for_crash",
    "in_parts",
    "memory",
    "of_file",
    "of_profile",
    "of_tree",
    "reserved",
    "select",
    "typed",
    "wanted",
]
