"""Describe images behind a maker's header: MediaTek's, or a DHTB header."""

from collections.abc import Callable

from hardboot.formats.boot import wrappers
from hardboot.formats.containers import wrapped
from hardboot.images.describe.document import Document
from hardboot.images.describe.parts import describe_dhtb


def describe_wrapped(data: memoryview, describe: Callable[[memoryview, memoryview], Document]) -> Document:
    """Describe the image behind a header; `describe` is called for it and the file.

    Raises:
        InputError: If another header follows, or the image is damaged.
    """
    header, content = wrapped.split(data)
    mtk = wrappers.split_mtk(data)
    if mtk:
        lead = {"kind": f"MediaTek header ({mtk.name})", "size": len(header), "warning": mtk.warning}
    else:
        lead = describe_dhtb(data)
    document = describe(content, data)
    for row in document.get("boot_image", {}).get("parts", ()):  # its offsets count from the image
        row["offset"] += len(header)
    return {**document, "lead": lead}
