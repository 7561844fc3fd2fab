"""Compressed streams against Debian's gzip, xz, bzip2, lz4 and zstd, and any bytes."""

import struct
import subprocess
import sys
import tracemalloc
from contextlib import nullcontext, suppress
from functools import lru_cache
from typing import get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import kernel_with_banner, words

from hardboot.base.errors import InputError
from hardboot.formats.archives import compression, lz4legacy
from hardboot.formats.archives.compression import Compression, Decompressor

CONTENT = kernel_with_banner("1.2.3")
TOOLS: dict[Compression, str] = {
    "gzip": "gzip -9",
    "xz": "xz --check=crc32",
    "lzma": "xz --format=lzma",
    "bzip2": "bzip2",
    "lz4": "lz4 -9",
    "lz4-legacy": "lz4 -l",
    "zstd": "zstd -19",
}
COMPRESSIONS: tuple[Compression, ...] = get_args(Compression)
ALL = pytest.mark.parametrize("kind", COMPRESSIONS)
WITH_TOOL = pytest.mark.parametrize("kind", TOOLS)


@lru_cache(maxsize=32)
def by_tool(command: str, content: bytes) -> bytes:
    return subprocess.run(
        [*command.split(), "-c"], input=content, capture_output=True, check=True, timeout=60
    ).stdout


@lru_cache(maxsize=32)
def packed(kind: Compression, content: bytes = CONTENT) -> bytes:
    return b"".join(compression.compress(kind, [content[:10], content[10:]]))


@ALL
@pytest.mark.parametrize("content", [CONTENT, b"x", bytes(9 << 20)], ids=["kernel", "one byte", "9 MiB"])
def test_what_was_packed_is_unpacked(kind: Compression, content: bytes) -> None:
    data = packed(kind, content)
    assert compression.detect(data) == kind
    assert compression.decompress(data) == content
    if kind != "lz4-lg" or len(content) > 1:  # LG's size of 1 and a zero may be a block as well
        assert compression.decompress(data + bytes(100)) == content


@WITH_TOOL
def test_debians_tool_reads_what_was_packed(kind: Compression) -> None:
    command = TOOLS[kind].split()[0] + (" -d --format=lzma" if kind == "lzma" else " -d")
    assert by_tool(command, packed(kind)) == CONTENT


@WITH_TOOL
def test_what_debians_tool_packed_is_unpacked(kind: Compression) -> None:
    data = by_tool(TOOLS[kind], CONTENT)
    assert compression.detect(data) == kind
    assert compression.decompress(data) == CONTENT


@WITH_TOOL
@pytest.mark.parametrize(
    "behind", [b"\xd0\x0d\xfe\xed tree", bytes(3), b"\xff" * 2000], ids=["tree", "zeros", "ff"]
)
def test_the_end_of_a_stream_is_known(kind: Compression, behind: bytes) -> None:
    for content in (CONTENT, CONTENT * (40 if kind == "lz4-legacy" else 4)):
        data = by_tool(TOOLS[kind], content)
        stream = Decompressor(kind, data + behind)
        assert b"".join(stream) == content
        assert (stream.end, stream.size) == (len(data), len(content))


