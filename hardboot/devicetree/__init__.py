"""Choose the device tree a guest gets, say why, and adapt it. Pure: trees in, a tree out."""

from hardboot.devicetree.adaptation import adapt, adapted_tree, encode_cmdline, for_guest, for_panic_kernel
from hardboot.devicetree.board_id import BoardId
from hardboot.devicetree.candidate import (
    Candidate,
    PhoneIds,
    candidate,
    candidates,
    phone_ids,
    profile_phone_ids,
    typed_phone_ids,
)
from hardboot.devicetree.choice import ChosenTree, choose_tree
from hardboot.devicetree.matching import Match, Verdict, match
from hardboot.devicetree.memory_nodes import memory_banks, reserved_memory
from hardboot.devicetree.needed_ids import needed_form
from hardboot.devicetree.overlays import Overlays, apply_overlays, choose_overlays, parse_indexes
from hardboot.devicetree.tree_source import TreeSource, find_trees, find_trees_in_parts

__all__ = [
    "BoardId",
    "Candidate",
    "ChosenTree",
    "Match",
    "Overlays",
    "PhoneIds",
    "TreeSource",
    "Verdict",
    "adapt",
    "adapted_tree",
    "apply_overlays",
    "candidate",
    "candidates",
    "choose_overlays",
    "choose_tree",
    "encode_cmdline",
    "find_trees",
    "find_trees_in_parts",
    "for_guest",
    "for_panic_kernel",
    "match",
    "memory_banks",
    "needed_form",
    "parse_indexes",
    "phone_ids",
    "profile_phone_ids",
    "reserved_memory",
    "typed_phone_ids",
]
