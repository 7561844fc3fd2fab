"""Which images may become the host, before any phone is asked: images by mkbootimg, kernels by hand."""

from pathlib import Path

import container_builders as build
import pytest
from image_builders import hardboot_tag, kernel_with_banner, kernel_with_config, mkbootimg, pack, zimage

from hardboot import profile
from hardboot.base.errors import InputError, RefusedError
from hardboot.flows import host_image

PROFILE = profile.load("virt-arm")
RELEASE = "3.4.113-foreign"
WITH = "CONFIG_ARM=y\nCONFIG_KEXEC=y\nCONFIG_KEXEC_HARDBOOT=y\n"
WITHOUT = "CONFIG_ARM=y\nCONFIG_KEXEC=y\n# CONFIG_KEXEC_HARDBOOT is not set\n"


def image(folder: Path, kernel: bytes) -> Path:
    path = folder / "boot.img"
    path.write_bytes(mkbootimg(kernel=kernel, ramdisk=b"a ramdisk"))
    return path


def tagged(page: int) -> bytes:
    return zimage(tags=hardboot_tag(page))


def test_a_kernel_with_the_profiles_page_is_accepted_silently(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    host_image.check(image(tmp_path, tagged(PROFILE.page.start)), PROFILE)
    assert capsys.readouterr().err == ""


def test_a_mediatek_header_is_no_part_of_the_kernel(tmp_path: Path) -> None:
    kernel = build.mtk(tagged(PROFILE.page.start), b"KERNEL")
    host_image.check(image(tmp_path, kernel), PROFILE)
    with pytest.raises(InputError, match="MTK header: size at offset 0x4"):
        host_image.check(image(tmp_path, kernel + b"more"), PROFILE)


def test_a_kernel_with_another_page_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="0x7fa00000"):
        host_image.check(image(tmp_path, tagged(0x7FA00000)), PROFILE)


@pytest.mark.parametrize("how", ["gzip", "xz", "lzma"])
@pytest.mark.parametrize("tags", [None, b""], ids=["sizes stated", "old"])
def test_a_foreign_kernel_built_with_hardboot_is_accepted_with_a_warning(
    how: str, tags: bytes | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = zimage(payload=pack(kernel_with_config(RELEASE, WITH), how), tags=tags)
    host_image.check(image(tmp_path, kernel), PROFILE)
    said = " ".join(capsys.readouterr().err.split())
    assert "CONFIG_KEXEC_HARDBOOT" in said
    assert f"{PROFILE.page.start:#x}" in said


@pytest.mark.parametrize(
    "content",
    [kernel_with_config(RELEASE, WITHOUT), kernel_with_banner(RELEASE)],
    ids=["built without", "says nothing"],
)
def test_a_kernel_without_hardboot_is_refused(
    content: bytes, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    kernel = zimage(payload=pack(content, "gzip"))
    with pytest.raises(RefusedError, match="no hardboot support") as caught:
        host_image.check(image(tmp_path, kernel), PROFILE)
    assert caught.value.exit_code == 4
    assert capsys.readouterr().err == ""


def test_an_image_whose_id_does_not_fit_is_refused(tmp_path: Path) -> None:
    path = image(tmp_path, tagged(PROFILE.page.start))
    data = bytearray(path.read_bytes())
    data[2048 + 0x10] ^= 1
    path.write_bytes(data)
    with pytest.raises(InputError, match="id in its header"):
        host_image.check(path, PROFILE)
