"""The id in the header of boot images v0 to v2: a hash over the parts.

Sources: AOSP system/tools/mkbootimg, mkbootimg.py (write_header); LineageOS's copy of it, which hashes the
size of a device tree table even if there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from typing import Literal

from hardboot.formats.boot.paged import Part
from hardboot.formats.reading import view, windows

Hash = Literal["sha1", "sha256"]
Algorithm = Literal["sha1", "sha256", "sha1-dt", "sha256-dt"]

# "-dt": the size 0 of a missing device tree table is hashed, as LineageOS does it.
ALGORITHMS: tuple[Algorithm, ...] = ("sha1", "sha256", "sha1-dt", "sha256-dt")


def compute_ids(parts: Iterable[Part], name: Hash) -> dict[Algorithm, bytes]:
    """Compute the ids of an image with these parts, padded to 32 bytes; reads all parts, once.

    Every part is hashed with its size, empty ones too.

    Args:
        parts: In file order.
        name: The hash.

    Returns:
        By algorithm; two of them if the image has no device tree table.
    """
    plain = hashlib.new(name)
    other = None
    for part in parts:
        if other is None and part.name not in ("kernel", "ramdisk", "second", "dt"):
            other = _without_dt(plain)
        for window in windows(part.data):
            plain.update(window)
            if other:
                other.update(window)
        size = len(view(part.data)).to_bytes(4, "little")
        plain.update(size)
        if other:
            other.update(size)
        if part.name == "dt":
            return {_plain(name): plain.digest().ljust(32, b"\0")}
    other = other or _without_dt(plain)
    with_dt: Algorithm = "sha1-dt" if name == "sha1" else "sha256-dt"
    return {_plain(name): plain.digest().ljust(32, b"\0"), with_dt: other.digest().ljust(32, b"\0")}


def _without_dt(digest: hashlib._Hash) -> hashlib._Hash:
    other = digest.copy()
    other.update(bytes(4))
    return other


def _plain(name: Hash) -> Algorithm:
    return "sha1" if name == "sha1" else "sha256"


def hash_of(stored: bytes) -> Hash | None:
    """Return the hash that an id seems to be, by its size; None if there is no id."""
    if not any(stored):
        return None
    return "sha256" if any(stored[20:]) else "sha1"


def matching_algorithm(stored: bytes, ids: dict[Algorithm, bytes]) -> Algorithm | None:
    """Return the algorithm whose id is `stored`; None if there is none."""
    return next((name for name, computed in ids.items() if computed == stored), None)
