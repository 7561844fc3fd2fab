"""Free pages of arm64 kernels: found through sections of memory and page tables, made by hand."""

import struct

import pytest

from hardboot.base.errors import InputError
from hardboot.base.memory import Range
from hardboot.formats import elf
from hardboot.formats.crashdump import freepages
from hardboot.formats.crashdump.elfcore import Core, Load
from hardboot.formats.crashdump.vmcoreinfo import Vmcoreinfo

PHYS, SIZE, PAGE, MIB = 0x4000_0000, 8 << 20, 4096, 1 << 20
IMAGE = 0xFFFF_FFC0_0800_0000  # virtual address of the kernel's image, which lies at PHYS here
LINEAR = 0xFFFF_FF80_0000_0000  # of RAM
VMEMMAP = 0xFFFF_FFFE_0000_0000 - PHYS // PAGE * 64  # of the page structure of page 0
PGD, PMD, PTE, ROOTS, SECTIONS, FIRST = (PHYS + number * PAGE for number in range(6))
BLOCK = PHYS + 4 * MIB  # two MiB with the arrays of the later sections
FREE = 0xFFFF_FF7F
INFO = {
    "PAGESIZE": "4096",
    "SYMBOL(swapper_pg_dir)": f"{IMAGE:x}",
    "SYMBOL(mem_section)": f"{LINEAR + ROOTS - PHYS:x}",
    "SIZE(mem_section)": "16",
    "OFFSET(mem_section.section_mem_map)": "0",
    "NUMBER(SECTION_SIZE_BITS)": "21",
    "NUMBER(VA_BITS)": "39",
    "NUMBER(kimage_voffset)": hex(IMAGE - PHYS),
    "SIZE(page)": "64",
    "OFFSET(page._mapcount)": "48",
    "OFFSET(page.private)": "40",
    "NUMBER(PAGE_BUDDY_MAPCOUNT_VALUE)": "-129",
    "LENGTH(zone.free_area)": "11",
}


class Memory:
    """RAM of four sections of 2 MiB: the arrays of the first in pages, of the others in a block of 2 MiB."""

    def __init__(self) -> None:
        self.ram = bytearray(SIZE)
        self.words(PGD, {VMEMMAP_INDEX[0]: PMD | 3})
        self.words(PMD, {VMEMMAP_INDEX[1]: PTE | 3})
        # The array of a section has 32 KiB: eight pages. The first is mapped by pages, in reverse order.
        self.words(PTE, {number: FIRST + (7 - number) * PAGE | 3 for number in range(8)})
        self.words(ROOTS, {PHYS // (2 * MIB) // 256: LINEAR + SECTIONS - PHYS})
        for number in range(4):
            self.section(number, VMEMMAP | 7)

    def words(self, at: int, values: dict[int, int]) -> None:
        for index, value in values.items():
            struct.pack_into("<Q", self.ram, at - PHYS + 8 * index, value)

    def section(self, number: int, coded: int) -> None:
        struct.pack_into("<Q", self.ram, SECTIONS - PHYS + 16 * number, coded)

    def free(self, page: int, order: int) -> None:
        """Mark a block that begins with the page of this number in the first section."""
        table, entry = divmod(page * 64, PAGE)
        at = FIRST + (7 - table) * PAGE + entry - PHYS
        struct.pack_into("<Q", self.ram, at + 40, order)
        struct.pack_into("<I", self.ram, at + 48, FREE)

    def find(self, machine: int = elf.EM_AARCH64, /, **changed: str) -> list[tuple[int, int]] | None:
        loads = (Load(PHYS, LINEAR, PHYS, SIZE, SIZE),)
        core = Core(64, machine, loads, b"", lambda at, size: bytes(self.ram[at - PHYS : at - PHYS + size]))
        fields = {key: value for key, value in {**INFO, **changed}.items() if value}
        found = freepages.find(core, Vmcoreinfo(fields))
        return None if found is None else [in_pages(one) for one in found]


VMEMMAP_INDEX = (0x1F8, 0)  # of 0xfffffffe00000000 in tables of 39 bits: bits 38 to 30, bits 29 to 21


def in_pages(one: Range) -> tuple[int, int]:
    return (one.start - PHYS) // PAGE, (one.end - PHYS) // PAGE


def test_free_blocks_are_found_where_the_page_tables_lead() -> None:
    memory = Memory()
    for page, order in ((64, 6), (128, 0), (448, 6)):
        memory.free(page, order)
    assert memory.find() == [(64, 129), (448, 512)]


def test_blocks_of_two_sections_are_joined_and_large_mappings_followed() -> None:
    memory = Memory()
    memory.free(448, 6)
    # The second section's structures, 32 KiB further, in a block of 2 MiB.
    memory.section(1, (VMEMMAP + 2 * MIB) | 7)
    memory.words(PMD, {1: BLOCK | 1})
    at = BLOCK - PHYS + 512 * 64
    struct.pack_into("<Q", memory.ram, at + 40, 3)
    struct.pack_into("<I", memory.ram, at + 48, FREE)
    assert memory.find() == [(448, 520)]


def test_a_section_without_structures_and_what_is_not_mapped_are_not_free() -> None:
    memory = Memory()
    memory.free(64, 6)
    memory.section(0, VMEMMAP)  # no SECTION_HAS_MEM_MAP
    assert memory.find() == []
    memory = Memory()
    memory.free(64, 6)
    memory.words(PTE, {1: 0})  # page structures 64 to 127
    assert memory.find() == []
    memory.words(ROOTS, {PHYS // (2 * MIB) // 256: 0})
    assert memory.find() == []


@pytest.mark.parametrize("missing", INFO)
def test_without_one_of_the_facts_nothing_is_called_free(missing: str) -> None:
    assert Memory().find(**{missing: ""}) is None


@pytest.mark.parametrize(
    ("key", "value"), [("PAGESIZE", "16384"), ("NUMBER(VA_BITS)", "52"), ("NUMBER(VA_BITS)", "-1")]
)
def test_other_tables_are_not_guessed_at(key: str, value: str) -> None:
    assert Memory().find(**{key: value}) is None
    assert Memory().find(elf.EM_ARM) is None


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("SIZE(mem_section)", "8192"),
        ("OFFSET(mem_section.section_mem_map)", "9"),
        ("OFFSET(mem_section.section_mem_map)", "-1"),
        ("NUMBER(SECTION_SIZE_BITS)", "12"),
        ("SYMBOL(swapper_pg_dir)", "1000"),
        ("SYMBOL(mem_section)", "1000"),
    ],
)
def test_facts_that_make_no_sense_are_refused(key: str, value: str) -> None:
    with pytest.raises(InputError):
        Memory().find(**{key: value})


def test_a_block_that_cannot_be_one_makes_all_of_it_unbelievable() -> None:
    memory = Memory()
    memory.free(65, 6)
    with pytest.raises(InputError, match="a block of"):
        memory.find()


def test_a_dump_of_impossible_size_is_not_searched() -> None:
    load = Load(0, None, 0, 0, 1 << 60)
    core = Core(64, elf.EM_AARCH64, (load,), b"", lambda _at, size: bytes(size))
    assert freepages.find(core, Vmcoreinfo(dict(INFO))) is None
