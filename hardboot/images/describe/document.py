"""The documents that describe an image: for JSON and for the page that `hardboot info` prints."""

from dataclasses import dataclass, field
from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]  # values that JSON has; integers are bytes, offsets or addresses


@dataclass(frozen=True)
class Signed:
    """What the hash descriptors of a signature are over.

    Attributes:
        image: The partition up to its signature, or all of it; empty if it is not available.
        end: Bytes of it up to the end of its last part.
        kernel: Its kernel, over which a GKI's "generic_kernel" is.
    """

    image: memoryview = field(repr=False, default=memoryview(b""))
    end: int = 0
    kernel: memoryview = field(repr=False, default=memoryview(b""))


UNSIGNED = Signed()  # for content whose partition is not available
