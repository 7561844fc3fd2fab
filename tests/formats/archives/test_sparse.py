"""Android sparse images: read as img2simg writes them, and damaged."""

import re
import struct
import subprocess
from collections.abc import Iterable
from pathlib import Path

import container_builders as build
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats.archives import sparse
from hardboot.formats.reading import Data


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
        (patched(SPARSE, 8, "<H", 4), "header_size at offset 0x8: 4 bytes, and 12 for chunks, are too few"),
        (patched(SPARSE, 12, "<I", 0), "block_size at offset 0xc: 0 bytes"),
        (patched(SPARSE, 12, "<I", 1 << 31), "block_size at offset 0xc"),
        (patched(SPARSE, 16, "<I", 6), "blocks at offset 0x10: 6 blocks, the chunks have 5"),
        (patched(SPARSE, 20, "<I", 0xFFFFFFFF), "chunks at offset 0x14: 4294967295"),
        (patched(SPARSE, 28, "<H", 0xCAC9), "chunk type at offset 0x1c: 0xcac9"),
        (patched(SPARSE, 32, "<I", 0xFFFFFFFF), "chunk size at offset 0x24"),
        (SPARSE[:-1], "chunk at offset 0x2050: truncated: 3 of 4 bytes"),
    ],
)
def test_a_damaged_sparse_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        sparse.parse(data)


def joined(chunks: Iterable[Data]) -> bytes:
    return b"".join(map(bytes, chunks))


@pytest.mark.parametrize("block", [4, 1024, 4096, 1 << 20])
def test_what_is_built_expands_again_and_simg2img_agrees(block: int, tmp_path: Path) -> None:
    raw = b"abcd" * (2 << 18) + bytes(1 << 20) + build.boot()[: 1 << 20] + b"x" * (1 << 20)
    raw = raw[:20_000] if block == 4 else raw
    raw += bytes(-len(raw) % block)
    data = joined(sparse.build(raw, block))
    assert joined(sparse.expand(sparse.parse(data))) == raw
    (tmp_path / "sparse").write_bytes(data)
    subprocess.run(["simg2img", "sparse", "raw"], cwd=tmp_path, check=True, timeout=60)
    assert (tmp_path / "raw").read_bytes() == raw


def test_img2simg_writes_the_same_bytes(tmp_path: Path) -> None:
    raw = build.boot() + bytes(40960) + b"abcd" * 4096
    raw += bytes(-len(raw) % 4096)
    (tmp_path / "raw").write_bytes(raw)
    subprocess.run(["img2simg", "raw", "sparse"], cwd=tmp_path, check=True, timeout=60)
    assert joined(sparse.build(raw)) == (tmp_path / "sparse").read_bytes()


def test_a_last_block_that_is_not_full_is_padded() -> None:
    data = joined(sparse.build(b"abc", 4))
    assert joined(sparse.expand(sparse.parse(data))) == b"abc\0"


@pytest.mark.parametrize("block", [0, 2, 3, 4098, (1 << 20) + 4])
def test_a_block_size_that_is_none_is_refused(block: int) -> None:
    with pytest.raises(InputError, match=f"block_size at offset 0xc: {block} bytes"):
        sparse.build(b"", block)


def test_each_kind_of_chunk_is_read() -> None:
    image = sparse.parse(SPARSE + b"behind")
    assert (image.block_size, image.size, image.trailing_size) == (4096, 5 * 4096, 6)
    assert [(chunk.kind, chunk.size, chunk.offset) for chunk in image.chunks] == [
        ("raw", 8192, 40),
        ("fill", 8192, 8244),
        ("skip", 4096, 8260),
        ("crc32", 0, 8272),
    ]
    assert joined(sparse.expand(image)) == build.boot()[:8192] + b"abcd" * 2048 + bytes(4096)


def test_what_expands_to_nothing_or_too_much_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    empty = sparse.parse(struct.pack("<IHHHHIIII", 0xED26FF3A, 1, 0, 28, 12, 4096, 0, 0, 0))
    with pytest.raises(InputError, match="blocks at offset 0x10: it expands to nothing"):
        sparse.expand(empty)
    image = sparse.parse(SPARSE)
    monkeypatch.setattr(sparse, "MAX_EXPANDED", image.size)
    assert len(joined(sparse.expand(image))) == image.size
    monkeypatch.setattr(sparse, "MAX_EXPANDED", image.size - 1)
    with pytest.raises(InputError, match="it expands to 20480 bytes, the limit is 20479"):
        sparse.expand(image)


def test_the_number_of_chunks_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sparse, "MAX_CHUNKS", 4)
    assert len(sparse.parse(SPARSE).chunks) == 4
    monkeypatch.setattr(sparse, "MAX_CHUNKS", 3)
    with pytest.raises(InputError, match="chunks at offset 0x14: 4, the limit is 3"):
        sparse.parse(SPARSE)


ODD = build.sparse_of(build.boot() + bytes(12288))


@pytest.mark.parametrize("data", [SPARSE, ODD])
def test_a_skeleton_and_the_expanded_image_are_the_file_again(data: bytes) -> None:
    image = sparse.parse(data)
    raw = joined(sparse.expand(image))
    bones = joined(sparse.skeleton(image, data))
    assert len(bones) == len(data) - sum(len(chunk.data) for chunk in image.chunks if chunk.kind == "raw")
    assert joined(sparse.restore(bones, raw)) == data
    changed = bytearray(raw)
    changed[5] ^= 1
    assert joined(sparse.expand(sparse.parse(joined(sparse.restore(bones, changed))))) == changed


@pytest.mark.parametrize(
    ("at", "chunk", "piece"),
    [(8192, 0x34, 0x2000), (12000, 0x34, 0x2000), (5 * 4096 - 1, 0x44, 0x4000)],
)
def test_an_image_whose_other_chunks_changed_is_not_restored(at: int, chunk: int, piece: int) -> None:
    image = sparse.parse(SPARSE)
    bones = joined(sparse.skeleton(image, SPARSE))
    raw = bytearray(joined(sparse.expand(image)))
    raw[at] ^= 1
    problem = f"chunk at offset {chunk:#x}: the expanded image differs from it at {piece:#x}"
    with pytest.raises(InputError, match=problem):
        sparse.restore(bones, raw)
    with pytest.raises(InputError, match="blocks at offset 0x10: 20480 bytes, not 20479"):
        sparse.restore(bones, raw[:-1])


@given(st.binary(max_size=100), st.sampled_from([4, 8, 16]))
def test_any_bytes_expand_to_themselves(raw: bytes, block: int) -> None:
    padded = raw.ljust(max(block, -(-len(raw) // block) * block), b"\0")
    assert joined(sparse.expand(sparse.parse(joined(sparse.build(padded, block))))) == padded
