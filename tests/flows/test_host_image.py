"""A host image: everything of the old image stays but the kernel."""

from pathlib import Path

import container_builders as build
import pytest
from image_builders import board, hardboot_tag, zimage

from hardboot.flows import host_image
from hardboot.formats.boot import bootimg

NEW = zimage(tags=hardboot_tag(0x8F000000))


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "MediaTek"])
def test_trees_and_headers_of_the_old_kernel_stay(tmp_path: Path, wrapped: bool) -> None:
    def dressed(kernel: bytes) -> bytes:
        return build.mtk(kernel, b"KERNEL") if wrapped else kernel

    (tmp_path / "boot.img").write_bytes(build.boot(dressed(zimage() + board("phone"))))
    (tmp_path / "zImage").write_bytes(NEW)
    made = host_image.make(tmp_path / "boot.img", tmp_path / "zImage", tmp_path / "host.img")
    assert (made.dtbs_kept, made.hardboot_page) == (1, 0x8F000000)
    image = bootimg.parse((tmp_path / "host.img").read_bytes())
    assert bytes(image.kernel) == dressed(NEW + board("phone"))
    assert bytes(image.ramdisk) == build.RAMDISK
    assert bootimg.check_id(image) == "sha1"
