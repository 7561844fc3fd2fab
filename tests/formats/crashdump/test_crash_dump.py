"""Dumps of crashed kernels: what is read out of them, and that nothing in them leads astray."""

import contextlib
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest
from core_builders import (
    MESSAGES,
    PHYS,
    SIZE,
    VIRT,
    Dump,
    Message,
    prstatus,
    with_characters,
    with_free_blocks,
    with_records,
    with_ring,
)
from hypothesis import given
from hypothesis import strategies as st

from hardboot.base.errors import InputError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.crash import analysis as crashed
from hardboot.formats import elf
from hardboot.formats.crashdump import elfcore, freepages, kernellog, registers, vmcoreinfo
from hardboot.formats.crashdump.elfcore import Core, Load


def read_log(dump: Dump) -> list[str]:
    core = elfcore.parse(dump.build())
    return [str(line) for line in kernellog.read(core, vmcoreinfo.parse(core.vmcoreinfo or b""))]


EXPECTED = [
    "[    0.000000] Booting Linux on physical CPU 0x0",
    "[    1.500000] two lines",
    "[    1.500000] in one message",
    "[   13.379429] Kernel panic - not syncing: sysrq triggered crash",
    "[   13.379910] CPU: 1 PID: 274 Comm: sh Kdump: loaded Not tainted 6.1.176 #1",
]


@pytest.mark.parametrize("build", [with_ring, with_records])
def test_the_log_is_read_with_its_times(build: Callable[[], Dump]) -> None:
    assert read_log(build()) == EXPECTED


@pytest.mark.parametrize("count", [7, 8, 9, 20, 50])
@pytest.mark.parametrize("build", [with_ring, with_records])
def test_of_a_log_that_went_round_the_newest_messages_are_read(
    build: Callable[[tuple[Message, ...]], Dump], count: int
) -> None:
    messages = tuple(
        (number * 1_000_000_000, b"message %d " % number * (number % 5 + 1)) for number in range(count)
    )
    found = read_log(build(messages))
    wanted = [f"[{number:5}.000000] {said.decode()}" for number, (_, said) in enumerate(messages)]
    assert 3 <= len(found) <= len(wanted)
    assert found == wanted[-len(found) :]


@pytest.mark.parametrize("count", [3, 300])
def test_a_ring_of_characters_begins_with_the_oldest(count: int) -> None:
    text = b"".join(b"<6>[    1.%06d] line\n" % number for number in range(count))
    found = read_log(with_characters(text))
    assert found[-3:] == text.decode().splitlines()[-3:]
    assert len("\n".join(found)) <= 256


@pytest.mark.parametrize("size", [255, 256, 257])
def test_a_ring_of_characters_that_is_just_full_is_read_whole(size: int) -> None:
    text = b"".join(b"line %3d\n" % number for number in range(40))[-size:]
    assert read_log(with_characters(text)) == text[-256:].decode().splitlines()


def test_an_empty_ring_of_characters_has_no_lines() -> None:
    assert read_log(with_characters(b"")) == []
    dump = with_characters(b"text\n")
    dump.words(VIRT + 0x14, 0)
    assert read_log(dump) == []


def test_the_number_of_records_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernellog, "_COUNT_LIMIT", len(MESSAGES))
    with pytest.raises(InputError, match=f"more than {len(MESSAGES)} messages"):
        read_log(with_records())
    monkeypatch.setattr(kernellog, "_COUNT_LIMIT", len(MESSAGES) + 1)
    assert read_log(with_records()) == EXPECTED


def test_what_is_no_text_is_not_shown_to_a_terminal() -> None:
    assert read_log(with_ring(((0, b"a\x1b[31mb\xff\tc"),))) == ["[    0.000000] a�[31mb�\tc"]


def test_a_message_that_is_being_replaced_is_left_out() -> None:
    dump = with_ring()
    old = int.from_bytes(dump.memory[0x1000 : 0x1000 + 4], "little")  # of the first message
    dump.words(VIRT + 0x1000, old + 8)  # the id of one lap later
    assert read_log(dump) == EXPECTED[1:]


@pytest.mark.parametrize("missing", [key for key in with_ring().info if "(" in key])
def test_a_kernel_that_does_not_tell_where_its_log_is_gives_an_error(missing: str) -> None:
    dump = with_ring()
    del dump.info[missing]
    with pytest.raises(InputError, match="VMCOREINFO"):
        read_log(dump)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SIZE(prb_desc)", "99999999"),
        ("OFFSET(prb_desc.state_var)", "12"),
        ("OFFSET(prb_data_ring.size_bits)", "4"),  # reads an address for the size
        ("OFFSET(prb_desc_ring.count_bits)", "4"),
        ("SYMBOL(prb)", "ffffffff"),
        ("OFFSET(atomic_long_t.counter)", "4"),
    ],
)
def test_numbers_that_make_no_sense_are_refused(key: str, value: str) -> None:
    dump = with_ring()
    dump.info[key] = value
    with pytest.raises(InputError):
        read_log(dump)


