"""The release of a packed kernel, packed here as Linux's build does it."""

import lzma
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import kernel_with_banner, pack, words, zimage

from hardboot.formats import kernel as format_
from hardboot.formats import zimage as zimage_format
from hardboot.formats.kernel import kernel_release

HOW = pytest.mark.parametrize("how", ["gzip", "xz", "lzma"])
RELEASE = "6.1.0-50-armmp+x_y"


def release_of(payload: bytes, *, tags: bytes | None = None) -> str | None:
    return kernel_release(zimage_format.parse(zimage(payload=payload, tags=tags)))


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
    monkeypatch.setattr(format_, "_OUTPUT", 16)
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


def test_what_unpacks_without_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = pack(bytes(9 << 20) + kernel_with_banner(RELEASE), "xz")
    assert release_of(bomb) == RELEASE
    monkeypatch.setattr(format_, "MAX_UNPACKED", 8 << 20)
    assert release_of(bomb) is None


def test_a_dictionary_larger_than_the_limit_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 32 << 20}]
    packed = lzma.compress(kernel_with_banner(RELEASE), lzma.FORMAT_XZ, lzma.CHECK_CRC32, filters=filters)
    monkeypatch.setattr(format_, "MAX_DICTIONARY", 16 << 20)
    assert release_of(packed + words(1 << 30)) is None


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "xz", "lzma"]), st.integers(0, 400))
def test_damage_ends_in_a_release_or_none(noise: bytes, how: str, at: int) -> None:
    payload = bytearray(pack(kernel_with_banner(RELEASE, size=2000, at=500), how))
    payload[at : at + len(noise)] = noise
    found = release_of(bytes(payload) + words(2000))
    assert found is None or found.isascii()


@HOW
def test_little_data_that_unpacks_to_much_comes_in_small_pieces(how: str) -> None:
    packed = memoryview(pack(bytes(32 << 20), how))
    sizes = [len(piece) for piece in format_._unpacked(how, packed)]
    assert sum(sizes) == 32 << 20
    assert max(sizes) <= 1 << 20
