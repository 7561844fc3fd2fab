"""Every kind of image behind every wrapper: what `info` reads is packed again byte for byte."""

import gzip
from collections.abc import Callable
from pathlib import Path

import container_builders as build
import container_kinds
import lz4.frame
import pytest
from image_builders import board, words, zimage
from unpacked import packed, taken_apart, tempdir

from hardboot.base.errors import InputError
from hardboot.formats import sniff
from hardboot.images.describe import describe
from hardboot.images.unpack import unpack

IMAGES = container_kinds.every_kind() | container_kinds.every_row()
BOOT = (
    *("v0", "v0 with a tree table", "v0 with resources", "v1", "v2", "v3", "v4", "init_boot", "PXA", "MTK"),
    *("GKI certificates", "Amonet with a header of its own"),
)
LOADED = ("Amonet", "loader in front")  # boot images whose first bytes are not their magic
OTHER = ("vendor_boot v3", "vendor_boot v4", "Sony ELF", "vbmeta")
TABLES = ("QCDT", "DTBH", "SPRD", "PXA-DT", "PXA-19xx", "AML_ 2", "dtbo", "dtbo with footer")
PLAIN_KERNELS = ("zImage", "zImage with trees", "arm64 Image", "arm64 Image with trees")
HEADED_KERNELS = ("uImage with trees", "UNCOMPRESSED_IMG with trees")
PACKED_KERNELS = ("Image.gz-dtb", "Image.lz4-dtb", "Image.xz with its size and trees")
KINDS = (
    *(*BOOT, *LOADED, *OTHER, *TABLES, *PLAIN_KERNELS, *PACKED_KERNELS, "zboot", *HEADED_KERNELS),
    *("one tree", "trees in a row", "cpio", "ramdisk", "packed table of trees"),
    *("RSCE", "Rockchip kernel", "Rockchip ramdisk", "uInitrd", "U-Boot firmware"),
)
WRAPPERS: dict[str, Callable[[bytes], bytes]] = {
    "nothing": bytes,
    "MediaTek header": lambda data: build.mtk(data, b"DTBO"),
    "MediaTek header in a partition": lambda data: build.mtk(data, b"DTBO") + bytes(8192),
    "DHTB header": lambda data: build.dhtb(data, behind=0),
    "DHTB header in a partition": build.dhtb,
    "sparse image": build.sparse_of,
    "sparse image of a MediaTek header": lambda data: build.sparse_of(build.mtk(data, b"DTBO")),
    "stale bytes behind": lambda data: data + bytes(range(1, 256)) * 40,
    "uImage": build.uimage,
    "UNCOMPRESSED_IMG": lambda data: b"UNCOMPRESSED_IMG" + words(len(data)) + data,
    "gzip": lambda data: gzip.compress(data, mtime=0),
    "lz4": lz4.frame.compress,
    "loader": lambda data: b"LOADER\0\xff".ljust(5000, b"\x11") + data,
}
A_PACKED_RAMDISK = "gzip data without a kernel in it"
REFUSED: dict[str, dict[str, str]] = {  # by wrapper and kind: why
    "uImage": {
        **dict.fromkeys(("ramdisk", "packed table of trees"), A_PACKED_RAMDISK),
        **dict.fromkeys((*HEADED_KERNELS, "uInitrd", "U-Boot firmware"), "another one is inside"),
    },
    "UNCOMPRESSED_IMG": {
        **dict.fromkeys(("ramdisk", "packed table of trees"), A_PACKED_RAMDISK),
        **dict.fromkeys((*HEADED_KERNELS, "uInitrd", "U-Boot firmware"), "another one is inside"),
    },
    "loader": {
        **dict.fromkeys(set(KINDS) - {*BOOT, *LOADED}, "this is unknown data"),
        "Amonet with a header of its own": "kernel_size at offset 0x8",  # the microloader's header is found
    },
}
for how in ("gzip", "lz4"):
    REFUSED[how] = {
        **dict.fromkeys(BOOT, f"{how} data with an Android boot image in it"),
        "Amonet": f"{how} data with an Amonet microloader in it",
        "loader in front": f"this is {how} data, not an Android boot image",
        **dict.fromkeys(OTHER[:2], f"{how} data with an Android vendor boot image in it"),
        "Sony ELF": f"{how} data with a Sony boot image",
        "vbmeta": f"{how} data with an AVB vbmeta image in it",
        **dict.fromkeys(
            ("Image.gz-dtb", "ramdisk", "packed table of trees"), f"{how} data with gzip data in it"
        ),
        "Image.xz with its size and trees": f"{how} data with xz data in it",
        **dict.fromkeys(("Rockchip kernel", "Rockchip ramdisk"), f"{how} data with a Rockchip image"),
        "uInitrd": f"{how} data with a U-Boot ramdisk (uInitrd) in it",
        "U-Boot firmware": f"{how} data with a U-Boot image (no kernel) in it",
        "zboot": f"{how} data with an EFI zboot kernel in it",
        "uImage with trees": f"{how} data with a U-Boot image in it",
    }