@pytest.mark.parametrize("behind", [0, 200 << 10])
def test_what_was_read_of_the_data_is_counted(behind: int) -> None:
    data = packed("gzip") + bytes(behind)
    stream = Decompressor("gzip", data)
    list(stream)
    assert stream.fed == min(len(data), -(-(len(data) - behind) // (64 << 10)) * (64 << 10))


@ALL
def test_packing_gives_the_same_bytes_again(kind: Compression) -> None:
    assert b"".join(compression.compress(kind, [CONTENT])) == packed(kind)


def test_xz_is_written_with_the_check_linux_knows() -> None:
    listing = packed("xz")
    assert listing[:8] == b"\xfd7zXZ\0\0\x01"  # the last byte is the check: 1 is CRC32


def test_lgs_size_is_checked() -> None:
    data = packed("lz4-lg")
    assert data[-4:] == words(len(CONTENT))
    assert b"".join(lz4legacy.compress([CONTENT])) == data[:-4]
    wrong = data[:-4] + words(len(CONTENT) + 1)
    assert compression.detect(wrong) == "lz4-lg"
    with pytest.raises(InputError, match=f"unpacked size at offset {len(data) - 4:#x}"):
        compression.decompress(wrong)


def test_lz4_streams_of_several_blocks_are_whole_blocks_but_the_last() -> None:
    content = bytes(20 << 20)
    data = packed("lz4-legacy", content)
    assert len(list(lz4legacy.blocks(data))) == 3
    assert compression.decompress(data) == content


@pytest.mark.parametrize(("size", "fits"), [(8_421_520, True), (8_421_521, False)])
def test_a_block_of_more_than_lz4_compresses_8_mib_to_is_none(size: int, fits: bool) -> None:
    data = lz4legacy.MAGIC + words(size) + bytes(size)
    assert list(lz4legacy.blocks(data)) == ([(8, size)] if fits else [])


def test_a_second_lz4_stream_behind_the_first_is_not_part_of_it() -> None:
    first, second = packed("lz4-legacy"), packed("lz4-legacy", b"other")
    stream = Decompressor("lz4-legacy", first + second)
    assert b"".join(stream) == CONTENT
    assert stream.end == len(first)


def test_what_looks_like_a_block_behind_the_last_one_is_not_part_of_the_stream() -> None:
    data = packed("lz4-legacy")
    stream = Decompressor("lz4-legacy", data + words(6) + b"\x50hello" + bytes(100))
    assert b"".join(stream) == CONTENT
    assert stream.end == len(data)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "--no-check",
        "--ultra -22 --zstd=chainLog=12,hashLog=12",  # its window, without its large tables
        "--long=27 --no-check",
        "-1 --no-content-size",
    ],
)
@pytest.mark.parametrize("size", [0, 1, 200, 70_000, 3_000_000])
def test_zstd_frames_of_every_form_end_where_they_end(options: str, size: int) -> None:
    content = (CONTENT * 11)[:size]
    data = by_tool(f"zstd {options}", content)
    stream = Decompressor("zstd", data + data)
    assert b"".join(stream) == content
    assert stream.end == len(data)


@ALL
@pytest.mark.parametrize("part", [0.3, 0.9, 0.999])
def test_a_cut_stream_is_refused(kind: Compression, part: float) -> None:
    data = packed(kind)
    with pytest.raises(InputError, match=r"offset 0x|follow it"):
        list(Decompressor(kind, data[: int(len(data) * part)]))


@pytest.mark.parametrize("kind", [kind for kind in COMPRESSIONS if not kind.startswith("lz4-")])
def test_a_damaged_stream_is_refused(kind: Compression) -> None:  # lz4 legacy has no checksum
    data = bytearray(packed(kind))
    data[30:60] = bytes(b ^ 0xFF for b in data[30:60])
    with pytest.raises(InputError) as caught:
        list(Decompressor(kind, data))
    assert "offset 0x" in caught.value.what


@ALL
def test_the_limit_is_kept(kind: Compression) -> None:
    data = packed(kind, bytes(1000))
    assert compression.decompress(data, limit=1000) == bytes(1000)
    with pytest.raises(InputError, match="more than 999 bytes, the limit"):
        compression.decompress(data, limit=999)


@ALL
def test_little_data_that_unpacks_to_much_comes_in_small_pieces(kind: Compression) -> None:
    data = packed(kind, bytes(24 << 20))
    tracemalloc.start()
    try:
        largest = max(len(piece) for piece in Decompressor(kind, data))
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert largest <= 1 << 20
    assert peak < 19 << 20


def rle_frame(blocks: int, size: int) -> bytes:
    """Return a zstd frame of blocks that each repeat one byte `size` times: 4 bytes become up to 128 KiB."""
    head = (1 << 1 | size << 3).to_bytes(3, "little") + b"A"
    return compression.ZSTD_MAGIC + b"\0\x38" + head * blocks + b"\x01\0\0"


def test_64_kib_of_zstd_that_decompress_to_gigabytes_come_in_small_pieces() -> None:
    data = rle_frame(16_000, 128 << 10)
    assert len(data) < 65_000
    stream = Decompressor("zstd", data, limit=3 << 30)
    assert max(map(len, stream)) == 256 << 10
    assert (stream.size, stream.end) == (16_000 * (128 << 10), len(data))
    with pytest.raises(InputError, match="more than 1048576 bytes, the limit"):
        compression.decompress(data, limit=1 << 20)


def test_a_zstd_frame_of_many_empty_blocks_is_read_to_its_end() -> None:
    data = rle_frame(0, 0)[:-3] + b"\0\0\0" * 300_000 + b"\x01\0\0"
    stream = Decompressor("zstd", data + b"more")
    assert (b"".join(stream), stream.end) == (b"", len(data))


