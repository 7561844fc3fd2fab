"""What is no kernel is refused, and what is damaged or endless is given up."""

import tracemalloc
from contextlib import suppress

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import (
    arm64_image,
    board,
    kernel_with_banner,
    kernel_with_config,
    pack,
    words,
    zboot,
    zimage,
)
from packed_kernels import CONFIG, HOW, OPTIONS, RELEASE, mkimage, packed_by

from hardboot.base.errors import InputError
from hardboot.formats.kernels import kernelscan, uimage
from hardboot.formats.kernels.kernel import identify


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty file"),
        (b"ANDROID!" + bytes(100), "Android boot image"),
        (packed_by("gzip", b"no kernel" * 100), "this is gzip data without a kernel in it"),
        (packed_by("gzip", arm64_image(kernel_with_banner(RELEASE)))[:5000], "truncated"),
        (b"\x89LZO\0\r\n\x1a\n" + bytes(100), "lzop"),
        (b"MZ\0\0zimg" + words(0x1000, 100) + bytes(100), "payload at offset 0x8"),
        (zboot(b"\x89LZO\0\r\n\x1a\n" + bytes(100)), "hardboot does not read lzop"),
        (zboot(b"not compressed at all"), "compressed data: magic at offset 0x0: this is a text file"),
    ],
    ids=["nothing", "boot image", "text", "cut", "lzop", "zboot", "lzop in zboot", "text in zboot"],
)
def test_what_is_no_kernel_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        identify(data)


def test_without_asking_for_the_configuration_a_kernel_is_read_up_to_its_banner() -> None:
    content = kernel_with_config(RELEASE, CONFIG)
    damaged = bytearray(zimage(payload=pack(content, "gzip")))
    damaged[-100:-40] = bytes(60)
    kernel = identify(bytes(damaged), config=False)
    assert (kernel.release, kernel.config) == (RELEASE, None)


@HOW
def test_the_payload_is_as_long_as_the_zimage_states(how: str) -> None:
    packed = pack(kernel_with_banner(RELEASE, 900_000), how)
    payload = identify(zimage(payload=packed), config=False).payload
    assert payload is not None
    assert (payload.size, payload.unpacked_size) == (len(packed) - (0 if how == "gzip" else 4), 900_000)


@pytest.mark.parametrize("size", [1, 7, 64, 4096])
def test_a_configuration_over_many_pieces_is_found(size: int) -> None:
    content = b"IKCFG_ST" + kernel_with_config(RELEASE, CONFIG, 100_000)
    scan = kernelscan.KernelScan()
    for start in range(0, len(content), size):
        scan.feed(content[start : start + size])
    assert scan.config is not None
    assert OPTIONS.items() <= scan.config.items()
    assert scan.head == content[:64]
    assert scan.done


def test_a_damaged_or_endless_configuration_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    content = kernel_with_config(RELEASE, CONFIG)
    broken = bytearray(content)
    at = content.index(b"IKCFG_ST") + 100
    broken[at : at + 50] = bytes(50)
    assert identify(arm64_image(bytes(broken))).config is None
    monkeypatch.setattr(kernelscan, "MAX_CONFIG", 1000)
    assert identify(arm64_image(content)).config is None


def test_a_configuration_that_unpacks_to_much_costs_little() -> None:
    bomb = b"IKCFG_ST" + packed_by("gzip -n9", bytes(24 << 20))
    scan = kernelscan.KernelScan()
    tracemalloc.start()
    try:
        for start in range(0, len(bomb), 1000):
            scan.feed(bomb[start : start + 1000])
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert scan.config is None
    assert peak < 12 << 20


def test_a_configuration_that_does_not_end_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    content = kernel_with_config(RELEASE, CONFIG)

    def config_of(limit: int) -> dict[str, str] | None:
        monkeypatch.setattr(kernelscan, "_MAX_CONFIG_STREAM", limit)
        scan = kernelscan.KernelScan()
        for start in range(0, len(content), 100):
            scan.feed(content[start : start + 100])
        return scan.config

    assert config_of(1 << 20) is not None
    assert config_of(1000) is None


def test_all_parts_of_a_uimage_are_found() -> None:
    parts = (b"kernel", b"a ramdisk", b"tree")
    found = uimage.parse(mkimage(*parts, kind="multi") + b"behind")
    assert tuple(map(bytes, found.parts)) == parts
    assert (found.name, found.type, found.compression) == ("a name", uimage.TYPE_MULTI, "none")
    assert (found.load_addr, found.entry_addr, bytes(found.trailing)) == (0x80008000, 0x80008000, b"behind")


@settings(max_examples=150)
@given(
    st.binary(max_size=200),
    st.integers(0, 3000),
    st.sampled_from(["zImage", "Image", "Image.gz", "zboot", "uImage", "lz4", "zstd"]),
)
def test_damage_ends_in_a_kernel_or_a_refusal(noise: bytes, at: int, kind: str) -> None:
    data = bytearray(_damaged_of(kind))
    data[at : at + len(noise)] = noise
    with suppress(InputError):
        kernel = identify(bytes(data))
        assert 0 < kernel.size <= len(data)
        assert kernel.size + sum(map(len, kernel.dtbs)) + len(kernel.padding) <= len(data)


_KINDS: dict[str, bytes] = {}


def _damaged_of(kind: str) -> bytes:
    if not _KINDS:
        content = arm64_image(kernel_with_config(RELEASE, "CONFIG_ARM=y\n" * 20, 4000))
        tree = board("a")
        _KINDS.update(
            {
                "zImage": zimage(payload=pack(content, "xz")) + tree,
                "Image": content + tree,
                "Image.gz": packed_by("gzip -n9", content) + tree,
                "zboot": zboot(packed_by("gzip -n9", content)),
                "uImage": mkimage(zimage(payload=pack(content, "gzip"))) + tree,
                "lz4": packed_by("lz4 -l", content) + tree,
                "zstd": packed_by("zstd", content) + tree,
            }
        )
    return _KINDS[kind]


@settings(max_examples=100)
@given(st.binary(max_size=300), st.sampled_from([b"", b"MZ\0\0zimg", b"\x27\x05\x19\x56", b"\x1f\x8b\x08\0"]))
def test_any_bytes_are_a_kernel_or_refused(data: bytes, magic: bytes) -> None:
    with suppress(InputError):
        identify(magic + data)
