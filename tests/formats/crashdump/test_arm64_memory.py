"""Virtual addresses of a crashed arm64 kernel's memory, from what it tells in VMCOREINFO."""

from dataclasses import replace

import pytest

from hardboot.formats import elf
from hardboot.formats.crashdump import arm64_memory, vmcoreinfo
from hardboot.formats.crashdump.elfcore import Core, Load

# As Linux 6.1 on the virtual phone told it: 39 bits, the image at 0x6aa00000, its text 64 KiB above that.
INFO = {
    "SYMBOL(_stext)": "ffffffc008010000",
    "NUMBER(VA_BITS)": "39",
    "NUMBER(kimage_voffset)": "0xffffffbf9d600000",
    "NUMBER(PHYS_OFFSET)": "0x40000000",
}
RAM = ((0x40000000, 0x2AA10000), (0x6AA10000, 0x610000), (0x6B020000, 0xFBE0000))


def core(*stretches: tuple[int, int], machine: int = elf.EM_AARCH64) -> Core:
    loads = tuple(Load(start, None, 0x1000 + start, size, size) for start, size in stretches)
    return Core(64, machine, loads, b"", lambda _offset, size: bytes(size))


def addresses(made: Core, **changed: str) -> list[int | None]:
    text = "".join(f"{key}={value}\n" for key, value in {**INFO, **changed}.items())
    found = arm64_memory.with_addresses(made, vmcoreinfo.parse(text.encode()))
    return [load.vaddr for load in found.loads]


def test_ram_is_in_the_linear_map_and_the_image_beside_it() -> None:
    # sp of a task was 0xffffff8001393a50, the symbol prb 0xffffffc0085339b8.
    assert addresses(core(*RAM)) == [0xFFFFFF8000000000, 0xFFFFFFC008010000, 0xFFFFFF802B020000]


def test_the_linear_map_was_the_upper_half_before_5_4() -> None:
    old = {
        "SYMBOL(_stext)": "ffffff8008081000",
        "NUMBER(kimage_voffset)": "0xffffff7f88000000",
        "NUMBER(PHYS_OFFSET)": "0x80000000",
    }
    stretches = ((0x80000000, 0x80000), (0x80080000, 0x1000000), (0x100000000, 0x1000))
    assert addresses(core(*stretches), **old) == [0xFFFFFFC000000000, 0xFFFFFF8008080000, 0xFFFFFFC080000000]


def test_a_randomised_start_of_the_linear_map_wraps() -> None:
    found = addresses(core((0x40000000, 0x1000)), **{"NUMBER(PHYS_OFFSET)": "0xffffffc840000000"})
    assert found == [(0x40000000 - 0xFFFFFFC840000000 + 0xFFFFFF8000000000) % 2**64]


def test_ram_that_is_not_split_at_the_image_is_all_linear() -> None:
    assert addresses(core((0x40000000, 0x40000000))) == [0xFFFFFF8000000000]


@pytest.mark.parametrize("missing", INFO)
def test_without_one_of_the_facts_nothing_is_known(missing: str) -> None:
    assert addresses(core(*RAM), **{missing: ""}) == [None, None, None]


@pytest.mark.parametrize("bits", ["35", "53", "-39"])
def test_impossible_sizes_of_addresses_are_not_used(bits: str) -> None:
    assert addresses(core(*RAM), **{"NUMBER(VA_BITS)": bits}) == [None, None, None]


def test_other_dumps_stay_as_they_are() -> None:
    assert addresses(core(*RAM, machine=elf.EM_ARM)) == [None, None, None]
    made = core(*RAM)
    known = replace(made, loads=(replace(made.loads[0], vaddr=0x1234), *made.loads[1:]))
    assert addresses(known) == [0x1234, None, None]