def test_the_table_has_every_kind() -> None:
    wrapped = {sniff.SPARSE_IMAGE, sniff.MTK_PART, sniff.DHTB_IMAGE}  # wrappers of the table
    assert {sniff.sniff(IMAGES[kind]) for kind in KINDS} == set(map(sniff.sniff, IMAGES.values())) - wrapped


@pytest.mark.parametrize("wrapper", WRAPPERS)
@pytest.mark.parametrize("kind", KINDS)
def test_what_info_reads_is_packed_again_or_both_refuse_it_for_a_reason(
    tmp_path: Path, kind: str, wrapper: str
) -> None:
    data = WRAPPERS[wrapper](IMAGES[kind])
    reason = REFUSED.get(wrapper, {}).get(kind)
    path = tmp_path / "in.img"
    path.write_bytes(data)
    if reason:
        for refused in (lambda: describe(path, memoryview(data)), lambda: unpack(path, tmp_path / "out")):
            with pytest.raises(InputError) as caught:
                refused()
            assert reason in caught.value.what
        return
    told = describe(path, memoryview(data))
    told = told.get("inside", told)
    assert "problem" not in told
    assert told.keys() - {"path", "size", "kind", "lead"}
    done, again = packed(taken_apart(tmp_path, data))
    assert again == data
    assert done.identical


@pytest.mark.parametrize("wrapper", ["nothing", "MediaTek header", "DHTB header", "sparse image"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_longer_part_is_the_same_behind_a_header(tmp_path: Path, kind: str, wrapper: str) -> None:
    """The header states the new size, and what it is in front of is what it would be without."""
    results = []
    for wrap in (WRAPPERS["nothing"], WRAPPERS[wrapper]):
        folder = taken_apart(Path(tempdir(tmp_path)), wrap(IMAGES[kind]))
        part = min(path for path in folder.iterdir() if not path.suffix)
        longer = board("a longer name") if part.name.startswith("tree0") else part.read_bytes() + b"longer"
        part.write_bytes(longer)
        results.append(packed(folder)[1])
    alone, behind = results
    if wrapper == "MediaTek header":
        assert behind == build.mtk(alone, b"DTBO")
    if wrapper == "DHTB header":
        assert behind == build.dhtb(alone, behind=0)


@pytest.mark.parametrize(
    ("inner", "what"),
    [
        (build.mtk(zimage(), b"KERNEL"), "a part with a MediaTek header"),
        (build.dhtb(), "an image in a DHTB wrapper"),
        (build.sparse_of(build.boot()), "an Android sparse image"),
    ],
    ids=["MediaTek header", "DHTB header", "sparse image"],
)
@pytest.mark.parametrize("wrapper", ["MediaTek header", "DHTB header"])
def test_a_header_in_front_of_a_header_is_refused(
    tmp_path: Path, inner: bytes, what: str, wrapper: str
) -> None:
    data = WRAPPERS[wrapper](inner)
    path = tmp_path / "in.img"
    path.write_bytes(data)
    for refused in (lambda: describe(path, memoryview(data)), lambda: unpack(path, tmp_path / "out")):
        with pytest.raises(InputError, match=f"content at offset 0x200: it is {what}") as caught:
            refused()
        assert caught.value.fix == "Take the first 512 bytes off, and try again."
