"""Images of every kind taken apart and put together again, without files."""

import gzip
import hashlib
import struct
from typing import Any

import container_builders as build
import container_kinds
import pytest
from image_builders import board, words, zimage

from hardboot.base.errors import InputError
from hardboot.formats.boot import bootimg, sonyelf, vendorboot
from hardboot.formats.boot.paged import Part
from hardboot.formats.containers import Changes, Container, open_container, open_frame
from hardboot.formats.containers.bare import is_bare

KINDS = container_kinds.every_kind() | container_kinds.every_row()
WITHOUT_SPARSE = [name for name in KINDS if not name.startswith("sparse")]  # unpack expands them first


def unchanged(container: Container) -> Changes:
    return Changes(
        container.fields, container.part_fields, {part.name: part.data for part in container.parts}
    )


def rebuilt(container: Container, parts: dict[str, bytes] | None = None, **fields: Any) -> bytes:
    same = unchanged(container)
    changes = Changes({**same.fields, **fields}, same.part_fields, {**same.parts, **(parts or {})})
    return b"".join(bytes(chunk) for chunk in container.rebuild(changes).chunks)


@pytest.mark.parametrize("name", WITHOUT_SPARSE)
def test_parts_have_their_offsets_in_the_file(name: str) -> None:
    data = KINDS[name]
    container = open_container(data)
    assert container.parts
    end = 0
    for part in container.parts:
        if part.data:
            assert data[part.offset : part.offset + len(part.data)] == bytes(part.data)
            assert part.offset >= end
            end = part.offset + len(part.data)


@pytest.mark.parametrize("name", WITHOUT_SPARSE)
def test_a_frame_without_its_parts_has_the_same_places(name: str) -> None:
    data = bytearray(KINDS[name])
    container = open_container(bytes(data))
    for part in container.parts:
        data[part.offset : part.offset + len(part.data)] = bytes(len(part.data))
    frame = open_frame(container.kind, bytes(data), container.parts)
    assert frame.kind == container.kind
    places = [(part.name, part.offset, len(part.data)) for part in container.parts if part.data]
    assert [(part.name, part.offset, len(part.data)) for part in frame.parts if part.data] == places
    assert frame.fields.keys() == container.fields.keys()


@pytest.mark.parametrize(
    ("kind", "bare"),
    [
        ("ARM zImage kernel", True),
        ("gzip data", True),
        ("image in a DHTB wrapper", False),
        ("part with a MediaTek header", False),
        ("Android boot image", False),
        ("Qualcomm device tree table (QCDT)", False),
        ("text file", False),
    ],
)
def test_files_without_a_table_are_recognised_by_their_kind(kind: str, bare: bool) -> None:
    assert is_bare(kind) is bare


def test_only_the_fields_of_the_header_may_be_changed() -> None:
    first = ["header_version", "kernel_addr", "ramdisk_addr", "second_addr", "tags_addr", "page_size"]
    version = ["os_version", "os_patch_level"]
    assert list(open_container(build.boot()).fields) == [*first, *version, "name", "cmdline", "id"]
    assert list(open_container(build.boot_v2(2)).fields) == [
        *(*first, *version, "name", "cmdline", "dtb_addr", "id")
    ]
    assert open_container(build.boot_v2(2)).fields["dtb_addr"] == 0x81F00000
    assert list(open_container(build.boot_v3()).fields) == ["header_version", *version, "cmdline"]
    pxa = open_container(build.pxa()).fields
    assert list(pxa) == ["header_version", "pxa", *first[1:], "name", "cmdline", "id"]
    assert pxa["pxa"] is True
    assert list(open_container(build.vendor_boot(3)).fields) == [
        *("header_version", "page_size", "kernel_addr", "ramdisk_addr", "tags_addr", "dtb_addr"),
        *("name", "cmdline"),
    ]


def test_signed_images_are_recognised() -> None:
    signed = [name for name in WITHOUT_SPARSE if open_container(KINDS[name]).signed]
    assert signed == [
        *(
            "v4",
            "v4 with a second vbmeta in its signature",
            "GKI certificates",
            "GKI certificates and a footer",
        ),
        *("AVB footer", "AVB footer of a nearly full partition", "AVB 1.0", "dtbo with footer"),
        *("vbmeta", "vbmeta of a partition", "vbmeta of Unisoc's", "vbmeta in a DHTB wrapper"),
    ]


