"""What a file is named after its first bytes, on files made by the tools that own the formats."""

import bz2
import gzip
import lzma

import pytest
from fit_images import fit_image
from hypothesis import given, settings
from hypothesis import strategies as st
from image_builders import board, zimage

from hardboot.formats.sniff import described, sniff


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "empty file"),
        (zimage(), "ARM zImage kernel"),
        (b"MZ" + zimage()[2:], "ARM zImage kernel"),
        (b"MZ" + bytes(0x36) + b"ARM\x64", "arm64 kernel"),
        (board("x"), "device tree"),
        (gzip.compress(b"x"), "gzip data"),
        (lzma.compress(b"x"), "xz data"),
        (lzma.compress(b"x", lzma.FORMAT_ALONE), "lzma data"),
        (bz2.compress(b"x"), "bzip2 data"),
        (b"070701" + b"0" * 104, "cpio archive"),
        (b"\x3a\xff\x26\xed\x01\0", "Android sparse image"),
        ("Größe\n".encode(), "text file"),
        (b"PK\3\4", "ZIP archive"),
        (b"PXA-DT\1\0", "Marvell device tree table (PXA-DT)"),
        (b"\x7fELF\1\1\1\x61", "Sony boot image (ELF)"),
        (b"\x7fELF\2\1\1\0", "ELF file"),
        (b"\x7fELF\2\1\1\x61", "Sony boot image (ELF)"),
        (b"\x7fELF\2\1\1\0" + bytes(8) + b"\2\0\x28\0" + bytes(12), "Sony boot image (ELF)"),
        (b"\x7fELF\2\1\1\0" + bytes(8) + b"\2\0\xb7\0" + bytes(12), "ELF file"),
        (b"CHROMEOS", "ChromeOS kernel image"),
        (b"KRNL\0\0\1\0", "Rockchip image (KRNL or PARM)"),
        (b"PARM\0\0\1\0", "Rockchip image (KRNL or PARM)"),
        (b"\x27\x05\x19\x56" + bytes(26) + b"\3\0", "U-Boot ramdisk (uInitrd)"),
        (b"\x27\x05\x19\x56" + bytes(26) + b"\2", "U-Boot image"),
        (b"\x27\x05\x19\x56" + bytes(26) + b"\2\0", "U-Boot image"),
        (b"\x27\x05\x19\x56" + bytes(26) + b"\4\0", "U-Boot image"),
        (b"\x27\x05\x19\x56" + bytes(26) + b"\16\0", "U-Boot image"),
        (b"\x27\x05\x19\x56" + bytes(26) + b"\6\0", "U-Boot image (no kernel)"),
        (b"\xff" * 4096, None),
        ("\xff\xfe".encode("latin-1") + b"text", "text file"),
        (b"AML_\2\0\0\0", "Amlogic device tree table (AML_)"),
        (b"BSDIFF40" + bytes(24), "binary patch (BSDIFF40)"),
        (b"OPPOENCRYPT!" + bytes(100), "encrypted OPPO firmware file (OPPOENCRYPT!)"),
        (b"AMLSECU!\5\x09\0\0", "encrypted Amlogic image (AMLSECU!)"),
        (bytes(4096), None),
        (b"\x00\x01", None),
    ],
)
def test_a_file_has_a_kind(data: bytes, name: str | None) -> None:
    assert sniff(data) == name


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "an empty file"),
        (zimage(), "an ARM zImage kernel"),
        (board("x"), "a device tree"),
        (fit_image(), "a U-Boot FIT image"),
        (b"\x27\x05\x19\x56", "a U-Boot image"),
        (b"OPPOENCRYPT!", "an encrypted OPPO firmware file (OPPOENCRYPT!)"),
        (b"\x1f\x8b", "gzip data"),
        (b"\0\1\2", "unknown data (it begins with 00 01 02)"),
    ],
)
def test_errors_can_name_the_kind_of_a_file(data: bytes, words: str) -> None:
    assert described(data) == words


@settings(max_examples=200)
@given(st.binary(max_size=100))
def test_any_bytes_can_be_described(data: bytes) -> None:
    assert described(data)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        (b"a\tb\r\n\f\x1b[0m", True),
        (b"a\x7f", False),
        (b"a\x1f", False),
        (b"a\x08", False),
        (b"\xff ", True),
        (b"x" * 511 + b"\0", False),
        (b"x" * 512 + b"\0", True),
    ],
)
def test_text_has_no_controls_but_those_of_text(data: bytes, text: bool) -> None:
    assert sniff(data) == ("text file" if text else None)
