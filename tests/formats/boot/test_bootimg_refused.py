"""What is no boot image or does not fit one is refused; wrong values in a header are warnings."""

import re
import struct
from dataclasses import replace
from typing import Any

import pytest
from golden_images import V0, V1, V2, V3, V4, built

from hardboot.base.errors import InputError
from hardboot.formats.boot import bootimg
from hardboot.formats.boot.bootimg import BootImage


def patched(offset: int, *values: int) -> bytes:
    """Return a good v2 image with words replaced."""
    data = bytearray(built(V2))
    struct.pack_into(f"<{len(values)}I", data, offset, *values)
    return bytes(data)


def refusal(data: bytes) -> str:
    with pytest.raises(InputError) as caught:
        bootimg.parse(data)
    assert caught.value.state
    assert caught.value.fix
    return caught.value.what


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cmdline": "x" * 1537}, "cmdline at offset 0x40: 1537 bytes, the limit is 1536"),
        ({"cmdline": "a\0b"}, "cmdline at offset 0x40: it contains a NUL"),
        ({"cmdline": "\ud800"}, "cmdline at offset 0x40: surrogates not allowed"),
        ({"name": "n" * 17}, "name at offset 0x30: 17 bytes, the limit is 16"),
        ({"kernel_addr": 1 << 32}, "kernel_addr"),
        ({"dtb_addr": -1}, "dtb_addr"),
        ({"id": b"short"}, "id"),
        ({"page_size": 4095}, "page_size"),
        ({"header_version": 5}, "v5"),
        ({"header_version": 3, "page_size": 2048}, "page_size"),
        ({"dt": b"x" * 100}, "dt_size"),
        ({"header_version": 0, "dt": b"x" * 8}, "dt_size at offset 0x28: 8 bytes"),
    ],
)
def test_a_value_that_does_not_fit_is_refused_before_anything_is_written(
    change: dict[str, Any], message: str
) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        bootimg.build(replace(V2, **change))


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "this is an empty file"),
        (b"Dear reader,\nthis is text.\n" * 100, "this is a text file"),
        (bytes(0x38) + b"ARM\x64" + bytes(4096), "this is an arm64 kernel"),
        (b"\x3a\xff\x26\xed" + bytes(4096), "this is an Android sparse image"),
        (b"VNDRBOOT" + bytes(4096), "this is an Android vendor boot image"),
        (b"\x1f\x8b\x08\0" + bytes(4096), "this is gzip data"),
        (b"\x01\x02\x03\xfc" + bytes(4096), "this is unknown data (it begins with 01 02 03 fc 00"),
        (b"ANDROID!" + bytes(100), "header at offset 0x0: truncated: 108 of 1632 bytes"),
        (built(V2)[:1650], "v2 header at offset 0x0: truncated: 1650 of 1660 bytes"),
        (built(V0)[:4100], "kernel_size at offset 0x8: 11 bytes from 0x1000, the file ends at 0x1004"),
        (patched(0x10, 0xFFFFFFFF), "ramdisk_size at offset 0x10: 4294967295 bytes from 0x2000"),
        (patched(0x670, 0x10000), "dtb_size at offset 0x670"),
        (patched(0x28, 3), "ramdisk_size at offset 0xc: 19088743 bytes from 0x2000, the file ends at 0x6000"),
        (patched(0x28, 5), "header_version at offset 0x28: v5"),
        (patched(0x28, 8), "header_version at offset 0x28: v8"),
        (patched(0x28, 0x5D000), "dt_size at offset 0x28: 380928 bytes from 0x4000, the file ends at 0x6000"),
        (patched(0x24, 0), "page_size at offset 0x24: 0, it must be one of"),
        (patched(0x24, 4097), "page_size at offset 0x24: 4097"),
        (patched(0x24, 0x02000000), "page_size at offset 0x2c: 1985229328, it must be one of"),
    ],
)
def test_other_files_are_refused_by_name(data: bytes, message: str) -> None:
    assert message in refusal(data)


def stating(image: BootImage, offset: int, value: int) -> bytes:
    data = bytearray(built(bootimg.renew(image, None)))
    struct.pack_into("<I", data, offset, value)
    return bytes(data)


@pytest.mark.parametrize(
    ("image", "offset", "value", "warning"),
    [
        (V1, 0x66C, 0, "header_size is 0 bytes, v1 has 1648"),
        (V1, 0x66C, 1632, "header_size is 1632 bytes, v1 has 1648"),
        (V2, 0x66C, 1648, "header_size is 1648 bytes, v2 has 1660"),
        (V2, 0x66C, 0xFFFFFFFF, "header_size is 4294967295 bytes, v2 has 1660"),
        (V3, 0x14, 0, "header_size is 0 bytes, v3 has 1580"),
        (V3, 0x14, 1584, "header_size is 1584 bytes, v3 has 1580"),
        (V4, 0x14, 1580, "header_size is 1580 bytes, v4 has 1584"),
        (V4, 0x14, 1 << 20, "header_size is 1048576 bytes, v4 has 1584"),
        (V1, 0x664, 0, "recovery_dtbo_offset is 0x0, the part is at 0x4000"),
        (V2, 0x664, 0x5000, "recovery_dtbo_offset is 0x5000, the part is at 0x4000"),
    ],
)
def test_what_a_header_states_wrongly_is_a_warning_and_stays(
    image: BootImage, offset: int, value: int, warning: str
) -> None:
    data = stating(image, offset, value)
    read = bootimg.parse(data)
    assert read.warnings == (warning,)
    assert built(read) == data
    changed = bytearray(built(replace(read, kernel=b"another")))
    assert struct.unpack_from("<I", changed, offset)[0] == value
    assert bytes(bootimg.parse(bytes(changed)).kernel) == b"another"


@pytest.mark.parametrize("image", [V0, bootimg.renew(V1, None), bootimg.renew(V2, None), V3, V4])
def test_a_good_header_has_no_warning(image: BootImage) -> None:
    assert bootimg.parse(built(image)).warnings == ()
