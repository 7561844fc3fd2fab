"""The device trees to choose from, and what is known of the phone that one of them is for."""

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from hardboot.devicetree.board_id import BoardId
from hardboot.devicetree.board_ids import id_of_entry, ids_of_properties, ids_of_rows
from hardboot.devicetree.typed_ids import parse_typed_ids
from hardboot.formats.containers.devicetrees import DeviceTrees, TreeEntry
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Profile


@dataclass(frozen=True)
class Candidate:
    """A device tree that may be chosen; parsed when it is needed.

    Attributes:
        read: Returns the tree; may raise InputError.
        stated: The boards its table says it is for; None if only the tree itself can say.
        offset: Where it is stored; candidates with the same offset and size share a tree. None: not stored.
        size: Bytes as stored.
    """

    read: Callable[[], Fdt] = field(repr=False, compare=False)
    stated: tuple[BoardId, ...] | None = None
    offset: int | None = None
    size: int = 0

    @cached_property
    def tree(self) -> Fdt:
        """The parsed tree.

        Raises:
            InputError: If it breaks a rule.
        """
        return self.read()

    @cached_property
    def ids(self) -> tuple[BoardId, ...]:
        """The boards it is for; the tree is parsed only if its table does not say, or only has numbers.

        Raises:
            InputError: If the tree or an id in it is malformed.
        """
        if self.stated is None:
            return ids_of_properties(self.tree.root)
        # The numbers in a dt_table are arbitrary; ids in the tree say more.
        numbered = any(one.scheme == "dt_table" for one in self.stated)
        return (*self.stated, *ids_of_properties(self.tree.root)) if numbered else self.stated

    @property
    def compatible(self) -> tuple[str, ...]:
        """The `compatible` list of the tree's root."""
        return tuple(fdt.strings(self.tree.root.properties.get("compatible")))

    def same_tree(self, other: "Candidate") -> bool:
        """Return whether both are the same tree, stored once or twice."""
        if self.offset is not None and (self.offset, self.size) == (other.offset, other.size):
            return True
        return self.tree == other.tree


@dataclass(frozen=True)
class PhoneIds:
    """What tells the trees for a phone: every board it may be, and `compatible` of its running tree.

    Attributes:
        ids: The boards; empty if unknown.
        compatible: The list; empty if unknown.
    """

    ids: tuple[BoardId, ...] = ()
    compatible: tuple[str, ...] = ()


def candidate(tree: Fdt) -> Candidate:
    """Return a candidate for a tree on its own."""
    return Candidate(lambda: tree)


def candidates(found: DeviceTrees) -> tuple[Candidate, ...]:
    """Return the trees of a file; ids of an overlay table count as well as those in its trees."""
    return tuple(_candidate_of(found, entry) for entry in found.entries)


def _candidate_of(found: DeviceTrees, entry: TreeEntry) -> Candidate:
    board = id_of_entry(found.kind, entry.ids)
    stated = None if board is None else (board,)
    return Candidate(entry.tree, stated, entry.offset, len(entry.data))


def phone_ids(live: Fdt) -> PhoneIds:
    """Return what the running tree says about the phone.

    Raises:
        InputError: If an id in it is malformed.
    """
    return PhoneIds(ids_of_properties(live.root), tuple(fdt.strings(live.root.properties.get("compatible"))))


def typed_phone_ids(text: str) -> PhoneIds:
    """Return the phone whose ids a person typed; see `parse_typed_ids`.

    Raises:
        InputError: If the text is not a list of ids.
    """
    return PhoneIds(parse_typed_ids(text))


def profile_phone_ids(profile: Profile) -> PhoneIds:
    """Return the phone as its profile knows it: the ids in the trees made for it."""
    return PhoneIds(ids_of_rows(profile.dtb.msm_ids, profile.dtb.board_ids))