@pytest.mark.parametrize(("window_log", "fits"), [(27, True), (28, False)])
def test_a_zstd_window_of_more_than_128_mib_is_refused(window_log: int, fits: bool) -> None:
    data = compression.ZSTD_MAGIC + bytes((0, window_log - 10 << 3)) + b"\x01\0\0"
    with nullcontext() if fits else pytest.raises(InputError, match="too much memory"):
        assert compression.decompress(data) == b""


@pytest.mark.parametrize("command", ["xz --lzma2=dict={}MiB", "xz --format=lzma --lzma1=dict={}MiB"])
@pytest.mark.parametrize(("size", "fits"), [(128, True), (512, True), (1024, False)])
def test_dictionaries_of_up_to_512_mib_are_used(command: str, size: int, fits: bool) -> None:
    data = by_tool(command.format(size), CONTENT)
    kind: Compression = "xz" if data.startswith(b"\xfd7zXZ") else "lzma"
    assert compression.detect(data) == (kind if fits or kind == "xz" else None)
    with nullcontext() if fits else pytest.raises(InputError, match=r"[Mm]emory"):
        assert b"".join(Decompressor(kind, data)) == CONTENT


def test_a_large_dictionary_takes_no_more_memory_than_what_is_unpacked() -> None:
    data = b"\x5d" + struct.pack("<IQ", 512 << 20, 100) + bytes(100)
    program = """
import sys
from contextlib import suppress
from hardboot.base.errors import InputError
from hardboot.formats.archives.compression import Decompressor
with suppress(InputError):
    list(Decompressor("lzma", bytes.fromhex(sys.argv[1])))
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""
    command = [sys.executable, "-c", program, data.hex()]
    assert int(subprocess.run(command, capture_output=True, check=True, timeout=60).stdout) < 100_000  # KiB


def test_a_window_larger_than_the_limit_is_refused() -> None:
    huge = by_tool("zstd -1 --long=31 --no-content-size", CONTENT)
    with pytest.raises(InputError, match="zstd data"):
        list(Decompressor("zstd", huge))


def test_what_is_not_compressed_is_refused_and_lzop_by_its_name() -> None:
    with pytest.raises(InputError, match="cpio archive"):
        compression.decompress(b"070701" + bytes(100))
    lzop = b"\x89LZO\0\r\n\x1a\n" + bytes(100)
    assert compression.detect(lzop) == "lzop"
    with pytest.raises(InputError, match="lzop") as caught:
        compression.decompress(lzop)
    assert "lzop -d" in caught.value.fix


def test_data_behind_the_stream_is_refused() -> None:
    with pytest.raises(InputError, match="5 bytes follow it"):
        compression.decompress(packed("gzip") + b"\0more")


@pytest.mark.parametrize(
    "head",
    [
        b"\x5d\0\0\x01\0" + bytes(8),
        b"\x5d\0\0\0\x04" + b"\xff" * 8,
        b"\x5d\0\0\x80\0" + b"\xff" * 8,
    ],
)
def test_lzma_is_known_by_its_whole_header(head: bytes) -> None:
    assert compression.detect(head) == "lzma"
    assert compression.detect(head[:12]) is None
    assert compression.detect(b"\x5d\0\0\x03\x01" + head[5:]) is None
    assert compression.detect(head[:5] + b"\0\0\0\0\0\0\0\x01") is None


@settings(max_examples=300)
@given(st.sampled_from(COMPRESSIONS), st.binary(max_size=100), st.integers(0, 400), st.integers(0, 5000))
def test_damage_is_refused_or_unpacked_within_the_limit(
    kind: Compression, noise: bytes, at: int, cut: int
) -> None:
    data = bytearray(packed(kind, CONTENT[:3000]))
    data[at : at + len(noise)] = noise
    del data[len(data) - cut % len(data) :]
    stream = Decompressor(kind, data, limit=10_000)
    with suppress(InputError):
        list(stream)
    assert stream.size <= 10_000 + (1 << 20)
    assert stream.end is None or 0 < stream.end <= len(data)


HEADS = {kind: packed(kind, b"x")[:8] for kind in COMPRESSIONS}


@settings(max_examples=200)
@given(st.sampled_from(COMPRESSIONS), st.binary(max_size=300))
def test_any_bytes_are_refused_or_unpacked(kind: Compression, data: bytes) -> None:
    magics = {"zstd": compression.ZSTD_MAGIC, "lz4-legacy": lz4legacy.MAGIC, "lz4-lg": lz4legacy.MAGIC}
    with suppress(InputError):
        list(Decompressor(kind, magics.get(kind, HEADS[kind]) + data, limit=1 << 20))
