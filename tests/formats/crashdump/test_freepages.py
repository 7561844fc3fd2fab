"""Free pages of a crashed kernel, and page structures that cannot be believed."""

from contextlib import nullcontext

import pytest
from core_builders import (
    PHYS,
    SIZE,
    Dump,
    with_free_blocks,
)

from hardboot.base.errors import InputError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.formats.crashdump import elfcore, freepages, vmcoreinfo
from hardboot.formats.crashdump.elfcore import Core


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


@pytest.mark.parametrize(
    ("key", "inside", "outside"),
    [
        ("SIZE(page)", 256, 257),
        ("OFFSET(page._mapcount)", 28, 29),
        ("OFFSET(page._mapcount)", 0, -1),
        ("OFFSET(page.private)", 24, 25),
        ("OFFSET(page.private)", 0, -1),
        ("LENGTH(zone.free_area)", 31, 32),
        ("LENGTH(zone.free_area)", 1, 0),
    ],
)
def test_page_structures_that_cannot_be_are_refused(key: str, inside: int, outside: int) -> None:
    dump = with_free_blocks({})
    dump.info[key] = str(inside)
    assert free_of(dump) == ()
    dump.info[key] = str(outside)
    with pytest.raises(InputError, match=r"VMCOREINFO at offset 0x0: .* orders"):
        free_of(dump)


@pytest.mark.parametrize("size", [15, 16])
def test_page_structures_have_at_least_16_bytes(size: int) -> None:
    dump = with_free_blocks({})
    dump.info |= {"SIZE(page)": str(size), "OFFSET(page._mapcount)": "0", "OFFSET(page.private)": "4"}
    with nullcontext() if size == 16 else pytest.raises(InputError, match="15 bytes, _mapcount at 0"):
        assert free_of(dump) == ()


def test_more_memory_than_a_phone_has_is_not_searched(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(freepages, "_PAGES_LIMIT", SIZE // PAGE_SIZE)
    assert free_of(with_free_blocks({})) == ()
    monkeypatch.setattr(freepages, "_PAGES_LIMIT", SIZE // PAGE_SIZE - 1)
    assert free_of(with_free_blocks({})) is None


def test_a_dump_without_memory_has_no_free_pages() -> None:
    core = Core(32, 40, (), b"", lambda offset, size: b"")
    info = vmcoreinfo.parse("".join(f"{k}={v}\n" for k, v in with_free_blocks({}).info.items()).encode())
    assert freepages.find(core, info) is None