def test_the_registers_of_each_cpu_are_read_and_the_one_that_panicked_is_named(tmp_path: Path) -> None:
    dump = with_ring()
    dump.notes = [prstatus(0, 0xC0101234), prstatus(274, 0xC0084868)]
    dump.info["CRASHTIME"] = "1795428433"
    path = tmp_path / "dump"
    path.write_bytes(dump.build())
    found = crashed.read(path)
    assert [(cpu.index, cpu.pid, cpu.registers["pc"]) for cpu in found.cpus] == [
        (0, 0, 0xC0101234),
        (1, 274, 0xC0084868),
    ]
    assert found.cpus[0].registers["r0"] == 0x100
    assert found.cpus[0].registers["cpsr"] == 0x60000093
    assert found.panic is not None
    assert found.panic.text == "Kernel panic - not syncing: sysrq triggered crash"
    assert (found.panic.process, found.panic.cpu) == ((274, "sh"), 1)
    assert (found.arch, found.release, found.time) == ("arm", "6.1.176", 1795428433)
    assert found.ram == (Range.sized(PHYS, SIZE),)


def test_a_cpu_is_not_called_the_one_that_panicked_without_proof(tmp_path: Path) -> None:
    dump = with_ring()
    dump.notes = [prstatus(9, 0), prstatus(9, 0)]
    (tmp_path / "dump").write_bytes(dump.build())
    panic = crashed.read(tmp_path / "dump").panic
    assert panic
    assert panic.cpu is None


def test_a_short_register_note_is_left_out() -> None:
    dump = Dump(notes=[(b"CORE", 1, bytes(100))])
    assert registers.cpus(elfcore.parse(dump.build())) == ()


# Free pages


def free_of(dump: Dump) -> tuple[Range, ...] | None:
    core = elfcore.parse(dump.build())
    return freepages.find(core, vmcoreinfo.parse(core.vmcoreinfo or b""))


def test_free_blocks_are_found_and_neighbours_are_joined() -> None:
    start = PHYS // PAGE_SIZE
    assert start % 16 == 0
    found = free_of(with_free_blocks({16: 4, 32: 0, 40: 3}))
    pages = [(one.start // PAGE_SIZE - start, one.end // PAGE_SIZE - start) for one in found or ()]
    assert pages == [(16, 33), (40, 48)]


@pytest.mark.parametrize("blocks", [{17: 4}, {16: 11}, {16: 0x80000000}])
def test_a_block_that_cannot_be_one_makes_all_of_it_unbelievable(blocks: dict[int, int]) -> None:
    with pytest.raises(InputError, match="a block of"):
        free_of(with_free_blocks(blocks))


@pytest.mark.parametrize("missing", [key for key in with_free_blocks({}).info if "(" in key])
def test_without_one_of_the_facts_nothing_is_called_free(missing: str) -> None:
    dump = with_free_blocks({16: 4})
    del dump.info[missing]
    assert free_of(dump) is None


def test_a_kernel_with_sections_of_memory_is_not_guessed_at() -> None:
    dump = with_free_blocks({16: 4})
    dump.info["SYMBOL(mem_section)"] = "c0000000"
    assert free_of(dump) is None


# The file itself


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


def test_an_empty_or_other_file_is_refused(tmp_path: Path) -> None:
    for content in (b"", b"\x7fELF", b"text" * 100):
        (tmp_path / "dump").write_bytes(content)
        with pytest.raises(InputError):
            crashed.read(tmp_path / "dump")


@given(st.binary(max_size=400), st.integers(0, 300))
def test_any_damage_is_refused_or_harmless(junk: bytes, at: int) -> None:
    data = bytearray(with_ring().build(0x8000))
    data[at : at + len(junk)] = junk
    with contextlib.suppress(InputError):
        core = elfcore.parse(bytes(data))
        kernellog.read(core, vmcoreinfo.parse(core.vmcoreinfo or b""))


@given(st.dictionaries(st.sampled_from(sorted(with_ring().info)), st.integers(-9, 1 << 33).map(str)))
def test_any_numbers_in_vmcoreinfo_are_refused_or_harmless(changes: dict[str, str]) -> None:
    dump = with_ring()
    dump.info |= changes
    try:
        found = read_log(dump)
    except InputError:
        return
    assert sum(map(len, found)) < 1 << 20
