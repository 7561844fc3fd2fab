"""Free pages of a crashed kernel, and page structures that cannot be believed."""

import pytest
from core_builders import (
    PHYS,
    Dump,
    with_free_blocks,
)

from hardboot.base.errors import InputError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.formats.crashdump import elfcore, freepages, vmcoreinfo


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
