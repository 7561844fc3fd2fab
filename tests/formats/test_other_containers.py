"""Sparse images, Sony's ELF, AVB and makers' headers: read against their tools or by hand, and damaged."""

import re
import struct
import subprocess
from pathlib import Path

import container_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.formats.archives import sparse
from hardboot.formats.avb import vbmeta as avb
from hardboot.formats.boot import sonyelf, tail, wrappers


def patched(data: bytes, offset: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


def test_a_sparse_image_expands_to_what_img2simg_read(tmp_path: Path) -> None:
    raw = build.boot() + bytes(40960) + b"abcd" * 4096 + build.boot()[: 8192 - len(build.boot()) % 4096]
    raw += bytes(-len(raw) % 4096)
    (tmp_path / "raw").write_bytes(raw)
    subprocess.run(["img2simg", "raw", "sparse"], cwd=tmp_path, check=True, timeout=60)
    image = sparse.parse((tmp_path / "sparse").read_bytes())
    assert b"".join(sparse.expand(image)) == raw
    assert {chunk.kind for chunk in image.chunks} >= {"raw", "fill"}


SPARSE = build.sparse()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (SPARSE[:20], "header at offset 0x0: truncated: 20 of 28 bytes"),
        (patched(SPARSE, 4, "<H", 2), "version 2"),
        (patched(SPARSE, 8, "<H", 4), "header sizes at offset 0x8"),
        (patched(SPARSE, 12, "<I", 0), "block_size at offset 0xc: 0 bytes"),
        (patched(SPARSE, 12, "<I", 1 << 31), "block_size at offset 0xc"),
        (patched(SPARSE, 16, "<I", 6), "blocks at offset 0x10: 6 blocks, the chunks have 5"),
        (patched(SPARSE, 20, "<I", 0xFFFFFFFF), "chunks at offset 0x14: 4294967295"),
        (patched(SPARSE, 28, "<H", 0xCAC9), "chunk type at offset 0x1c: 0xcac9"),
        (patched(SPARSE, 32, "<I", 0xFFFFFFFF), "chunk size at offset 0x24"),
        (SPARSE[:-1], "chunk size at offset"),
    ],
)
def test_a_damaged_sparse_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        sparse.parse(data)


SONY = build.sony_elf()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x7fELF\1\1\1\0" + SONY[8:], "this is another file"),
        (SONY[:50], "ELF header at offset 0x0: "),
        (patched(SONY, 44, "<H", 0), "e_phnum at offset 0x2c: 0 program headers, from 1 to 16 are allowed"),
        (patched(SONY, 44, "<H", 0xFFFF), "e_phnum at offset 0x2c: 65535 program headers"),
        (
            patched(SONY, 28, "<I", 0xFFFFFFF0),
            "e_phoff at offset 0x1c: the program headers end",
        ),
        (patched(SONY, 52 + 16, "<I", 0xFFFFFFFF), "p_filesz at offset 0x44"),
        (patched(SONY, 52 + 4, "<I", 0), "kernel begins inside"),
        (patched(SONY, 84 + 4, "<I", 4097), "begins inside of what ends at"),
    ],
)
def test_a_damaged_sony_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        sonyelf.parse(data)


def test_sony_parts_have_their_names_and_addresses() -> None:
    image = sonyelf.parse(SONY)
    assert [(part.name, part.addr) for part in image.loaded] == [
        *(("kernel", 0x80208000), ("ramdisk", 0x81900000), ("rpm", 0x20000), ("cmdline", 0)),
    ]


VBMETA = build.vbmeta()


def test_a_vbmeta_image_is_read() -> None:
    found = avb.parse_vbmeta(VBMETA + bytes(1000))
    assert (found.algorithm, found.flags, found.rollback_index) == ("none", 2, 7)
    assert found.size == len(VBMETA)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (VBMETA[:200], "header at offset 0x0: truncated: 200 of 256 bytes"),
        (b"AVB1" + VBMETA[4:], "magic at offset 0x0"),
        (VBMETA[:-1], "auxiliary_size at offset 0x14"),
        (patched(VBMETA, 0x14, ">Q", 1 << 63), "auxiliary_size at offset 0x14"),
        (patched(VBMETA, 0x68, ">Q", 1 << 63), "descriptors at offset 0x60"),
        (patched(VBMETA, 256 + 8, ">Q", 1 << 63), "descriptor at offset 0x108"),
    ],
)
def test_a_damaged_vbmeta_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        avb.parse_vbmeta(data)


