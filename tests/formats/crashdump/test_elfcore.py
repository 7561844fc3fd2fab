"""Core files: memory by virtual address, headers against readelf, damaged ones."""

import shutil
import subprocess
from pathlib import Path

import pytest
from core_builders import (
    PHYS,
    VIRT,
    note,
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


@pytest.mark.parametrize("bits", [32, 64])
def test_addresses_at_the_edges_mean_that_there_is_none(bits: int) -> None:
    last = (1 << bits) - 1
    loads = [Load(PHYS, vaddr, 0, 0, 4096) for vaddr in (0, 1, last - 1, last)]
    found = elfcore.parse(elfcore.build_headers(bits, elf.EM_ARM, loads, []))
    assert [load.vaddr for load in found.loads] == [None, 1, last - 1, None]


def notes_of(data: bytes) -> list[tuple[str, int, bytes]]:
    core = Core(32, 40, (), data, lambda offset, size: b"")
    return [(found.name, found.type, found.data) for found in core.notes]


def test_notes_are_padded_and_zeros_between_them_are_skipped() -> None:
    first, second = note(b"CORE", 1, b"12345"), note(b"VMCOREINFO", 0, b"A=1")
    expected = [("CORE", 1, b"12345"), ("VMCOREINFO", 0, b"A=1")]
    for zeros in (0, 4, 12, 16, 400):
        assert notes_of(first + bytes(zeros) + second + bytes(zeros)) == expected
    assert notes_of(first + second + b"odd") == expected


def test_a_note_without_a_body_is_read_and_a_cut_one_is_refused() -> None:
    empty = note(b"abc", 7, b"")
    assert notes_of(empty) == [("abc", 7, b"")]
    for size in (12, 13, 15):
        with pytest.raises(InputError, match="note at offset 0x0: 4 \\+ 0 bytes"):
            notes_of(empty[:size])


def test_the_number_of_notes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(elfcore, "_MAX_NOTES", 2)
    assert len(notes_of(note(b"a", 1, b"") * 2)) == 2
    with pytest.raises(InputError, match="more than 2 notes"):
        notes_of(note(b"a", 1, b"") * 3)


def test_the_size_of_the_notes_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    data = with_ring().build()
    size = len(elfcore.parse(data).note_bytes)
    monkeypatch.setattr(elfcore, "_NOTES_LIMIT", size)
    assert elfcore.parse(data).vmcoreinfo
    monkeypatch.setattr(elfcore, "_NOTES_LIMIT", size - 1)
    with pytest.raises(InputError, match=f"p_filesz at offset 0x44: more than {size - 1} bytes of notes"):
        elfcore.parse(data)


def test_notes_have_no_virtual_address_and_memory_may_be_all() -> None:
    load = Load(PHYS, VIRT, 4096, 8, 16)
    file = elf.parse("x", elfcore.build_headers(32, elf.EM_ARM, [load], [(100, 20)]))
    assert file.program_headers == (
        elf.ProgramHeader32(elf.PT_NOTE, 100, 0, 100, 20, 20, 0, 0),
        elf.ProgramHeader32(elf.PT_LOAD, 4096, VIRT, PHYS, 8, 16, 7, 0),
    )


def test_the_size_of_one_read_is_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    core = Core(32, 40, (Load(PHYS, VIRT, 0, 0, 100),), b"", lambda offset, size: b"")
    monkeypatch.setattr(elfcore, "_READ_LIMIT", 10)
    assert core.memory(VIRT, 10) == bytes(10)
    with pytest.raises(InputError, match="11 bytes, the limit of one read is 10"):
        core.memory(VIRT, 11)
