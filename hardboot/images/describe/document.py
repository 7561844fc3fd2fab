"""The documents that describe an image: for JSON and for the page that `hardboot info` prints."""

from typing import Any, TypeAlias

Document: TypeAlias = dict[str, Any]  # values that JSON has; integers are bytes, offsets or addresses

NO_PARTITION = memoryview(b"")  # for a signature whose partition is not available
