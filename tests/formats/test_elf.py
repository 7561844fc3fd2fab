"""ELF headers against readelf, byte for byte, and damaged."""

import shutil
import struct
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.formats import elf
from hardboot.formats.elf import ProgramHeader

U32 = st.integers(0, (1 << 32) - 1)


def program_header(bits: int, **changes: int) -> ProgramHeader:
    fields = dict.fromkeys(elf.PROGRAM_HEADERS[bits].names(), 0)
    return elf.PROGRAM_HEADERS[bits](**fields | {"type": elf.PT_LOAD} | changes)


def core(bits: int, *rows: ProgramHeader) -> bytes:
    return elf.build(bits, elf.EM_ARM, elf.ET_CORE, rows)


@pytest.mark.parametrize("bits", [32, 64])
def test_readelf_prints_what_was_built(bits: int, tmp_path: Path) -> None:
    values = {"offset": 0x100, "vaddr": 0x2000, "paddr": 0x3000, "filesz": 0x44, "memsz": 0x50, "flags": 5}
    rows = (program_header(bits, **values), program_header(bits, type=elf.PT_NOTE, align=4))
    path = tmp_path / "core"
    path.write_bytes(core(bits, *rows).ljust(0x200, b"\0"))
    readelf = shutil.which("readelf")
    assert readelf
    command = [readelf, "-hlW", str(path)]
    text = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
    words = " ".join(text.split())
    assert f"Class: ELF{bits} Data: 2's complement, little endian Version: 1 (current)" in words
    assert "Type: CORE (Core file) Machine: ARM Version: 0x1" in words
    assert f"Size of program headers: {elf.PROGRAM_HEADERS[bits].SIZE} (bytes)" in words
    load = next(line.split() for line in text.splitlines() if line.split()[:1] == ["LOAD"])
    assert [int(word, 16) for word in load[1:6]] == [0x100, 0x2000, 0x3000, 0x44, 0x50]
    assert load[6:8] == ["R", "E"]
    assert elf.parse("x", path.read_bytes()).program_headers == rows


def test_the_file_header_has_the_bytes_of_linux_elf_h() -> None:
    ident = b"\x7fELF" + bytes([1, 1, 1]) + bytes(9)
    numbers = (4, 40, 1, 0, 52, 0, 0, 52, 32, 1, 0, 0, 0)
    assert core(32, program_header(32))[:52] == ident + struct.pack("<HHIIIIIHHHHHH", *numbers)
    ident = b"\x7fELF" + bytes([2, 1, 1]) + bytes(9)
    numbers = (4, 40, 1, 0, 64, 0, 0, 64, 56, 1, 0, 0, 0)
    assert core(64, program_header(64))[:64] == ident + struct.pack("<HHIQQQIHHHHHH", *numbers)


@given(
    st.sampled_from([32, 64]),
    st.integers(0, 0xFFFF),
    st.integers(0, 0xFFFF),
    st.lists(st.tuples(U32, U32, U32, U32, U32, U32, U32, U32), min_size=1, max_size=3),
)
def test_what_is_built_is_read_back(bits: int, machine: int, kind: int, rows: list[tuple[int, ...]]) -> None:
    names = elf.PROGRAM_HEADERS[bits].names()
    headers = tuple(program_header(bits, **dict(zip(names, row, strict=True))) for row in rows)
    data = elf.build(bits, machine, kind, headers)
    assert len(data) == elf.headers_size(bits, len(rows))
    found = elf.parse("x", data)
    assert (found.bits, found.little_endian, found.size) == (bits, True, len(data))
    assert (found.header.machine, found.header.type) == (machine, kind)
    assert found.program_headers == headers
    assert found.header.build() == data[: found.header.SIZE]


def test_every_number_pyelftools_has_a_name_for_is_read_as_a_number() -> None:
    for number in elf._numbers().values():
        if isinstance(number, int) and number < 1 << 16:
            row = program_header(32, type=number)
            found = elf.parse("x", elf.build(32, number, number, [row]))
            assert (found.header.machine, found.header.type) == (number, number)
            assert found.program_headers == (row,)