def test_values_become_fields() -> None:
    container = open_container(build.boot_v2(2))
    image = bootimg.parse(rebuilt(container, cmdline="debug", dtb_addr=5, os_version="14.0.0", name="b"))
    assert (image.cmdline, image.dtb_addr, image.os_version_text, image.name) == ("debug", 5, "14.0.0", "b")
    vendor = vendorboot.parse(rebuilt(open_container(build.vendor_boot(3)), cmdline="debug", tags_addr=7))
    assert (vendor.cmdline, vendor.tags_addr) == ("debug", 7)


@pytest.mark.parametrize(
    ("stated", "stored"),
    [
        ("", bytes(32)),
        ("ab" * 32, b"\xab" * 32),
        ("abcd", b"\xab\xcd" + bytes(30)),
    ],
)
def test_an_id_may_be_given_in_hex(stated: str, stored: bytes) -> None:
    assert bootimg.parse(rebuilt(open_container(build.boot()), id=stated)).id == stored


def test_an_id_may_be_computed() -> None:
    container = open_container(build.boot())
    assert container.id_algorithm() == "sha1"
    image = bootimg.parse(rebuilt(container, {"kernel": b"k"}, id="sha256"))
    assert bootimg.check_id(image) == "sha256"
    assert open_container(build.boot_v3()).id_algorithm() is None
    assert open_container(zimage()).id_algorithm() is None


