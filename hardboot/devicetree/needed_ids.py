"""Which ids a person must type in addition to tell the device trees of an image apart."""

from collections.abc import Sequence

from hardboot.base.errors import InputError
from hardboot.devicetree import ranking
from hardboot.devicetree.board_id import BoardId, Scheme
from hardboot.devicetree.candidate import Candidate, PhoneIds
from hardboot.devicetree.typed_ids import SHAPES

_FORMS: dict[Scheme, str] = {
    "htc": f"project-id={SHAPES['project-id'][0]}",
    "sprd": f"sc-id={SHAPES['sc-id'][0]}",
    "pxa": f"rev-id={SHAPES['rev-id'][0]}",
    "exynos": f"chip={SHAPES['chip'][0]} hw-rev={SHAPES['hw-rev'][0]}",
    "dt_table": f"id={SHAPES['id'][1]}",
}
_STATED = ("platform", "variant", "subtype", "soc_rev", "board_rev")
_STATED_BY_EXYNOS = ("soc_rev",)  # the others are hashes of names in its tables


def needed_form(candidates: Sequence[Candidate], phone: PhoneIds) -> str | None:
    """Return how all ids are typed that the fitting trees state, such as "CHIP,VARIANT,REVISION".

    Args:
        candidates: Trees, none of which matches the phone best.
        phone: The ids that were typed.

    Returns:
        None if the phone lacks none of the ids.
    """
    for candidate in candidates:
        try:
            boards = candidate.ids
        except InputError:
            continue  # the verdict says what is wrong
        for board in boards:
            for mine in phone.ids:
                fits = ranking.comparable(board.scheme, mine.scheme) and not ranking.misfit(board, mine)
                if fits and _lacks(mine, board):
                    return _form(mine.scheme, board)
    return None


def _lacks(phone: BoardId, board: BoardId) -> bool:
    names = _STATED_BY_EXYNOS if phone.scheme == "exynos" else _STATED
    lacking = any(getattr(board, name) is not None and getattr(phone, name) is None for name in names)
    return lacking or (any(board.pmic) and not phone.pmic)


def _form(scheme: Scheme, board: BoardId) -> str:
    if scheme in _FORMS:
        return _FORMS[scheme]
    _, pair, triple, quadruple = SHAPES["msm-id"]
    if board.variant is None:
        form = pair
    elif board.subtype is not None or board.platform is None:
        form = f"msm-id={pair} board-id={SHAPES['board-id'][0]}"
    else:
        form = triple if board.board_rev is None else quadruple
    return f"{form} pmic-id={SHAPES['pmic-id'][0]}" if any(board.pmic) else form
