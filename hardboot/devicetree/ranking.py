"""Whether a tree for one board fits a phone, and how well: the rules of the makers' bootloaders."""

from collections.abc import Iterator
from typing import TypeAlias

from hardboot.devicetree.board_id import BoardId, Scheme

Rank: TypeAlias = tuple[bool, int, int, int, tuple[int, ...]]


def comparable(candidate: Scheme, phone: Scheme) -> bool:
    """Return whether ids of these schemes hold the same words."""
    return candidate == phone or (candidate == "QCDT" and phone in ("qcom", "htc"))


def rank(board: BoardId, phone: BoardId) -> Rank:
    """Return how well `board` fits, the greater the better; what is not known of the phone does not count."""
    both = [
        getattr(board, name) is not None and getattr(phone, name) is not None
        for name in ("platform", "variant", "subtype")
    ]
    stated = 4 * both[0] + both[1] + both[2]  # an overlay for the chip is better than one for all chips
    revisions = tuple(word >> 8 & 0xFFFF for word in board.pmic) if phone.pmic else ()
    return (
        phone.platform is None or board.foundry == phone.foundry,
        stated + bool(board.vendor and phone.vendor),
        -1 if phone.soc_rev is None or board.soc_rev is None else board.soc_rev,
        0 if phone.board_rev is None else board.board_rev or 0,
        revisions,
    )


def why_lower(rank: Rank, top: Rank, phone: BoardId) -> str:
    """Return what makes `rank` lower than `top`."""
    names = (
        "less exact foundry",
        "less exact ids",
        f"lower {phone.labels[3]}",
        "lower board_rev",
        "lower pmic revision",
    )
    return next(name for name, mine, best in zip(names, rank, top, strict=True) if mine != best)


def misfit(board: BoardId, phone: BoardId) -> tuple[int, str] | None:
    """Return what rules `board` out on `phone`, and how far the comparison got; None if it fits."""
    for depth, problem in enumerate(_misfits(board, phone)):
        if problem:
            return depth, problem
    return None


def _misfits(board: BoardId, phone: BoardId) -> Iterator[str | None]:
    names = phone.labels
    coded = board.samsung and phone.samsung
    yield (
        _unequal(names[0], board.platform, phone.platform)
        if coded
        else _unequal(names[0], board.chip, phone.chip)
    )
    stated = board.foundry and phone.platform is not None and not phone.samsung
    yield _unequal("foundry", board.foundry, phone.foundry) if stated else None
    yield _unequal(names[1], board.variant, phone.variant)
    yield _unequal(names[2], board.subtype, phone.subtype)
    differ = board.vendor and phone.vendor and board.vendor != phone.vendor
    yield f"vendor {_hexes(board.vendor)}, not {_hexes(phone.vendor)}" if differ else None
    other = board.model and phone.model and board.model != phone.model
    yield f"model {board.model}, not {phone.model}" if other else None
    yield _above(names[3], board.soc_rev, phone.soc_rev)
    last = phone.soc_rev if phone.last_rev is None else phone.last_rev
    short = board.last_rev is not None and last is not None and board.last_rev < last
    yield f"{names[3]} only up to {board.last_rev:#x}" if short else None
    yield _above("board_rev", board.board_rev, phone.board_rev)
    yield _pmic(board.pmic, phone.pmic)


def _unequal(name: str, board: int | None, phone: int | None) -> str | None:
    if board is None or phone is None or board == phone:
        return None
    return f"{name} {board:#x}, not {phone:#x}"


def _above(name: str, board: int | None, phone: int | None) -> str | None:
    if board is None or phone is None or board <= phone:
        return None
    return f"{name} {board:#x} is above {phone:#x}"


def _pmic(board: tuple[int, ...], phone: tuple[int, ...]) -> str | None:
    """Compare as Qualcomm's bootloader does: equal model (low byte), revision not higher; 0 is any."""
    for mine, other in zip(board, phone, strict=False):
        newer = mine >> 8 & 0xFFFF > other >> 8 & 0xFFFF
        if mine and (mine & 0xFF != other & 0xFF or newer):
            return f"pmic {mine:#x}, not {other:#x}"
    return None


def _hexes(cells: tuple[int, ...]) -> str:
    return ",".join(f"{cell:#x}" for cell in cells)
