"""A host image: everything of the old image stays but the kernel; and what is refused."""

from pathlib import Path

import container_builders as build
import pytest
from image_builders import board, hardboot_tag, zimage
from packed_kernels import mkimage
from told import raises

from hardboot.base.errors import InputError, RefusedError
from hardboot.flows import host_image
from hardboot.flows.host_image import HostImage
from hardboot.formats.boot import bootimg

NEW = zimage(tags=hardboot_tag(0x8F000000))


def files(folder: Path, image: bytes, kernel: bytes = NEW) -> tuple[Path, Path, Path]:
    paths = (folder / "boot.img", folder / "zImage", folder / "host.img")
    paths[0].write_bytes(image)
    paths[1].write_bytes(kernel)
    return paths


@pytest.mark.parametrize("wrapped", [False, True], ids=["plain", "MediaTek"])
def test_trees_and_headers_of_the_old_kernel_stay(tmp_path: Path, wrapped: bool) -> None:
    def dressed(kernel: bytes) -> bytes:
        return build.mtk(kernel, b"KERNEL") if wrapped else kernel

    paths = files(tmp_path, build.boot(dressed(zimage() + board("phone"))))
    made = host_image.make(*paths)
    kernel = dressed(NEW + board("phone"))
    assert made == HostImage(
        path=paths[2],
        size=paths[2].stat().st_size,
        kernel_size=len(kernel),
        dtbs_kept=1,
        hardboot_page=0x8F000000,
    )
    image = bootimg.parse(paths[2].read_bytes())
    assert bytes(image.kernel) == kernel
    assert bytes(image.ramdisk) == build.RAMDISK
    assert image.cmdline == "console=ttyMSM0"
    assert bootimg.check_id(image) == "sha1"


@pytest.mark.parametrize(
    ("old", "new", "written"),
    [
        (mkimage(zimage()) + board("phone"), NEW, mkimage(NEW) + board("phone")),
        (mkimage(zimage() + board("phone")), NEW, mkimage(NEW + board("phone"))),
        (mkimage(zimage()), mkimage(NEW), mkimage(NEW)),
        (zimage() + board("phone"), mkimage(NEW), NEW + board("phone")),
        (zimage() + board("phone"), build.mtk(NEW, b"KERNEL"), NEW + board("phone")),
        (build.mtk(zimage(), b"KERNEL"), build.mtk(NEW, b"KERNEL"), build.mtk(NEW, b"KERNEL")),
        (zimage(), build.mtk(NEW + board("new"), b"KERNEL"), NEW + board("new")),
        (build.patched(zimage(), board("phone")), NEW, build.patched(NEW, board("phone"))),
        (zimage(), build.patched(NEW, board("new")), NEW + board("new")),
    ],
)
def test_headers_are_those_of_the_phones_own_kernel(
    tmp_path: Path, old: bytes, new: bytes, written: bytes
) -> None:
    paths = files(tmp_path, build.boot(old), new)
    made = host_image.make(*paths)
    kernel = bytearray(bytes(bootimg.parse(paths[2].read_bytes()).kernel))
    assert (made.kernel_size, made.hardboot_page) == (len(kernel), 0x8F000000)
    if written.startswith(b"\x27\x05\x19\x56"):  # the time, and a checksum over it
        kernel[4:12] = written[4:12]
    assert kernel == written


def test_a_table_of_trees_of_the_old_kernel_stays_unless_the_new_one_has_trees(tmp_path: Path) -> None:
    old = build.boot(zimage() + build.qcdt())
    for new, kernel, kept in (
        (NEW, NEW + build.qcdt(), 2),
        (NEW + board("new"), NEW + board("new"), 0),
        (NEW + build.qcdt_of(1), NEW + build.qcdt_of(1), 0),
    ):
        paths = files(tmp_path, old, new)
        assert host_image.make(*paths).dtbs_kept == kept
        assert bytes(bootimg.parse(paths[2].read_bytes()).kernel) == kernel


def test_trees_of_the_new_kernel_replace_those_of_the_old(tmp_path: Path) -> None:
    kernel = NEW + board("new one") + b"tail"
    paths = files(tmp_path, build.boot(zimage() + board("old") + board("older")), kernel)
    made = host_image.make(*paths)
    assert (made.dtbs_kept, made.kernel_size) == (0, len(kernel))
    assert bytes(bootimg.parse(paths[2].read_bytes()).kernel) == kernel


def test_all_trees_of_the_old_kernel_follow_the_new_one_directly(tmp_path: Path) -> None:
    trees = board("one") + board("two")
    paths = files(tmp_path, build.boot(zimage() + trees), NEW + b"tail that is no tree")
    made = host_image.make(*paths)
    assert made.dtbs_kept == 2
    assert bytes(bootimg.parse(paths[2].read_bytes()).kernel) == NEW + trees