@pytest.mark.parametrize(
    ("stated", "message"),
    [
        ("no", r"image\.toml: id at offset 0x0: 'no'"),
        ("00" * 33, r"image\.toml: id at offset 0x0: 33 bytes, the limit is 32"),
    ],
)
def test_an_id_that_is_no_id_is_refused(stated: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        rebuilt(open_container(build.boot()), id=stated)


def test_a_part_keeps_its_mediatek_header() -> None:
    data = build.boot(build.mtk(b"kernel", b"KERNEL"), build.mtk(b"ramdisk", b"ROOTFS"))
    container = open_container(data)
    assert [bytes(part.data) for part in container.parts[:2]] == [b"kernel", b"ramdisk"]
    image = bootimg.parse(rebuilt(container, {"kernel": b"new kernel"}))
    assert bytes(image.kernel) == build.mtk(b"new kernel", b"KERNEL")
    assert bytes(image.ramdisk) == build.mtk(b"ramdisk", b"ROOTFS")


def test_ramdisks_of_a_vendor_boot_image_have_fields_of_their_own() -> None:
    container = open_container(build.vendor_boot(4))
    assert [part.name for part in container.parts] == ["ramdisk0", "ramdisk1", "dtb", "bootconfig"]
    assert container.part_fields["ramdisk1"] == {"type": 2, "name": "ramdisk 1", "board_id": list(range(16))}
    same = unchanged(container)
    fields = {**same.part_fields, "ramdisk1": {"type": 3, "name": "dlkm", "board_id": [7] * 16}}
    changes = Changes(same.fields, fields, {**same.parts, "ramdisk1": b"longer than before"})
    image = vendorboot.parse(b"".join(container.rebuild(changes).chunks))
    ramdisk = image.ramdisks[1]
    assert (ramdisk.type, ramdisk.name, ramdisk.board_id) == (3, "dlkm", (7,) * 16)
    assert bytes(ramdisk.data) == b"longer than before"
    assert image.ramdisks[0].name == "ramdisk 0"
    strange = open_container(KINDS["vendor_boot v4 with a strange table"])
    assert [part.name for part in strange.parts] == ["ramdisk", "dtb", "bootconfig"]
    assert strange.part_fields == {}
    assert vendorboot.parse(rebuilt(strange, {"ramdisk": b"r" * 29})).table is not None


def test_a_vendor_boot_image_as_large_as_its_partition_stays_so() -> None:
    data = build.vendor_boot(4) + bytes(65536)
    assert len(rebuilt(open_container(data), {"dtb": b"d" * 5000})) == len(data)


def test_a_vendor_boot_image_with_a_footer_is_signed() -> None:
    assert open_container(build.with_footer(build.vendor_boot(4), 65536)).signed
    assert not open_container(build.vendor_boot(4)).signed


def test_parts_of_sonys_have_their_addresses() -> None:
    container = open_container(build.sony_elf())
    assert container.part_fields["ramdisk"] == {"load_addr": 0x81900000}
    assert container.fields == {"entry_addr": 0x80208000}
    same = unchanged(container)
    fields = {**same.part_fields, "ramdisk": {"load_addr": 0x82000000}}
    image = sonyelf.parse(
        b"".join(container.rebuild(Changes({"entry_addr": 0x80008000}, fields, same.parts)).chunks)
    )
    assert image.entry == 0x80008000
    assert [part.addr for part in image.loaded] == [0x80208000, 0x82000000, 0x20000, 0]


def test_zeros_between_trees_are_no_part() -> None:
    data = zimage() + board("one") + bytes(3) + board("two") + bytes(100)
    parts = open_container(data).parts
    second = len(zimage()) + len(board("one")) + 3
    assert [(part.name, part.offset) for part in parts] == [
        *(("kernel", 0), ("tree0", len(zimage())), ("tree1", second))
    ]
    grown = rebuilt(open_container(data), {"tree0": b"longer".ljust(len(board("one")) + 8)})
    assert grown[second + 8 : second + 8 + len(board("two"))] == board("two")


@pytest.mark.parametrize("size", [-3, 0, 4])
def test_a_header_in_front_of_a_bare_file_states_the_new_size(size: int) -> None:
    data = build.mtk(zimage(), b"KERNEL")
    new = rebuilt(open_container(data), {"kernel": b"k" * (len(zimage()) + size)})
    assert struct.unpack_from("<I", new, 4)[0] == len(zimage()) + size == len(new) - 512
    wrapped = build.dhtb(build.vbmeta(), behind=0)
    again = rebuilt(open_container(wrapped), {"vbmeta": b"v" * (len(build.vbmeta()) + size)})
    assert struct.unpack_from("<I", again, 0x30)[0] == len(again) - 512
    assert again[8:40] == hashlib.sha256(again[512:]).digest()


def test_a_compressed_ramdisk_or_table_is_one_part() -> None:
    cpio = b"070707" + b"0" * 70 + b"an archive"
    for content, name in ((cpio, "ramdisk"), (build.dtbo(), "trees"), (board("x"), "trees")):
        container = open_container(gzip.compress(content, mtime=0))
        assert [part.name for part in container.parts] == [name]
        assert container.kind == "gzip data"


def test_trees_that_overlap_are_refused() -> None:
    data = bytearray(build.qcdt())
    first, second = 12 + 16, 12 + 2 * 24 + 16
    offset, size = struct.unpack_from("<2I", data, first)
    struct.pack_into("<2I", data, second, offset + size - 4, size)
    with pytest.raises(InputError, match="tree1 begins before"):
        open_container(bytes(data))


@pytest.mark.parametrize(
    ("offset", "size"), [(0, 4096), (8, 4), (12, 4), (12 + 2 * 24, 4), (12 + 16, 8), (12 + 20, 4)]
)
def test_a_tree_that_overlaps_the_table_is_refused(offset: int, size: int) -> None:
    """On all of it, the number of entries, the ids of two entries, and the place of one."""
    data = bytearray(build.qcdt())
    struct.pack_into("<2I", data, 12 + 2 * 24 + 16, offset, size)
    with pytest.raises(InputError, match="a tree overlaps the table itself"):
        open_container(bytes(data))


def test_a_frame_of_a_bare_file_takes_the_parts_that_are_known() -> None:
    frame = open_frame("gzip data", bytes(100), (Part("kernel", 10, bytes(20)),))
    assert rebuilt(frame, {"kernel": b"k" * 4}) == bytes(10) + b"k" * 4 + bytes(70)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "this is an empty file"),
        (b"a text\n" * 99, "this is a text file"),
        (b"\x89LZO" + bytes(100), "lzop"),
        (words(0x06054B50) + bytes(100), "unknown data"),
        (board("x")[:-1], "device tree"),
    ],
)
def test_files_without_parts_are_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=message):
        open_container(data)
