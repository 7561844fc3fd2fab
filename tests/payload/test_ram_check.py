"""ram_check, built for this computer: which pages differ from the pattern; and its Python side."""

import ctypes
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hardboot.base import process
from hardboot.base.errors import DeviceError
from hardboot.base.memory import PAGE_SIZE, Range
from hardboot.payload import build, ram_check

SEED = 0xFFFFFF00
PARAMETERS = 0x800
Check = Callable[[int], None]


@pytest.fixture(scope="module")
def check(tmp_path_factory: pytest.TempPathFactory) -> Check:
    """Return the function of ram_check.c; it takes the address of its parameters."""
    library = tmp_path_factory.mktemp("ram-check") / "ram_check.so"
    flags = ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC"]
    include = f"-I{Path(__file__).parents[1] / 'support/ram_check_host'}"
    gcc = process.find_tool("gcc", "gcc")
    process.run([gcc, *flags, include, build.PAYLOAD / "ram_check.c", "-o", library], timeout_s=60)
    function = ctypes.CDLL(str(library)).ram_check
    function.argtypes, function.restype = [ctypes.c_void_p], None
    return lambda address: function(address)


class Ram:
    """Memory of this computer in place of the phone's: filled as the agent fills it, whole pages."""

    def __init__(self, pages: int) -> None:
        self.buffer = ctypes.create_string_buffer((pages + 1) * PAGE_SIZE)
        start = -(-ctypes.addressof(self.buffer) // PAGE_SIZE) * PAGE_SIZE
        self.range = Range.sized(start, pages * PAGE_SIZE)

    def fill(self, ranges: list[Range]) -> None:
        pattern = ram_check.pattern(SEED)
        for one in ranges:
            at = ram_check.skip(one.start)
            content = (pattern[at:] + pattern * (one.size // len(pattern) + 1))[: one.size]
            ctypes.memmove(one.start, content, one.size)

    def change(self, addr: int, mask: int) -> None:
        byte = ctypes.c_ubyte.from_address(addr)
        byte.value ^= mask

    def pages(self, *numbers: tuple[int, int]) -> list[Range]:
        start = self.range.start
        return [Range(start + first * PAGE_SIZE, start + end * PAGE_SIZE) for first, end in numbers]


def run(check: Check, ranges: list[Range]) -> list[Range]:
    value = ram_check.placeholder(sum(one.size for one in ranges) // PAGE_SIZE)
    tree = b"a tree with" + value + b"in it"
    at = ram_check.find_result(tree, value)
    shown = ctypes.create_string_buffer(tree, len(tree))
    content = ram_check.build(
        "arm64", kernel=0, result=ctypes.addressof(shown) + at, seed=SEED, ranges=ranges
    )
    parameters = ctypes.create_string_buffer(content[PARAMETERS:])
    check(ctypes.addressof(parameters))
    assert shown.raw[: at - 16] == tree[: at - 16]
    assert shown.raw[len(tree) - 5 :] == b"in it"
    return ram_check.parse(shown.raw[at - 16 : len(tree) - 5], value, ranges)


def test_ram_that_holds_the_pattern_is_unchanged(check: Check) -> None:
    ram = Ram(600)  # more than two periods of the pattern
    ram.fill([ram.range])
    assert run(check, [ram.range]) == []


def test_a_bit_anywhere_in_a_page_is_seen(check: Check) -> None:
    ram = Ram(4)
    ram.fill([ram.range])
    second = ram.range.start + PAGE_SIZE
    for offset in (0, 1, 17, 2048, PAGE_SIZE - 1):
        for mask in (1, 0x80):
            ram.change(second + offset, mask)
            assert run(check, [ram.range]) == ram.pages((1, 2))
            ram.change(second + offset, mask)
    assert run(check, [ram.range]) == []


def test_a_page_that_was_moved_by_a_round_number_of_bytes_is_seen(check: Check) -> None:
    ram = Ram(520)
    ram.fill([ram.range])
    ctypes.memmove(ram.range.start + 0x100000, ram.range.start, PAGE_SIZE)
    assert run(check, [ram.range]) == ram.pages((256, 257))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 90), st.integers(1, 9)), min_size=1, max_size=16), st.data())
def test_any_ranges_give_their_changed_pages(
    check: Check, gaps: list[tuple[int, int]], data: st.DataObject
) -> None:
    ram = Ram(sum(gap + size for gap, size in gaps))
    at, places = 0, []
    for gap, size in gaps:
        places.append((at + gap, at + gap + size))
        at += gap + size
    ranges = ram.pages(*places)
    ram.fill(ranges)
    numbers = [number for start, end in places for number in range(start, end)]
    changed = data.draw(st.sets(st.sampled_from(numbers)))
    for number in changed:
        ram.change(ram.range.start + number * PAGE_SIZE + data.draw(st.integers(0, PAGE_SIZE - 1)), 4)
    found = {page for one in run(check, ranges) for page in range(one.start, one.end, PAGE_SIZE)}
    assert found == {ram.range.start + number * PAGE_SIZE for number in changed}


@pytest.mark.parametrize("spoil", [b"", b"\0", b"another"])
def test_what_is_not_the_result_of_this_run_is_refused(spoil: bytes) -> None:
    value = ram_check.placeholder(3)
    done = value[:16] + struct.pack("<I", 0x6B636863) + value[20:]
    assert ram_check.parse(done, value, [Range(0, 3 * PAGE_SIZE)]) == []
    for wrong in (value, done[:-1], done + spoil + b"x", ram_check.placeholder(3), spoil):
        with pytest.raises(DeviceError, match="does not show which pages changed"):
            ram_check.parse(wrong, value, [Range(0, 3 * PAGE_SIZE)])


@pytest.mark.parametrize("arch", ["arm", "arm64"])
def test_the_code_leaves_room_for_its_parameters_and_a_stack(arch: str) -> None:
    ranges = [Range(at * PAGE_SIZE, (at + 1) * PAGE_SIZE) for at in range(ram_check.MAX_RANGES)]
    content = ram_check.build(arch, kernel=1 << 40, result=0x48000000, seed=1, ranges=ranges)
    assert len(content) < PAGE_SIZE
    assert struct.unpack_from("<2Q2IQ", content, PARAMETERS) == (1 << 40, 0x48000000, 1, 257, 16)
    assert ram_check.SIZE - len(content) > PAGE_SIZE


def test_the_pattern_repeats_no_word() -> None:
    words = struct.unpack("<263168I", ram_check.pattern(SEED))
    assert len(set(words)) == len(words)
