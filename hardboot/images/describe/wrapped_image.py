"""Describe images behind a maker's header: MediaTek's, or a DHTB header."""

from collections.abc import Callable

from hardboot.formats.boot import wrappers
from hardboot.formats.containers import wrapped
from hardboot.images.describe.document import Document
from hardboot.images.describe.parts import describe_dhtb


def describe_wrapped(data: memoryview, describe: Callable[[memoryview], Document]) -> Document:
    """Describe the image behind a header; `describe` is called for it.

    Raises:
        InputError: If another header follows, or the image is damaged.
    """
    header, content = wrapped.split(data)
    mtk = wrappers.split_mtk(data)
    if mtk:
        lead = {"kind": f"MediaTek header ({mtk.name})", "size": len(header), "warning": mtk.warning}
    else:
        lead = describe_dhtb(data)
    document = describe(content)
    for name in ("boot_image", "vendor_boot", "sony_elf"):
        for row in document.get(name, {}).get("parts", ()):
            row["offset"] += len(header)
    return {**document, "lead": lead}
