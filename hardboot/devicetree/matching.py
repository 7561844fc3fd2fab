"""Match device trees (appended ones, entries of a QCDT, …) with a phone, and say for each why, or why not."""

from collections.abc import Sequence
from dataclasses import dataclass

from hardboot.base.errors import InputError
from hardboot.devicetree import ranking
from hardboot.devicetree.board_id import BoardId, Scheme
from hardboot.devicetree.candidate import Candidate, PhoneIds

_ORDER: tuple[Scheme, ...] = ("htc", "qcom", "exynos", "sprd", "pxa", "dt_table")
_SHOWN = 40  # characters of a compatible list in a reason


@dataclass(frozen=True)
class Verdict:
    """Whether a candidate was taken, and why."""

    taken: bool
    reason: str


@dataclass(frozen=True)
class Match:
    """The result of `match`.

    Attributes:
        index: Index of the candidate to take; None if none fits, or several fit equally well.
        verdicts: One for each candidate, in their order.
        reason: The result in words.
    """

    index: int | None
    verdicts: tuple[Verdict, ...]
    reason: str


def match(candidates: Sequence[Candidate], phone: PhoneIds) -> Match:
    """Match trees with the phone, by its ids or its `compatible` list.

    Platform, variant and subtype must be the phone's, the revision its own or lower; the highest one wins
    (Qualcomm's bootloader, and kexec-tools' mach-shamu.c and mach-hammerhead.c for LGE's board revision).
    If the phone may be several boards, the tree must be the best one for each that any tree is for. HTC's
    ids come before Qualcomm's. If no candidate states ids of a kind that the phone has, the `compatible`
    lists must be equal.
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
        mine = [one for one in phone.ids if one.scheme == scheme]
        if mine and any(ranking.comparable(one.scheme, scheme) for ids in boards for one in ids):
            found, result = _by_ids(candidates, boards, mine, phone, problems)
            if found:
                return result
            unmatched = unmatched or result
    return unmatched or _by_compatible(candidates, phone, problems)


def _by_ids(
    candidates: Sequence[Candidate],
    boards: list[tuple[BoardId, ...]],
    mine: list[BoardId],
    phone: PhoneIds,
    problems: dict[int, str],
) -> tuple[bool, Match]:
    """Return whether any candidate is for one of the boards in `mine`, and the result."""
    common: set[int] | None = None
    reasons = dict(problems)
    for board in mine:
        ranks = {index: rank for index, ids in enumerate(boards) if (rank := _best(ids, board)) is not None}
        if not ranks:
            continue
        top = max(ranks.values())
        winners = {index for index, rank in ranks.items() if rank == top}
        common = winners if common is None else common & winners
        leader = min(winners)
        for index, rank in ranks.items():
            if rank != top:
                reasons[index] = f"{ranking.why_lower(rank, top, board)} than {leader}"
    for index, ids in enumerate(boards):
        if index not in reasons and not (common and index in common):
            reasons[index] = _why_not(ids, mine)
    text = str(mine[0]) + (f" and {len(mine) - 1} more" if len(mine) > 1 else "")
    if common is None:
        return False, _done(candidates, None, reasons, f"none is for {text}")
    if not common:
        reason = "the phone may be one of several boards, and none is the best match for all"
        return True, _done(candidates, None, reasons, reason)
    return True, _narrow(candidates, sorted(common), reasons, phone, f"best match for {text}")


def _by_compatible(candidates: Sequence[Candidate], phone: PhoneIds, problems: dict[int, str]) -> Match:
    reasons = dict(problems)
    fitting = []
    text = ", ".join(phone.compatible)
    for index, candidate in enumerate(candidates):
        if index in reasons:
            continue
        try:
            found = candidate.compatible
        except InputError as error:
            reasons[index] = f"damaged: {error.what}"
            continue
        if phone.compatible and found == phone.compatible:
            fitting.append(index)
        else:
            reasons[index] = f"compatible: {', '.join(found)[:_SHOWN] or 'none'}"
    if not fitting:
        return _done(candidates, None, reasons, f"none is for this phone (compatible: {text or 'none'})")
    return _narrow(candidates, fitting, reasons, PhoneIds(), f"compatible: {text}")


def _narrow(
    candidates: Sequence[Candidate],
    fitting: list[int],
    reasons: dict[int, str],
    phone: PhoneIds,
    reason: str,
) -> Match:
    """Decide among candidates that fit equally well: equal trees are one, then `compatible` decides."""
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
    if len(trees) > 1 and phone.compatible:
        alike = [index for index in trees if candidates[index].compatible == phone.compatible]
        if len(alike) == 1:
            for index in trees:
                reasons.setdefault(index, f"fits as well as {alike[0]}, but compatible is not the phone's")
            del reasons[alike[0]]
            trees = alike
            reason += ", and compatible is the phone's"
    if len(trees) != 1:
        for index in trees:
            others = ", ".join(str(one) for one in trees if one != index)
            reasons[index] = f"fits as well as {others}"
        return _done(candidates, None, reasons, f"{len(trees)} fit equally well")
    return _done(candidates, trees[0], reasons, reason)


def _done(candidates: Sequence[Candidate], choice: int | None, reasons: dict[int, str], reason: str) -> Match:
    verdicts = (
        Verdict(index == choice, reason if index == choice else reasons[index])
        for index in range(len(candidates))
    )
    return Match(choice, tuple(verdicts), reason)


def _best(ids: tuple[BoardId, ...], phone: BoardId) -> ranking.Rank | None:
    """Return how well the best of `ids` fits; None if none does."""
    ranks = [
        ranking.rank(one, phone)
        for one in ids
        if ranking.comparable(one.scheme, phone.scheme) and not ranking.misfit(one, phone)
    ]
    return max(ranks, default=None)


def _why_not(ids: tuple[BoardId, ...], mine: list[BoardId]) -> str:
    """Return the misfit of the pair that got farthest."""
    found = [
        problem
        for one in ids
        for board in mine
        if ranking.comparable(one.scheme, board.scheme) and (problem := ranking.misfit(one, board))
    ]
    if found:
        return max(found, key=lambda problem: problem[0])[1]
    return "not the best match for each board the phone may be" if ids else "it states no ids"
