"""The release of a kernel is found in whatever packs it, within bounds."""

import lzma
import random
import subprocess
import sys
import zlib
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import (
    arm64_image,
    kernel_with_banner,
    pack,
    words,
    zimage,
)
from packed_kernels import HOW, RELEASE, packed_by

from hardboot.formats.archives import decoders
from hardboot.formats.kernels import zimage_payload
from hardboot.formats.kernels.kernel import identify


def release_of(payload: bytes, *, tags: bytes | None = None) -> str | None:
    return identify(zimage(payload=payload, tags=tags), config=False).release


@HOW
def test_the_release_of_a_packed_kernel_is_found(how: str) -> None:
    assert release_of(pack(kernel_with_banner(RELEASE), how)) == RELEASE


@HOW
def test_code_that_looks_like_a_packed_kernel_is_passed_over(how: str) -> None:
    false = b"\x1f\x8b\x08\0junk\xfd7zXZ\0junk\x5d\0\0\0\x04" + b"\xff" * 8 + b"junk"
    other = zlib.compressobj(wbits=31)
    config = other.compress(b"CONFIG_ARM=y\n" * 99) + other.flush()
    assert release_of(false + config + pack(kernel_with_banner(RELEASE), how)) == RELEASE


@HOW
def test_a_banner_across_pieces_is_found(how: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoders, "OUTPUT", 16)
    kernel = kernel_with_banner(RELEASE, size=3000, at=1000)
    assert release_of(pack(kernel, how)) == RELEASE


def test_without_a_table_the_release_is_found_too() -> None:
    assert release_of(pack(kernel_with_banner(RELEASE), "xz"), tags=b"") == RELEASE


@pytest.mark.parametrize(
    "payload",
    [
        b"\x89LZO" + bytes(100),
        pack(bytes(1000), "gzip"),
        pack(b"Linux version %s (%s)\n" * 100, "xz"),
        pack(kernel_with_banner(RELEASE), "xz")[:5000],
        pack(kernel_with_banner(RELEASE), "gzip")[:5000],
    ],
    ids=["lzo", "no banner", "format string", "cut xz", "cut gzip"],
)
def test_a_kernel_that_cannot_be_read_has_no_release(payload: bytes) -> None:
    assert release_of(payload) is None


@HOW
def test_a_stream_that_unpacks_to_more_than_stated_is_not_the_kernel(how: str) -> None:
    kernel = kernel_with_banner(RELEASE, at=200_000)
    payload = pack(kernel, how)[:-4]
    assert release_of(payload + words(len(kernel))) == RELEASE
    assert release_of(payload + words(150_000)) is None
    large = pack(kernel_with_banner(RELEASE, 900_000, at=50_000), how)[:-4] + words(600_000)
    assert identify(zimage(payload=large)).release is None  # it goes on behind the banner


def test_what_unpacks_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = pack(bytes(9 << 20) + kernel_with_banner(RELEASE), "xz")
    assert release_of(bomb) == RELEASE
    monkeypatch.setattr(zimage_payload, "MAX_UNPACKED", 8 << 20)
    assert release_of(bomb) is None


def test_what_false_streams_unpack_to_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    false = pack(bytes(3 << 20), "gzip")
    data = false * 2 + pack(kernel_with_banner(RELEASE), "xz")
    assert release_of(data, tags=b"") == RELEASE
    monkeypatch.setattr(zimage_payload, "MAX_UNPACKED", 6 << 20)
    assert release_of(data, tags=b"") is None


def test_without_a_banner_the_longest_whole_stream_is_the_payload() -> None:
    streams = [pack(bytes(size), "gzip") for size in (1000, 5000, 2000)]
    payload = identify(zimage(payload=b"".join(streams), tags=b"")).payload
    assert payload is not None
    assert (payload.size, payload.unpacked_size) == (len(streams[1]), 5000)
    cut = pack(kernel_with_banner(RELEASE, at=290_000), "gzip")[:1000]
    assert identify(zimage(payload=cut, tags=b"")).payload is None


def test_a_dictionary_larger_than_the_limit_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 32 << 20}]
    packed = lzma.compress(kernel_with_banner(RELEASE), lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)
    monkeypatch.setattr(decoders, "MAX_DICTIONARY", 16 << 20)
    assert release_of(packed + words(1 << 30)) is None


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "xz", "lzma"]), st.integers(0, 400))
def test_damage_ends_in_a_release_or_none(noise: bytes, how: str, at: int) -> None:
    payload = bytearray(pack(kernel_with_banner(RELEASE, size=2000, at=500), how))
    payload[at : at + len(noise)] = noise
    found = release_of(bytes(payload) + words(2000))
    assert found is None or found.isascii()


MEASURE = """
import resource, sys
from pathlib import Path
from hardboot.base.mapping import map_file
from hardboot.formats.kernels.kernel import identify

before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
kernel = identify(map_file(Path(sys.argv[1])))
print(kernel.release, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.parametrize("command", ["", "zstd -1"], ids=["unpacked", "zstd"])
def test_of_a_large_kernel_in_a_file_little_is_in_memory_at_a_time(command: str, tmp_path: Path) -> None:
    kernel = kernel_with_banner(RELEASE, at=200_000)
    content = arm64_image(random.Random(1).randbytes(40 << 20) + kernel)
    path = tmp_path / "kernel"
    path.write_bytes(packed_by(command, content) if command else content)
    measured = subprocess.run(
        [sys.executable, "-c", MEASURE, path], capture_output=True, check=True, timeout=60, text=True
    )
    release, grown = measured.stdout.split()
    assert release == RELEASE
    assert int(grown) < 10 << 10  # KiB
