"""Android's properties, as getprop lists them."""

import re
from collections import Counter

QUERY = "getprop"  # `parse` reads its output
_LISTED = re.compile(r"^\[([^\]\n]+)\]: \[([^\n]*)\]\r?$", re.MULTILINE)


def parse(text: str) -> dict[str, str]:
    """Return the properties in a listing.

    One that is listed twice is left out: the value of another pretends to be it.
    """
    listed = _LISTED.findall(text)
    times = Counter(name for name, _ in listed)
    return {name: value for name, value in listed if times[name] == 1}
