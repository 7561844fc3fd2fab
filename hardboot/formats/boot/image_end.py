"""Where an image in a partition ends, read from its first page alone."""

from hardboot.base.errors import InputError
from hardboot.base.sizes import align_up
from hardboot.formats.boot import headerpage, vendorboot
from hardboot.formats.reading import Data, view
from hardboot.formats.sniff import OVERLAY_TABLE, VENDOR_BOOT_IMAGE, sniff
from hardboot.formats.trees.dtbo import OverlayTableHeader


def image_end(page: Data) -> int | None:
    """Return the end of a boot, vendor_boot or dtbo image in bytes, without what AVB adds behind it.

    None if the page does not tell: it is something else, or there is a loader in front of the image.
    """
    data = view(page)
    try:
        kind = sniff(data)
        if kind == VENDOR_BOOT_IMAGE:
            return vendorboot.image_end(data)
        if kind == OVERLAY_TABLE:
            return OverlayTableHeader.parse(data).total_size
        if headerpage.find_header(data) != (0, 0):
            return None
        header = headerpage.parse_header(data)
    except InputError:
        return None
    size = header.page_size
    return size + sum(align_up(part, size) for part in header.part_sizes().values()) if size else None