@pytest.mark.parametrize("bits", [32, 64])
def test_a_segment_that_ends_behind_the_file_is_refused(bits: int) -> None:
    size = elf.headers_size(bits, 2)
    rows = [program_header(bits, offset=8, filesz=size - 8), program_header(bits, offset=9, filesz=size - 8)]
    found = elf.parse("thing", core(bits, *rows))
    assert found.span(0) == range(8, size)
    at = elf.headers_size(bits, 1) + elf.PROGRAM_HEADERS[bits].offset_of("filesz")
    problem = f"^thing: p_filesz at offset {at:#x}: {size - 8} bytes from 0x9, the file ends at {size:#x}"
    with pytest.raises(InputError, match=problem):
        found.span(1)


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"", "magic at offset 0x0: this is empty file|magic at offset 0x0: this is an empty file"),
        (b"ANDROID!" + bytes(99), "magic at offset 0x0: this is an Android boot image, not an ELF file"),
        (b"\x7fELF", "ELF header at offset 0x0: Invalid EI_CLASS b''"),
        (b"\x7fELF\3\1" + bytes(90), "ELF header at offset 0x0: Invalid EI_CLASS"),
        (b"\x7fELF\1\3" + bytes(90), "ELF header at offset 0x0: Invalid EI_DATA"),
        (core(64, program_header(64))[:63], "ELF header at offset 0x0: "),
        (
            core(32, program_header(32))[:83],
            "e_phoff at offset 0x1c: the program headers end at 0x54",
        ),
    ],
)
def test_what_is_no_elf_file_or_is_truncated_is_refused(data: bytes, problem: str) -> None:
    with pytest.raises(InputError, match=f"^thing: ({problem})"):
        elf.parse("thing", data)


def test_the_number_of_program_headers_is_limited() -> None:
    data = core(32, *[program_header(32)] * 3)
    assert len(elf.parse("x", data, limit=3).program_headers) == 3
    with pytest.raises(InputError, match="e_phnum at offset 0x2c: 3 program headers, from 1 to 2 are"):
        elf.parse("x", data, limit=2)
    with pytest.raises(InputError, match="e_phnum at offset 0x2c: 0 program headers"):
        elf.parse("x", core(32))
    elf.build(32, 0, 0, [program_header(32)] * 65534)
    with pytest.raises(InputError, match="e_phnum at offset 0x2c: 65535 program headers, the limit is 65534"):
        elf.build(32, 0, 0, [program_header(32)] * 65535)


def test_the_byte_order_is_told() -> None:
    head = b"\x7fELF\1\2\1" + bytes(9)
    words = bytes.fromhex(
        "0004 0028 00000001 00000000 00000034 00000000 00000000 0034 0020 0001 0000 0000 0000"
    )
    found = elf.parse("x", head + words + bytes(32))
    assert (found.little_endian, found.header.machine, found.header.type) == (False, elf.EM_ARM, elf.ET_CORE)


def test_only_the_headers_are_read_even_if_a_section_table_is_stated() -> None:
    data = core(32, program_header(32, filesz=0xFFFFFFFF))
    head = elf.parse("x", data).header
    stated = replace(head, shoff=0x7FFFFFFF, shnum=0xFFFF, shstrndx=1, shentsize=40).build()
    content = stated + data[len(stated) :]
    asked: list[tuple[int, int]] = []

    def read(offset: int, size: int) -> bytes:
        asked.append((offset, size))
        return content[offset : offset + size]

    assert elf.parse_with("x", 1 << 40, read).header.shnum == 0xFFFF
    assert asked == [(0, 64), (52, 32)]


@pytest.mark.parametrize("whole", [20, 52])
def test_a_file_that_ends_while_it_is_read_is_refused(whole: int) -> None:
    data = core(32, program_header(32))
    with pytest.raises(InputError, match="x: ELF header at offset 0x0: "):
        elf.parse_with("x", len(data), lambda offset, size: data[:whole][offset : offset + size])


@given(st.binary(max_size=200), st.integers(0, 100))
def test_any_damage_is_refused_or_harmless(junk: bytes, at: int) -> None:
    data = bytearray(core(64, program_header(64), program_header(64)))
    data[at : at + len(junk)] = junk
    try:
        found = elf.parse("x", data)
    except InputError:
        return
    assert len(found.program_headers) == found.header.phnum
