"""Describe sparse images, and the image that one expands to."""

from collections.abc import Callable

from hardboot.base.errors import InputError
from hardboot.base.mapping import map_chunks
from hardboot.formats import sniff
from hardboot.formats.archives import sparse
from hardboot.images.describe.document import Document


def describe_sparse(data: memoryview, describe: Callable[[memoryview], Document]) -> Document:
    """Describe a sparse image; `describe` is called for the image inside.

    Raises:
        InputError: If the sparse image is damaged; damage of the image inside is its `problem`.
    """
    image = sparse.parse(data)
    kinds = [chunk.kind for chunk in image.chunks]
    document: Document = {
        "sparse": {
            "block_size": image.block_size,
            "expanded_size": image.size,
            "chunks": {kind: kinds.count(kind) for kind in sorted(set(kinds))},
            "trailing_size": image.trailing_size,
        }
    }
    if not 0 < image.size <= sparse.MAX_EXPANDED:
        return {**document, "inside": {"kind": None, "size": image.size}}
    inner = memoryview(map_chunks(sparse.expand(image)))
    try:
        document["inside"] = {"size": len(inner), **describe(inner)}
    except InputError as error:
        document["inside"] = {"size": len(inner), "kind": sniff.sniff(inner), "problem": error.what}
    return document
