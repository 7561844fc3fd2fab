"""What may be meant by a name that does not exist."""

from collections.abc import Iterable, Mapping
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str] | Mapping[str, str]) -> str:
    """Return "; did you mean X?", to be put behind an error, or "" if nothing known is similar.

    Args:
        name: What was given.
        known: Names, or what may be given with the name it stands for.
    """
    names = known if isinstance(known, Mapping) else {one: one for one in known}
    lower = {one.lower(): named for one, named in names.items()}
    near = get_close_matches(name.lower(), lower, n=1)
    return f"; did you mean {lower[near[0]]}?" if near else ""
