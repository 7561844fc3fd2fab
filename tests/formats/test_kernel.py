"""Kernels of every kind, packed here as Linux's build does it, or by Debian's own tools."""

import lzma
import random
import subprocess
import sys
import tempfile
import tracemalloc
import zlib
from contextlib import suppress
from functools import lru_cache
from pathlib import Path

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

from hardboot.errors import InputError
from hardboot.formats import compression, kernelscan, uimage
from hardboot.formats import kernel as format_
from hardboot.formats.kernel import Kernel, identify

HOW = pytest.mark.parametrize("how", ["gzip", "xz", "lzma"])
RELEASE = "6.1.0-50-armmp+x_y"


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
    monkeypatch.setattr(compression, "_OUTPUT", 16)
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
    monkeypatch.setattr(format_, "MAX_UNPACKED", 8 << 20)
    assert release_of(bomb) is None


def test_what_false_streams_unpack_to_is_added_up(monkeypatch: pytest.MonkeyPatch) -> None:
    false = pack(bytes(3 << 20), "gzip")
    data = false * 2 + pack(kernel_with_banner(RELEASE), "xz")
    assert release_of(data, tags=b"") == RELEASE
    monkeypatch.setattr(format_, "MAX_UNPACKED", 6 << 20)
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
    monkeypatch.setattr(compression, "MAX_DICTIONARY", 16 << 20)
    assert release_of(packed + words(1 << 30)) is None


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300), st.sampled_from(["gzip", "xz", "lzma"]), st.integers(0, 400))
def test_damage_ends_in_a_release_or_none(noise: bytes, how: str, at: int) -> None:
    payload = bytearray(pack(kernel_with_banner(RELEASE, size=2000, at=500), how))
    payload[at : at + len(noise)] = noise
    found = release_of(bytes(payload) + words(2000))
    assert found is None or found.isascii()


