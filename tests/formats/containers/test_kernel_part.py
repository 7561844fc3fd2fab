"""Headers taken off a kernel and put in front of another one; mkimage makes and reads them, too."""

import subprocess
from pathlib import Path

import container_builders as build
import pytest
from image_builders import arm64_image, board, kernel_with_banner, pack, zboot, zimage
from packed_kernels import mkimage

from hardboot.base.errors import InputError
from hardboot.formats.boot import krnl
from hardboot.formats.containers import devicetrees, kernel_part
from hardboot.formats.kernels import uimage
from hardboot.formats.kernels.kernel import identify

IMAGE = arm64_image(kernel_with_banner("6.1.0-arm64", 20_000, 10_000))
TREE = board("one")


@pytest.mark.parametrize(
    ("part", "content"),
    [
        (zimage() + TREE, zimage() + TREE),
        (build.mtk(zimage(), b"KERNEL"), zimage()),
        (build.patched(IMAGE, TREE), IMAGE + TREE),
        (mkimage(zimage()) + TREE, zimage() + TREE),
        (mkimage(zimage() + TREE), zimage() + TREE),
        (mkimage(zimage(), b"ramdisk", TREE, kind="multi"), zimage()),
        (mkimage(zimage(), b"ramdisk", kind="multi") + TREE, zimage() + TREE),
        (mkimage(pack(IMAGE, "gzip"), compression="gzip"), pack(IMAGE, "gzip")),
        (build.mtk(mkimage(zimage()), b"KERNEL"), zimage()),
        (zboot(pack(IMAGE, "gzip")), pack(IMAGE, "gzip")),
        (krnl.build(b"KRNL", zimage() + TREE), zimage() + TREE),
        (b"anything else", b"anything else"),
    ],
)
def test_a_kernel_is_what_is_left_without_headers(part: bytes, content: bytes) -> None:
    assert bytes(kernel_part.unwrap(part)) == content


def test_headers_without_a_kernel_are_refused() -> None:
    with pytest.raises(
        InputError, match="U-Boot image: type at offset 0x1e: 3: this U-Boot image does not hold"
    ):
        kernel_part.unwrap(mkimage(b"ramdisk", kind="ramdisk"))
    with pytest.raises(InputError, match="truncated"):
        kernel_part.unwrap(b"UNCOMPRESSED_IMG")


NEW = zimage(payload=b"another kernel" * 50)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (zimage() + TREE, NEW + TREE),
        (build.mtk(zimage(), b"KERNEL"), build.mtk(NEW + TREE, b"KERNEL")),
        (build.patched(IMAGE, board("old")), build.patched(NEW, TREE)),
        (mkimage(zimage()) + board("old"), mkimage(NEW) + TREE),
        (mkimage(zimage() + board("old")), mkimage(NEW + TREE)),
        (mkimage(pack(IMAGE, "gzip"), compression="gzip"), mkimage(NEW + TREE)),
        (mkimage(zimage(), b"ramdisk", kind="multi"), mkimage(NEW + TREE, b"ramdisk", kind="multi")),
        (build.mtk(mkimage(zimage()), b"KERNEL"), build.mtk(mkimage(NEW + TREE), b"KERNEL")),
    ],
    ids=["bare", "MTK", "patched", "tree behind", "tree inside", "gzip", "multi", "MTK and uImage"],
)
def test_another_kernel_is_put_behind_the_same_headers(old: bytes, new: bytes) -> None:
    written = kernel_part.with_kernel(old, NEW, TREE)
    lead = 512 if old[:4] == b"\x88\x16\x88\x58" else 0
    same = bytearray(written)
    if new[lead : lead + 4] == uimage.UIMAGE_MAGIC:  # mkimage writes the time, and a checksum over it
        for at in (4, 8):
            same[lead + at : lead + at + 4] = new[lead + at : lead + at + 4]
    assert bytes(same) == new
    assert identify(written[lead:]).kind == "zImage"


def test_another_kernel_is_put_behind_rockchips_header() -> None:
    old = krnl.build(b"KRNL", mkimage(zimage()))
    written = krnl.parse(kernel_part.with_kernel(old, NEW, TREE))
    assert (written.magic, written.crc) == (b"KRNL", krnl.checksum(written.content))
    assert bytes(kernel_part.unwrap(written.content)) == NEW + TREE
    assert bytes(kernel_part.with_kernel(krnl.build(b"KRNL", NEW), NEW, TREE)) == krnl.build(
        b"KRNL", NEW + TREE
    )


