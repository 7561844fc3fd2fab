"""Which of several device trees is for a phone, and for every one why it was taken or not."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property

from hardboot.base.errors import InputError
from hardboot.devicetree import matching
from hardboot.devicetree.ids import BoardId, Scheme, of_entry, of_properties, of_rows, parse
from hardboot.formats.containers.devicetrees import DeviceTrees, TreeEntry
from hardboot.formats.trees import fdt
from hardboot.formats.trees.fdt import Fdt
from hardboot.profile import Profile

_ORDER: tuple[Scheme, ...] = ("htc", "qcom", "exynos", "sprd", "pxa", "dt_table")
_CLOSE = 40  # characters of a compatible list that are shown


@dataclass(frozen=True)
class Candidate:
    """A device tree that may be taken; parsed when it is looked at.

    Attributes:
        read: Gives the tree; may raise InputError.
        stated: The boards its table says it is for; None if only the tree itself can say.
        offset: Where it lies; candidates of the same offset and size share a tree. None: no place.
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
        """The boards it is for; the tree is parsed only if its table does not say, or says only numbers.

        Raises:
            InputError: If the tree or an id in it is malformed.
        """
        if self.stated is None:
            return of_properties(self.tree.root)
        # Numbers in a dt_table are what its maker likes; ids in the tree say more.
        numbered = any(one.scheme == "dt_table" for one in self.stated)
        return (*self.stated, *of_properties(self.tree.root)) if numbered else self.stated

    @property
    def compatible(self) -> tuple[str, ...]:
        """The `compatible` list of the tree's root."""
        return tuple(fdt.strings(self.tree.root.properties.get("compatible")))

    def same_tree(self, other: "Candidate") -> bool:
        """True if both are the same tree, stored once or twice."""
        if self.offset is not None and (self.offset, self.size) == (other.offset, other.size):
            return True
        return self.tree == other.tree


@dataclass(frozen=True)
class Wanted:
    """The phone: every board it may be, and the `compatible` list of its running tree."""

    ids: tuple[BoardId, ...] = ()
    compatible: tuple[str, ...] = ()


@dataclass(frozen=True)
class Verdict:
    """Why a candidate was taken or not."""

    taken: bool
    reason: str


@dataclass(frozen=True)
class Selection:
    """The outcome.

    Attributes:
        choice: Index of the candidate to take; None if none fits, or several cannot be told apart.
        verdicts: One for each candidate, in their order.
        reason: The outcome in words.
    """

    choice: int | None
    verdicts: tuple[Verdict, ...]
    reason: str


def of_tree(tree: Fdt) -> Candidate:
    """A tree on its own."""
    return Candidate(lambda: tree)


def of_file(found: DeviceTrees) -> tuple[Candidate, ...]:
    """The trees of a file; an overlay table's ids are its own and those in its trees."""
    return tuple(_of_entry(found, entry) for entry in found.entries)


def _of_entry(found: DeviceTrees, entry: TreeEntry) -> Candidate:
    board = of_entry(found.kind, entry.ids)
    stated = None if board is None else (board,)
    return Candidate(entry.tree, stated, entry.offset, len(entry.data))


def wanted(live: Fdt) -> Wanted:
    """What the running tree says the phone is.

    Raises:
        InputError: If an id in it is malformed.
    """
    return Wanted(of_properties(live.root), tuple(fdt.strings(live.root.properties.get("compatible"))))


def typed(text: str) -> Wanted:
    """The phone whose ids a person typed; see `ids.parse`.

    Raises:
        InputError: If they are no ids.
    """
    return Wanted(parse(text))


def of_profile(profile: Profile) -> Wanted:
    """The phone as its profile knows it: the ids in the trees that were made for it."""
    return Wanted(of_rows(profile.dtb.msm_ids, profile.dtb.board_ids))


def select(candidates: Sequence[Candidate], wanted: Wanted) -> Selection:
    """Choose the tree of the phone.

    Platform, variant and subtype must be the phone's, the revision its own or lower; the highest one wins
    (Qualcomm's bootloader, and kexec-tools' mach-shamu.c and mach-hammerhead.c for LGE's board revision).
    If the phone may be several boards, the tree must be the best one for each that any tree is for. HTC's
    ids come before Qualcomm's. Where no candidate states ids of a kind the phone has, the `compatible` lists
    must be equal.
    """
    problems: dict[int, str] = {}
    boards: list[tuple[BoardId, ...]] = []
    for index, candidate in enumerate(candidates):
        try:
            boards.append(candidate.ids)
        except InputError as error:
            boards.append(())
            problems[index] = f"damaged: {error.what}"
    unmatched = None
    for scheme in _ORDER:
        phones = [one for one in wanted.ids if one.scheme == scheme]
        if phones and any(matching.comparable(one.scheme, scheme) for ids in boards for one in ids):
            matched, selection = _by_ids(candidates, boards, phones, wanted, problems)
            if matched:
                return selection
            unmatched = unmatched or selection
    return unmatched or _by_compatible(candidates, wanted, problems)