def test_a_vbmeta_image_names_the_partitions_of_its_hashtrees_and_the_command_line() -> None:
    tree = struct.pack(">IQQQIIIQQ32s", 1, 4194304, 4194304, 40960, 4096, 4096, 2, 0, 0, b"sha256")
    tree += struct.pack(">IIII60x", 6, 4, 32, 0) + b"system" + b"salt" + bytes(32) + bytes(6)
    line = struct.pack(">II", 1, 8) + b"dm-verity"[:8]
    rows = b"".join(struct.pack(">QQ", tag, len(body)) + body for tag, body in ((1, tree), (3, line)))
    data = patched(patched(VBMETA[:256], 0x14, ">Q", len(rows)), 0x68, ">Q", len(rows)) + rows
    assert [one.text for one in avb.parse_vbmeta(data).descriptors] == [
        "hashtree of system, 4194304 bytes, sha256",
        "kernel command line: dm-verit",
    ]


def test_a_footer_that_points_outside_is_none() -> None:
    good = build.with_footer(b"x" * 4096, 16384)
    found = avb.parse_footer(good)
    assert found is not None
    assert (found.original_image_size, found.vbmeta_offset, found.vbmeta_size) == (4096, 4096, len(VBMETA))
    assert avb.parse_footer(patched(good, len(good) - 64 + 0x14, ">Q", 16384)) is None
    assert avb.parse_footer(patched(good, len(good) - 64 + 0x1C, ">Q", 1 << 63)) is None
    assert avb.parse_footer(patched(good, len(good) - 64 + 0xC, ">Q", 1 << 63)) is None
    assert avb.parse_footer(good[-63:]) is None
    assert avb.parse_footer(good[12288:], 12288) == found
    assert avb.parse_footer(good[12288:], 0) is None


def test_a_footer_that_points_outside_is_told() -> None:
    data = build.with_footer(b"x" * 4096, 16384)[12288:]
    lost = "AVB footer that points outside of the file"
    assert [(item.name, item.offset) for item in tail.items(data, 0)] == [("zeros", 0), (lost, 4096 - 64)]
    assert not tail.is_signed(data, 0)
    assert bytes(tail.renew(data, 0, 4096)) == data


def test_a_tail_is_told_byte_for_byte() -> None:
    data = bytes(10) + build.SAMSUNG + b"\xff\xfe" + bytes(7)
    assert [(item.name, item.offset, item.size) for item in tail.items(data, 4096)] == [
        ("zeros", 0, 10),
        ("SEANDROIDENFORCE mark", 10, 16),
        ("unknown data", 26, 2),
        ("zeros", 28, 7),
    ]


def test_a_footer_grows_the_file_only_if_it_must() -> None:
    image = build.with_footer(b"x" * 4096, 16384)
    moved = tail.renew(image[4096:], 4096, 8192)
    assert len(moved) == 8192
    larger = tail.renew(image[4096:], 4096, 16384)
    assert 16384 + len(larger) == 16384 + 4096
    found = avb.parse_footer(bytes(16384) + bytes(larger))
    assert found is not None
    assert (found.original_image_size, found.vbmeta_offset, found.vbmeta_size) == (16384, 16384, len(VBMETA))


def test_a_mediatek_header_with_another_size_is_no_header() -> None:
    good = build.mtk(b"data", b"ROOTFS")
    found = wrappers.split_mtk(good)
    assert found is not None
    assert (found.name, bytes(found.data)) == ("ROOTFS", b"data")
    assert wrappers.split_mtk(good + b"x") is None
    assert "size at offset 0x4: 4 bytes, 5 follow" in str(wrappers.problem_of_mtk(good + b"x"))
    assert wrappers.problem_of_mtk(good) is None


def test_a_dhtb_header_that_covers_more_than_there_is_is_refused() -> None:
    with pytest.raises(InputError, match="size at offset 0x30"):
        wrappers.read_dhtb(memoryview(build.dhtb()[:4000]))
