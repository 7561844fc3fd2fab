"""The headers of arm64, zboot and uImage kernels, written by hand, and what breaks them."""

import struct
import zlib

import pytest

from hardboot.base.errors import InputError
from hardboot.formats.kernels import arm64image, uimage, zboot
from hardboot.formats.kernels.arm64image import Arm64Image


def arm64(flags: int = 0, code: bytes = b"MZ\0\x91code", image_size: int = 0x1000000) -> bytes:
    return code + struct.pack("<QQQ24x4sI", 0x80000, image_size, flags, b"ARM\x64", 64)


@pytest.mark.parametrize(
    ("flags", "expected"),
    [
        (0b0000, Arm64Image(0x80000, 0x1000000, False, None, False, True)),
        (0b0001, Arm64Image(0x80000, 0x1000000, True, None, False, True)),
        (0b0010, Arm64Image(0x80000, 0x1000000, False, "4K", False, True)),
        (0b0100, Arm64Image(0x80000, 0x1000000, False, "16K", False, True)),
        (0b0110, Arm64Image(0x80000, 0x1000000, False, "64K", False, True)),
        (0b1010, Arm64Image(0x80000, 0x1000000, False, "4K", True, True)),
    ],
)
def test_the_flags_of_an_arm64_kernel_are_read(flags: int, expected: Arm64Image) -> None:
    assert arm64image.parse(arm64(flags)) == expected


def test_an_arm64_kernel_without_efi_and_size_is_read() -> None:
    image = arm64image.parse(arm64(code=bytes(8), image_size=0) + b"more")
    assert (image.efi, image.image_size) == (False, 0)


def test_an_arm64_header_is_known_by_its_magic() -> None:
    assert arm64image.is_arm64(arm64())
    assert not arm64image.is_arm64(arm64()[:-1])
    other = arm64().replace(b"ARM\x64", b"ARM\x65")
    assert not arm64image.is_arm64(other)
    with pytest.raises(InputError, match=r"magic at offset 0x38: b'ARMe', not b'ARMd'"):
        arm64image.parse(other)
    with pytest.raises(InputError, match="header at offset 0x0: truncated: 63 of 64 bytes"):
        arm64image.parse(arm64()[:-1])


def efi(offset: int = 56, size: int = 7, magic: bytes = b"MZ\0\0zimg") -> bytes:
    return struct.pack("<8sII8x32s", magic, offset, size, b"zstd22") + b"payload"


def test_a_zboot_header_is_read() -> None:
    kernel = zboot.parse(efi())
    assert (kernel.offset, bytes(kernel.payload), kernel.compression) == (56, b"payload", "zstd22")
    assert zboot.is_zboot(efi())
    assert not zboot.is_zboot(efi(magic=b"MZ\0\0zimh"))


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (efi()[:55], "header at offset 0x0: truncated: 55 of 56 bytes"),
        (efi(magic=b"MZ\0\0zimh"), r"magic at offset 0x0: b'MZ\\x00\\x00zimh', not"),
        (efi(offset=55), "payload at offset 0x8: 7 bytes from 0x37"),
        (efi(size=8), "payload at offset 0x8: 8 bytes from 0x38, the file ends at 0x3f"),
    ],
)
def test_a_damaged_zboot_header_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        zboot.parse(data)


def uboot(content: bytes, *, kind: int = 2, compression: int = 1, size: int | None = None) -> bytes:
    numbers = (0, 1_700_000_000, len(content) if size is None else size, 0x8000, 0x8040, 0)
    tail = struct.pack(">4B32s", 5, 2, kind, compression, b"Linux")
    head = b"\x27\x05\x19\x56" + struct.pack(">6I", *numbers) + tail
    return head[:4] + struct.pack(">I", zlib.crc32(head)) + head[8:] + content


def test_a_uimage_header_is_read() -> None:
    image = uimage.parse(uboot(b"content") + b"behind")
    assert (image.name, image.type, image.compression) == ("Linux", uimage.TYPE_KERNEL, "gzip")
    assert (image.load_addr, image.entry_addr, image.time) == (0x8000, 0x8040, 1_700_000_000)
    assert ([bytes(part) for part in image.parts], bytes(image.trailing)) == ([b"content"], b"behind")


def test_a_wrong_checksum_of_a_uimages_header_is_a_warning() -> None:
    image = uimage.parse(uboot(b"content")[:63] + b"x" + b"content")
    assert [bytes(part) for part in image.parts] == [b"content"]
    assert [one.split(" is ")[0] for one in image.warnings] == ["U-Boot image: header checksum"]
    assert uimage.parse(uboot(b"content")).warnings == ()


@pytest.mark.parametrize(("number", "name"), [(0, "none"), (3, "lzma"), (6, "zstd"), (7, "unknown")])
def test_the_compression_of_a_uimage_is_named(number: int, name: str) -> None:
    assert uimage.parse(uboot(b"", compression=number)).compression == name


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (uboot(b"")[:63], "header at offset 0x0: truncated: 63 of 64 bytes"),
        (b"\x27\x05\x19\x57" + uboot(b"")[4:], "magic at offset 0x0"),
        (uboot(b"content", size=8), "size at offset 0xc: 8 bytes, 7 follow the header"),
    ],
)
def test_a_damaged_uimage_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        uimage.parse(data)


def several(*sizes: int, end: bool = True, content: bytes = b"") -> bytes:
    body = b"".join(struct.pack(">I", size) for size in (*sizes, *([0] if end else [])))
    return uboot(body + content, kind=4)


def test_the_parts_of_a_multi_file_image_are_padded_to_words() -> None:
    image = uimage.parse(several(5, 4, 3, content=b"abcde\0\0\0fghiklm"))
    assert [bytes(part) for part in image.parts] == [b"abcde", b"fghi", b"klm"]
    assert uimage.parse(several()).parts == ()
    assert len(uimage.parse(several(*[1] * 16, content=bytes(64))).parts) == 16


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (several(1, 2, end=False), "part sizes at offset 0x48: the list does not end"),
        (several(*[1] * 17, content=bytes(99)), "part sizes at offset 0x84: the list does not end"),
        (several(4, 5, content=b"abcdefgh"), "part size at offset 0x44: 5 bytes from 0x50 do not fit"),
    ],
)
def test_a_damaged_list_of_parts_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        uimage.parse(data)