def _by_ids(
    candidates: Sequence[Candidate],
    boards: list[tuple[BoardId, ...]],
    phones: list[BoardId],
    wanted: Wanted,
    problems: dict[int, str],
) -> tuple[bool, Selection]:
    """Whether any candidate is for one of `phones`, and what follows from it."""
    common: set[int] | None = None
    reasons = dict(problems)
    for phone in phones:
        ranks = {index: rank for index, ids in enumerate(boards) if (rank := _best(ids, phone)) is not None}
        if not ranks:
            continue
        top = max(ranks.values())
        winners = {index for index, rank in ranks.items() if rank == top}
        common = winners if common is None else common & winners
        leader = min(winners)
        for index, rank in ranks.items():
            if rank != top:
                reasons[index] = f"{matching.lower(rank, top, phone)} than {leader}"
    for index, ids in enumerate(boards):
        if index not in reasons and not (common and index in common):
            reasons[index] = _why_not(ids, phones)
    text = str(phones[0]) + (f" and {len(phones) - 1} more" if len(phones) > 1 else "")
    if common is None:
        return False, _done(candidates, None, reasons, f"none is for {text}")
    if not common:
        reason = "each is right for another of the boards the phone may be"
        return True, _done(candidates, None, reasons, reason)
    return True, _narrow(candidates, sorted(common), reasons, wanted, f"the best for {text}")


def _by_compatible(candidates: Sequence[Candidate], wanted: Wanted, problems: dict[int, str]) -> Selection:
    reasons = dict(problems)
    fitting = []
    text = ", ".join(wanted.compatible)
    for index, candidate in enumerate(candidates):
        if index in reasons:
            continue
        try:
            found = candidate.compatible
        except InputError as error:
            reasons[index] = f"damaged: {error.what}"
            continue
        if wanted.compatible and found == wanted.compatible:
            fitting.append(index)
        else:
            reasons[index] = f"compatible: {', '.join(found)[:_CLOSE] or 'none'}"
    if not fitting:
        return _done(candidates, None, reasons, f"none is for the phone (compatible: {text or 'none'})")
    return _narrow(candidates, fitting, reasons, Wanted(), f"compatible: {text}")


def _narrow(
    candidates: Sequence[Candidate],
    fitting: list[int],
    reasons: dict[int, str],
    wanted: Wanted,
    reason: str,
) -> Selection:
    """Of candidates that fit equally well the one that differs from the others in nothing that counts."""
    trees: list[int] = []
    for index in fitting:
        try:
            twin = next((one for one in trees if candidates[one].same_tree(candidates[index])), None)
        except InputError as error:
            reasons[index] = f"damaged: {error.what}"
            continue
        if twin is None:
            trees.append(index)
        else:
            reasons[index] = f"the same tree as {twin}"
    if len(trees) > 1 and wanted.compatible:
        alike = [index for index in trees if candidates[index].compatible == wanted.compatible]
        if len(alike) == 1:
            for index in trees:
                reasons.setdefault(index, f"fits as well as {alike[0]}, but compatible is not the phone's")
            del reasons[alike[0]]
            trees = alike
            reason += ", and compatible is the phone's"
    if len(trees) != 1:
        for index in trees:
            others = ", ".join(str(one) for one in trees if one != index)
            reasons[index] = f"fits, but so does {others}"
        return _done(candidates, None, reasons, f"{len(trees)} cannot be told apart")
    return _done(candidates, trees[0], reasons, reason)


def _done(
    candidates: Sequence[Candidate], choice: int | None, reasons: dict[int, str], reason: str
) -> Selection:
    verdicts = (
        Verdict(index == choice, reason if index == choice else reasons[index])
        for index in range(len(candidates))
    )
    return Selection(choice, tuple(verdicts), reason)


def _best(ids: tuple[BoardId, ...], phone: BoardId) -> matching.Rank | None:
    """How well the best of `ids` fits; None if none does."""
    ranks = [
        matching.rank(one, phone)
        for one in ids
        if matching.comparable(one.scheme, phone.scheme) and not matching.misfit(one, phone)
    ]
    return max(ranks, default=None)


def _why_not(ids: tuple[BoardId, ...], phones: list[BoardId]) -> str:
    """The misfit of the pair that got farthest."""
    found = [
        problem
        for one in ids
        for phone in phones
        if matching.comparable(one.scheme, phone.scheme) and (problem := matching.misfit(one, phone))
    ]
    if found:
        return max(found, key=lambda problem: problem[0])[1]
    return "not the best for each board the phone may be" if ids else "it names no board"
