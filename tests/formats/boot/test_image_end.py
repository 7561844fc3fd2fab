"""The end of an image in a partition, from its first page."""

import container_builders as build
import image_sets as sets
import pytest
from image_builders import board

from hardboot.formats.boot import bootimg
from hardboot.formats.boot.image_end import image_end

PAGE = max(bootimg.PAGE_SIZES)


@pytest.mark.parametrize(
    "image",
    [
        build.boot(),
        build.boot(dt=build.DTB),
        build.boot_v2(1),
        build.boot_v2(2),
        build.boot_v3(3),
        build.boot_v3(4, b"signature"),
        build.pxa(),
        sets.boot_v4(b"", b"ramdisk"),
        build.vendor_boot(3),
        build.vendor_boot(4),
        sets.vendor_boot(dtb=board("x")),
        sets.overlay_table(board("x"), board("y")),
    ],
)
def test_the_first_page_tells_where_an_image_ends(image: bytes) -> None:
    assert image_end(image[:PAGE]) == len(image)
    assert image_end(image[:PAGE].ljust(PAGE, b"\xff")) == len(image)


@pytest.mark.parametrize(
    "page",
    [b"", bytes(4096), b"ANDROID!", b"VNDRBOOT" + bytes(4096), build.dhtb(), build.amonet(), build.vbmeta()],
)
def test_where_it_does_not_tell_there_is_no_end(page: bytes) -> None:
    assert image_end(page[:PAGE]) is None
