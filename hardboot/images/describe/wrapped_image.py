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
        lead = {
            "kind": f"MediaTek header ({mtk.name or 'no name'})",
            "size": len(header),
            "warning": mtk.warning,
        }
    else:
        lead = describe_dhtb(data)
    base = wrapped.footer_base(data)
    document = describe(content, data[base:])
    for name, missing in (("boot_image", len(header)), ("vendor_boot", base), ("sony_elf", base)):
        for row in document.get(name, {}).get("parts", ()):
            row["offset"] += missing  # they counted from the image, or from where a footer counts from
    return {**document, "lead": lead}