def test_a_new_kernel_without_trees_is_taken_as_it_is_if_there_is_none_to_keep(tmp_path: Path) -> None:
    paths = files(tmp_path, build.boot(zimage()), zimage() + b"tail")
    made = host_image.make(*paths)
    assert (made.dtbs_kept, made.hardboot_page) == (0, None)
    assert bytes(bootimg.parse(paths[2].read_bytes()).kernel) == zimage() + b"tail"


def test_an_image_without_an_id_gets_one(tmp_path: Path) -> None:
    image = bytearray(build.boot(zimage()))
    image[576:608] = bytes(32)
    paths = files(tmp_path, bytes(image))
    host_image.make(*paths)
    assert bootimg.check_id(bootimg.parse(paths[2].read_bytes())) == "sha1"


def test_the_kind_of_the_id_stays(tmp_path: Path) -> None:
    parsed = bootimg.parse(build.boot(zimage()))
    image = b"".join(bytes(one) for one in bootimg.build(bootimg.renew(parsed, "sha256")))
    paths = files(tmp_path, image)
    host_image.make(*paths)
    assert bootimg.check_id(bootimg.parse(paths[2].read_bytes())) == "sha256"


def test_a_damaged_image_is_refused(tmp_path: Path) -> None:
    image = bytearray(build.boot(zimage()))
    image[2048 + 0x50] ^= 1
    paths = files(tmp_path, bytes(image))
    with raises(
        InputError,
        f"{paths[0]}: the id in its header is not that of its content: it is damaged or was edited",
        "Nothing was written.",
        "Use the phone's own boot image: from its manufacturer, or from the boot partition.",
    ):
        host_image.make(*paths)
    assert not paths[2].exists()


def test_what_is_no_image_or_no_kernel_is_named(tmp_path: Path) -> None:
    paths = files(tmp_path, b"text" * 2000)
    with pytest.raises(InputError, match=r"boot\.img: "):
        host_image.make(*paths)
    paths = files(tmp_path, build.boot(b"no kernel" * 99))
    with pytest.raises(InputError, match=r"boot\.img: .*zImage"):
        host_image.make(*paths)
    paths = files(tmp_path, build.boot(b""))  # as init_boot is
    with pytest.raises(InputError, match=r"boot\.img: this image has no kernel") as caught:
        host_image.make(*paths)
    assert caught.value.fix.startswith("Give boot.img")
    paths = files(tmp_path, build.sparse_of(build.boot(zimage())))
    with pytest.raises(InputError, match=r"boot\.img: .*this is an Android sparse image") as caught:
        host_image.make(*paths)
    assert caught.value.fix == "Expand it first: simg2img IMAGE OUT"
    paths = files(tmp_path, build.boot(zimage()), b"no kernel" * 99)
    with pytest.raises(InputError, match=r"zImage: this is a text file, not an ARM kernel"):
        host_image.make(*paths)
    assert not paths[2].exists()


@pytest.mark.parametrize("replaced", ["boot.img", "zImage"])
def test_the_files_that_an_image_is_made_of_are_not_replaced(tmp_path: Path, replaced: str) -> None:
    image, kernel, _ = files(tmp_path, build.boot(zimage()), zimage())
    before = image.read_bytes(), kernel.read_bytes()
    (tmp_path / "linked.img").symlink_to(tmp_path / replaced)
    for output in (tmp_path / replaced, tmp_path / "linked.img"):
        with pytest.raises(InputError, match=f"/{replaced}: the new image would replace this file"):
            host_image.make(image, kernel, output)
    assert (image.read_bytes(), kernel.read_bytes()) == before


def test_a_file_that_is_too_large_is_not_read(tmp_path: Path) -> None:
    paths = files(tmp_path, build.boot(zimage()))
    for number in (1, 0):
        with paths[number].open("r+b") as stream:
            stream.truncate((256 << 20) + 1)
        with pytest.raises(InputError, match=f"{paths[number].name}: {(256 << 20) + 1} bytes, the limit is"):
            host_image.make(*paths)
    assert not paths[2].exists()


def test_the_image_of_a_partition_keeps_its_size(tmp_path: Path) -> None:
    """What an earlier image left behind the old one makes room for a larger kernel, and else is refused."""
    image = build.boot(zimage())
    stale = bytes(range(1, 256)) * 1000
    paths = files(tmp_path, (image + stale)[: 1 << 17])
    made = host_image.make(*paths)
    assert made.size == 1 << 17
    assert paths[2].read_bytes().endswith(paths[0].read_bytes()[-(1 << 16) :])
    large = files(tmp_path, (image + stale)[: 1 << 17], NEW + board("phone" * 20000) * 2)
    paths[2].unlink()
    with raises(
        RefusedError,
        "the image is 76.0 KiB too large for the partition it was read from",
        "Nothing was written.",
        "Use smaller parts (compress them better). If the partition is larger: hardboot pack --grow",
    ):
        host_image.make(*large)
    assert not paths[2].exists()
