"""Core files: memory by virtual address, headers against readelf, damaged ones."""

import shutil
import subprocess
from pathlib import Path

import pytest
from core_builders import (
    PHYS,
    VIRT,
    with_ring,
)

from hardboot.base.errors import InputError
from hardboot.formats import elf
from hardboot.formats.crashdump import elfcore
from hardboot.formats.crashdump.elfcore import Core, Load


def test_memory_is_read_by_virtual_address_and_what_was_left_out_is_zero() -> None:
    loads = (
        Load(PHYS, VIRT, 100, 4, 8),
        Load(PHYS + 8, VIRT + 8, 104, 4, 4),
        Load(PHYS + 12, None, 108, 4, 4),
    )
    data = bytes(100) + b"abcdefghijkl"
    core = Core(32, 40, loads, b"", lambda offset, size: data[offset : offset + size])
    assert core.memory(VIRT, 12) == b"abcd\0\0\0\0efgh"
    assert core.memory(VIRT + 2, 4) == b"cd\0\0"
    assert core.memory(VIRT + 6, 3) == b"\0\0e"
    for address, size in ((VIRT - 1, 1), (VIRT + 8, 5), (VIRT + 12, 1), (VIRT, 1 << 40)):
        with pytest.raises(InputError, match="memory at"):
            core.memory(address, size)


@pytest.mark.parametrize("bits", [32, 64])
def test_headers_that_are_built_read_back_and_readelf_agrees(bits: int, tmp_path: Path) -> None:
    loads = [Load(PHYS, VIRT, 4096, 4096, 8192), Load(PHYS + 8192, None, 8192, 4096, 4096)]
    notes = elf.headers_size(bits, 3)
    head = elfcore.build_headers(bits, elf.EM_ARM, loads, [(notes, 16)])
    assert len(head) == notes
    path = tmp_path / "core"
    data = head.ljust(12288, b"\0")
    path.write_bytes(data)
    core = elfcore.parse(data)
    assert (core.bits, core.machine, core.loads) == (bits, elf.EM_ARM, tuple(loads))
    readelf = shutil.which("readelf")
    assert readelf
    text = subprocess.run(
        [readelf, "-hlW", path], capture_output=True, text=True, check=True, timeout=20
    ).stdout
    assert "CORE (Core file)" in text
    rows = [line.split()[:6] for line in text.splitlines() if line.strip().startswith(("LOAD", "NOTE"))]
    assert [row[0] for row in rows] == ["NOTE", "LOAD", "LOAD"]
    assert [int(word, 16) for word in rows[1][1:6]] == [4096, VIRT, PHYS, 4096, 8192]


def test_what_does_not_fit_into_32_bits_is_refused() -> None:
    with pytest.raises(
        InputError,
        match="paddr at offset 0xc: 4294967296 does not fit",
    ):
        elfcore.build_headers(32, 40, [Load(1 << 32, None, 0, 1, 1)], [])
    many = [Load(PHYS, None, 0, 0, 0)] * 65535
    with pytest.raises(InputError, match="65535 program headers"):
        elfcore.build_headers(32, 40, many, [])


@pytest.mark.parametrize(
    ("offset", "value", "said"),
    [
        (0, b"\x7fELG", "magic at offset 0x0: this is unknown data"),
        (4, b"\x03", "ELF header at offset 0x0: Invalid EI_CLASS"),
        (5, b"\x02\x01", "little-endian|e_p"),  # big-endian
        (16, b"\x02\0", "e_type at offset 0x10: type 2, it must be"),
        (28, b"\xff\xff\xff\x7f", "e_phoff at offset 0x1c: the program headers end at 0x8000003f"),
        (44, b"\xff\xff", "e_phnum at offset 0x2c: 65535 program headers"),
        (44, b"\0\0", "e_phnum at offset 0x2c: 0 program headers"),
        (42, b"\x10\0", "e_phentsize at offset 0x2a: 16 bytes, a program header has 32"),
        (52 + 16, b"\xff\xff\xff\x7f", "p_filesz at offset 0x44"),  # size of the notes
        (84 + 4, b"\xff\xff\xff\x7f", "p_filesz at offset 0x64"),  # where memory lies
        (84 + 20, b"\0\0\0\0", "p_memsz at offset 0x68"),
        (84 + 12, b"\xff\xff\xff\xff", "p_memsz at offset 0x68"),
        (116 + 4, b"\xff\xff\xff\x7f", "note at offset 0x0"),
    ],
)
def test_damaged_headers_are_refused(offset: int, value: bytes, said: str) -> None:
    data = bytearray(with_ring().build())
    data[offset : offset + len(value)] = value
    with pytest.raises(InputError, match=said):
        elfcore.parse(bytes(data))