MEASURE = """
import resource, sys
from pathlib import Path
from hardboot.files import map_file
from hardboot.formats.kernel import identify

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


CONFIG = """# Automatically generated file; DO NOT EDIT.
CONFIG_ARM=y
CONFIG_KEXEC=y
# CONFIG_KEXEC_HARDBOOT is not set
CONFIG_LOCALVERSION="-x=1"
CONFIG_HZ=100
CONFIG_MODULE=m
""" + "".join(f"CONFIG_FILLER_{index * 2654435761 % 2**32:x}=y\n" for index in range(3000))
OPTIONS = {
    "CONFIG_ARM": "y",
    "CONFIG_KEXEC": "y",
    "CONFIG_KEXEC_HARDBOOT": "n",
    "CONFIG_LOCALVERSION": '"-x=1"',
    "CONFIG_HZ": "100",
    "CONFIG_MODULE": "m",
}
TOOLS = pytest.mark.parametrize(
    ("command", "kind"),
    [
        ("gzip -n9", "gzip"),
        ("xz --check=crc32", "xz"),
        ("xz --format=lzma", "lzma"),
        ("bzip2 -9", "bzip2"),
        ("zstd -19", "zstd"),
        ("lz4 -l -9", "lz4-legacy"),
        ("lz4 -9", "lz4"),
    ],
    ids=lambda value: value if " " not in value else None,
)


@lru_cache(maxsize=16)
def packed_by(command: str, content: bytes) -> bytes:
    words = [*command.split(), "-c"]
    return subprocess.run(words, input=content, capture_output=True, check=True, timeout=60).stdout


def trees(kernel: Kernel) -> list[bytes]:
    return [bytes(tree) for tree in kernel.dtbs]


def is_right(kernel: Kernel) -> bool:
    config = kernel.config or {}
    return kernel.release == RELEASE and OPTIONS.items() <= config.items() and len(config) == 3006


def test_an_unpacked_arm64_kernel_says_what_it_is() -> None:
    content = arm64_image(kernel_with_config(RELEASE, CONFIG))
    kernel = identify(content)
    assert is_right(kernel)
    assert kernel.version == f"Linux version {RELEASE} (who@where) (gcc 12) #1 SMP"
    assert (kernel.kind, kernel.payload, kernel.wrappers) == ("arm64 Image", None, ())
    assert (kernel.size, kernel.unpacked_size) == (len(content), len(content))
    assert kernel.memory_size == len(content) + 0x10000
    assert kernel.arm64 is not None
    assert (kernel.arm64.text_offset, kernel.arm64.page_size) == (0x80000, "4K")
    assert (kernel.arm64.anywhere, kernel.arm64.big_endian, kernel.arm64.efi) == (True, False, True)
    assert kernel.dtbs == ()


@TOOLS
def test_a_packed_arm64_kernel_says_what_it_is(command: str, kind: str) -> None:
    content = arm64_image(kernel_with_config(RELEASE, CONFIG))
    packed = packed_by(command, content)
    kernel = identify(packed)
    assert is_right(kernel)
    assert kernel.kind == "arm64 Image"
    assert kernel.payload == format_.Payload(kind, 0, len(packed), len(content))  # type: ignore[arg-type]
    assert (kernel.size, kernel.unpacked_size) == (len(packed), len(content))
    assert kernel.memory_size == len(content) + 0x10000


@TOOLS
@pytest.mark.parametrize("with_size", [False, True], ids=["plain", "size word"])
def test_device_trees_begin_where_the_packed_kernel_ends(command: str, kind: str, with_size: bool) -> None:
    content = arm64_image(kernel_with_banner(RELEASE, 20_000, 5000))
    packed = packed_by(command, content) + (words(len(content)) if with_size else b"")
    first, second = board("first"), board("second")
    kernel = identify(packed + first + bytes(12) + second + bytes(100))
    assert trees(kernel) == [first, second]
    assert (kernel.size, bytes(kernel.padding)) == (len(packed), bytes(100))
    assert kernel.release == RELEASE


def test_device_trees_behind_an_unpacked_kernel_are_found_by_structure() -> None:
    first, second = board("first"), board("second")
    kernel = bytearray(arm64_image(kernel_with_banner(RELEASE)))
    kernel[200_000 : 200_000 + len(first)] = first  # built in, as some kernels have one
    kernel[250_000:250_004] = b"\xd0\x0d\xfe\xed"
    found = identify(bytes(kernel) + first + second + bytes(3000))
    assert trees(found) == [first, second]
    assert (found.size, bytes(found.padding)) == (len(kernel), bytes(3000))
    assert identify(bytes(kernel)).dtbs == ()


@pytest.mark.parametrize("kind", ["zImage", "Image"])
@pytest.mark.parametrize("how", ["xz", "lzma"])
def test_of_what_the_decoder_keeps_only_so_much_is_looked_at(how: str, kind: str) -> None:
    tree, content = board("behind"), kernel_with_banner(RELEASE, 700_000, 650_000)
    packed = pack(content if kind == "zImage" else arm64_image(content), how)
    data = (zimage(payload=packed) if kind == "zImage" else packed) + tree
    cut = identify(data, look=100_000)
    assert (cut.release, cut.config, trees(cut)) == (None, None, [tree])
    assert cut.looked_size is not None
    assert 100_000 <= cut.looked_size <= 400_000
    whole = identify(data, look=800_000)
    assert (whole.release, whole.looked_size, trees(whole)) == (RELEASE, None, [tree])
    assert cut.size == whole.size
    assert identify(pack(content, "gzip"), look=1).looked_size is None  # whose decoder keeps 32 KiB


@pytest.mark.parametrize("at", [-3, -1, 0, 5])
def test_device_trees_at_the_edge_of_what_is_read_at_once_are_found(
    at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = board("edge")
    monkeypatch.setattr(format_, "PIECE", 4096)
    kernel = arm64_image(kernel_with_banner(RELEASE, 8192 + at, 1000))
    assert trees(identify(kernel + tree)) == [tree]


@pytest.mark.parametrize("how", ["gzip", "xz", "lzma"])
def test_a_zimage_tells_its_configuration_and_sizes(how: str) -> None:
    content = kernel_with_config(RELEASE, CONFIG)
    data = zimage(payload=pack(content, how)) + board("a")
    kernel = identify(data)
    assert is_right(kernel)
    assert kernel.kind == "zImage"
    assert kernel.payload is not None
    assert kernel.payload.compression == how
    assert kernel.unpacked_size == len(content)
    assert kernel.memory_size == len(content) + 0x3C000
    assert trees(kernel) == [board("a")]


def test_the_size_of_a_zimage_that_does_not_state_it_is_found() -> None:
    content = kernel_with_config(RELEASE, CONFIG)
    packed = pack(content, "xz")
    kernel = identify(zimage(payload=packed, tags=b""))
    assert kernel.payload is not None
    assert (kernel.payload.size, kernel.payload.unpacked_size) == (len(packed) - 4, len(content))
    assert kernel.unpacked_size == len(content)
    assert kernel.memory_size is None


def test_a_kernel_full_of_false_magics_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    content = bytearray(arm64_image(kernel_with_banner(RELEASE)))
    content[1000:1040] = b"\xd0\x0d\xfe\xed" * 10
    false = b"\x1f\x8b\x08\0" * 10
    real = zimage(payload=false + pack(kernel_with_banner(RELEASE), "gzip"))
    assert trees(identify(bytes(content) + board("a"))) == [board("a")]
    assert identify(real).release == RELEASE
    monkeypatch.setattr(format_, "_MAX_CANDIDATES", 10)
    assert identify(bytes(content) + board("a")).dtbs == ()
    assert identify(real).release is None


@TOOLS
def test_a_zimage_packed_by_any_tool_is_read(command: str, kind: str) -> None:
    content = kernel_with_banner(RELEASE)
    kernel = identify(zimage(payload=packed_by(command, content) + words(len(content))))
    if kind == "lz4":  # Linux packs its kernels with legacy lz4
        assert kernel.payload is None
        return
    assert kernel.release == RELEASE
    assert kernel.payload is not None
    assert kernel.payload.compression == kind


def test_an_lzo_zimage_is_named() -> None:
    kernel = identify(zimage(payload=b"\x89LZO\0\r\n\x1a\n" + bytes(100)))
    assert kernel.payload is not None
    assert kernel.payload.compression == "lzop"
    assert kernel.release is None


@pytest.mark.parametrize(("command", "kind"), [("gzip -n9", "gzip"), ("zstd -19", "zstd")])
def test_an_efi_zboot_kernel_is_looked_into(command: str, kind: str) -> None:
    packed = packed_by(command, arm64_image(kernel_with_config(RELEASE, CONFIG)))
    outer = zboot(packed, kind)
    kernel = identify(outer + board("a"))
    assert is_right(kernel)
    assert (kernel.kind, kernel.wrappers) == ("arm64 Image", ("zboot",))
    assert kernel.payload is not None
    assert (kernel.payload.offset, kernel.payload.size) == (0x200, len(packed))
    assert trees(kernel) == [board("a")]
    assert kernel.size == len(outer)


def mkimage(*parts: bytes, kind: str = "kernel", compression: str = "none") -> bytes:
    """A uImage made by U-Boot's own tool."""
    with tempfile.TemporaryDirectory() as folder:
        paths = [Path(folder, str(index)) for index in range(len(parts))]
        for path, part in zip(paths, parts, strict=True):
            path.write_bytes(part)
        target = Path(folder, "uImage")
        subprocess.run(
            [
                *("mkimage", "-A", "arm", "-O", "linux", "-T", kind, "-C", compression, "-a", "80008000"),
                *("-e", "80008000", "-n", "a name", "-d", ":".join(map(str, paths)), target),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )
        return target.read_bytes()


@pytest.mark.parametrize("kind", ["kernel", "multi"])
def test_a_uimage_is_looked_into(kind: str) -> None:
    inner = zimage(payload=pack(kernel_with_config(RELEASE, CONFIG), "gzip"))
    data = mkimage(inner, *([b"ramdisk", b"tree"] if kind == "multi" else []), kind=kind)
    kernel = identify(data + board("a") + bytes(8))
    assert is_right(kernel)
    assert (kernel.kind, kernel.wrappers) == ("zImage", ("uImage",))
    assert (kernel.size, bytes(kernel.padding)) == (len(data), bytes(8))
    assert trees(kernel) == [board("a")]
    assert kernel.payload is not None
    assert data[kernel.payload.offset :].startswith(b"\x1f\x8b")


def test_a_uimage_with_a_packed_raw_kernel_is_read() -> None:
    content = kernel_with_config(RELEASE, CONFIG)
    kernel = identify(mkimage(packed_by("gzip -n9", content), compression="gzip"))
    assert is_right(kernel)
    assert (kernel.kind, kernel.unpacked_size) == ("Image", len(content))
    assert identify(mkimage(content)).release == RELEASE


def test_a_uimage_in_a_uimage_or_without_a_kernel_is_refused() -> None:
    inner = zimage()
    with pytest.raises(InputError, match="another U-Boot image"):
        identify(mkimage(mkimage(inner)))
    with pytest.raises(InputError, match="holds no kernel"):
        identify(mkimage(inner, kind="ramdisk"))
    damaged = bytearray(mkimage(inner))
    damaged[40] ^= 1
    with pytest.raises(InputError, match="header checksum at offset 0x4"):
        identify(bytes(damaged))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "empty file"),
        (b"ANDROID!" + bytes(100), "Android boot image"),
        (packed_by("gzip", b"no kernel" * 100), "no kernel"),
        (packed_by("gzip", arm64_image(kernel_with_banner(RELEASE)))[:5000], "cut off"),
        (b"\x89LZO\0\r\n\x1a\n" + bytes(100), "lzop"),
        (b"MZ\0\0zimg" + words(0x1000, 100) + bytes(100), "payload at offset 0x8"),
    ],
    ids=["nothing", "boot image", "text", "cut", "lzop", "zboot"],
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
    scan = kernelscan.Scan()
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
    scan = kernelscan.Scan()
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
        scan = kernelscan.Scan()
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


@settings(deadline=None, max_examples=150)
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


@settings(deadline=None, max_examples=100)
@given(st.binary(max_size=300), st.sampled_from([b"", b"MZ\0\0zimg", b"\x27\x05\x19\x56", b"\x1f\x8b\x08\0"]))
def test_any_bytes_are_a_kernel_or_refused(data: bytes, magic: bytes) -> None:
    with suppress(InputError):
        identify(magic + data)
