"""Boot images of Sony's in ELF files."""

import re
import struct

import container_builders as build
import pytest

from hardboot.base.errors import InputError
from hardboot.formats.boot import sonyelf


def patched(data: bytes, offset: int, form: str, *values: int) -> bytes:
    changed = bytearray(data)
    struct.pack_into(form, changed, offset, *values)
    return bytes(changed)


SONY = build.sony_elf()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"\x7fELF\1\1\1\0" + SONY[8:], "this is another file"),
        (SONY[:50], "ELF header at offset 0x0: "),
        (patched(SONY, 44, "<H", 0), "e_phnum at offset 0x2c: 0 program headers, from 1 to 16 are allowed"),
        (patched(SONY, 44, "<H", 0xFFFF), "e_phnum at offset 0x2c: 65535 program headers"),
        (
            patched(SONY, 28, "<I", 0xFFFFFFF0),
            "e_phoff at offset 0x1c: the program headers end",
        ),
        (patched(SONY, 52 + 16, "<I", 0xFFFFFFFF), "p_filesz at offset 0x44"),
        (patched(SONY, 52 + 4, "<I", 0), "kernel begins inside"),
        (patched(SONY, 84 + 4, "<I", 4097), "begins inside of what ends at"),
    ],
)
def test_a_damaged_sony_image_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        sonyelf.parse(data)


def test_sony_parts_have_their_names_and_addresses() -> None:
    image = sonyelf.parse(SONY)
    assert [(part.name, part.addr) for part in image.loaded] == [
        *(("kernel", 0x80208000), ("ramdisk", 0x81900000), ("rpm", 0x20000), ("cmdline", 0)),
    ]
