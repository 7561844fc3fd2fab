"""Kernels of all kinds say what they are; any bytes are a kernel or refused."""

from dataclasses import asdict

import pytest
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
from packed_kernels import CONFIG, RELEASE, is_right, packed_by, trees

from hardboot.formats.kernels import kernel as format_
from hardboot.formats.kernels import zimage_payload
from hardboot.formats.kernels.kernel import identify

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


def test_an_arm64_kernel_with_text_offset_0_is_one() -> None:
    for content in (arm64_image(kernel_with_banner(RELEASE), text=0), arm64_image(bytes(64), text=0, bss=0)):
        kernel = identify(content)
        assert kernel.kind == "arm64 Image"
        assert kernel.arm64 is not None
        assert (kernel.arm64.text_offset, kernel.arm64.image_size) == (0, kernel.memory_size)


@TOOLS
def test_a_packed_arm64_kernel_says_what_it_is(command: str, kind: str) -> None:
    content = arm64_image(kernel_with_config(RELEASE, CONFIG))
    packed = packed_by(command, content)
    kernel = identify(packed)
    assert is_right(kernel)
    assert kernel.kind == "arm64 Image"
    assert kernel.payload is not None
    assert asdict(kernel.payload) == {
        "compression": kind,
        "offset": 0,
        "size": len(packed),
        "unpacked_size": len(content),
    }
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
    for module in (format_, zimage_payload):
        monkeypatch.setattr(module, "MAX_CANDIDATES", 11)
    assert trees(identify(bytes(content) + board("a"))) == [board("a")]
    assert identify(real).release == RELEASE
    for module in (format_, zimage_payload):
        monkeypatch.setattr(module, "MAX_CANDIDATES", 10)
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
