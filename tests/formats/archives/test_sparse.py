"""Android sparse images: read as img2simg writes them, and damaged."""

import re
import struct
import subprocess
from pathlib import Path

import container_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.formats.archives import sparse


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
        (SPARSE[:-1], "chunk size at offset"),
    ],
)
def test_a_damaged_sparse_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        sparse.parse(data)