def test_mkimage_lists_a_uimage_with_another_kernel(tmp_path: Path) -> None:
    path = tmp_path / "uImage"
    path.write_bytes(kernel_part.with_kernel(mkimage(zimage()), NEW, b""))
    told = subprocess.run(
        ["mkimage", "-l", path], capture_output=True, text=True, check=True, timeout=30
    ).stdout
    assert f"Data Size:    {len(NEW)} Bytes" in told
    assert "Image Name:   a name" in told
    damaged = bytearray(path.read_bytes())
    damaged[-1] ^= 1
    path.write_bytes(damaged)  # mkimage checks the content, too
    told = subprocess.run(
        ["mkimage", "-l", path], capture_output=True, text=True, check=False, timeout=30
    ).stdout
    assert "Data Size" not in told


OTHER = arm64_image(kernel_with_banner("6.6.0", 30_000, 10_000))


@pytest.mark.parametrize(
    ("content", "size"),
    [
        (OTHER + TREE, len(OTHER)),
        (OTHER + board("new"), len(OTHER)),
        (OTHER, len(OTHER)),
        (IMAGE + TREE + board("two"), len(IMAGE)),
        (TREE, 0),
    ],
)
def test_the_size_in_qualcomms_header_follows_the_kernel(content: bytes, size: int) -> None:
    old = build.patched(IMAGE, TREE)
    assert kernel_part.renewed(old, content) == b"UNCOMPRESSED_IMG" + size.to_bytes(4, "little")


def test_what_followed_the_old_kernel_is_no_part_of_the_new_one() -> None:
    rest = TREE + b"signature" * 9  # nothing but the header says that it begins with a tree
    old = build.patched(IMAGE, rest)
    assert kernel_part.renewed(old, OTHER + rest) == build.patched(OTHER)[:20]


@pytest.mark.parametrize("size", [99, 0xFFFFFFFF])
def test_a_wrong_size_stays_while_the_content_does(size: int) -> None:
    old = build.patched(IMAGE, TREE, size)
    assert kernel_part.renewed(old, IMAGE + TREE) == old[:20]
    assert kernel_part.renewed(old, OTHER + TREE) == b"UNCOMPRESSED_IMG" + len(OTHER).to_bytes(4, "little")


@pytest.mark.parametrize(
    "part",
    [
        zimage() + TREE,
        build.mtk(zimage() + TREE, b"KERNEL"),
        build.mtk(mkimage(zimage()) + TREE, b"KERNEL"),
        build.patched(IMAGE, TREE),
        mkimage(zimage() + TREE),
        krnl.build(b"KRNL", zimage() + TREE),
        mkimage(zimage(), b"ramdisk", TREE, kind="multi"),
        mkimage(zimage(), TREE + board("two"), kind="multi"),
        build.mtk(TREE, b"DTB"),
        build.mtk(build.dtbo(), b"DTBO"),
        krnl.build(b"KRNL", TREE),
    ],
)
def test_device_trees_behind_headers_are_found_where_they_are(part: bytes) -> None:
    found = devicetrees.find(part)
    assert found is not None
    for entry in found.entries:
        assert part[entry.offset : entry.offset + len(entry.data)] == bytes(entry.data)
        assert entry.tree().root.properties["compatible"].startswith(b"acme,board")


def test_what_headers_state_wrongly_is_told() -> None:
    assert kernel_part.warnings(zimage()) == ()
    assert kernel_part.warnings(build.mtk(zimage(), b"KERNEL")) == ()
    assert kernel_part.warnings(mkimage(zimage()) + TREE) == ()
    assert kernel_part.warnings(mkimage(zimage(), TREE, kind="multi")) == ()
    damaged = mkimage(zimage() + b"end")[:-1] + b"D"
    assert [one.split(" is ")[0] for one in kernel_part.warnings(damaged)] == ["U-Boot image: data checksum"]
    assert len(kernel_part.warnings(build.patched(IMAGE, TREE, 3))) == 1
    wrong = mkimage(zimage(tags=b"\1\0\0\0")).replace(b"a name", b"A name")
    assert [one.split(":")[0] for one in kernel_part.warnings(wrong)] == ["U-Boot image", "zImage"]
    assert len(kernel_part.warnings(build.mtk(wrong, b"KERNEL"))) == 2
    assert len(kernel_part.warnings(krnl.build(b"KRNL", wrong))) == 2


def test_a_kernel_that_uboot_does_not_load_is_a_kernel() -> None:
    part = mkimage(zimage(), kind="kernel_noload")
    assert bytes(kernel_part.unwrap(part)) == zimage()
    assert bytes(kernel_part.unwrap(kernel_part.with_kernel(part, NEW, b""))) == NEW
